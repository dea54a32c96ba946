package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/store/storetest"
)

// stocked returns a store with something of everything, and its runs.
func stocked(t testing.TB, dir string) (*DB, []*storetest.Run) {
	t.Helper()
	db := openStore(t, dir, Options{})
	ended := storetest.New(1, storetest.Epoch, "invoice", "k1").Whole("internal", "starter", "approved")
	waiting := storetest.New(2, storetest.Epoch, "invoice", "").Queued("pay", "d-open", "payments")
	settled := storetest.New(3, storetest.Epoch, "claim", "").Queued("pay", "d-done", "payments").Decided("d-done", mission.Reject)
	for _, r := range []*storetest.Run{ended, waiting, settled} {
		appendTo(t, db, r)
	}
	if _, err := db.PutPolicy(ctx, []byte("classes: []"), "u-1"); err != nil {
		t.Fatal(err)
	}
	if err := db.ActivatePolicy(ctx, 1, "u-1"); err != nil {
		t.Fatal(err)
	}
	putDraft(t, db, "invoice", "name: invoice")
	if _, _, err := db.NewSession(ctx, policy.Principal{ID: "u-1"}, 3600e9, ""); err != nil {
		t.Fatal(err)
	}
	return db, []*storetest.Run{ended, waiting, settled}
}

// TestCheckFindsEveryKindOfDamage is the negative control of the check, which
// every other test relies on.
func TestCheckFindsEveryKindOfDamage(t *testing.T) {
	run := func(n int) runKey { return mustRun(storetest.ID(storetest.Epoch, uint64(n))) }
	first := run(1)
	put := func(b bucket, key []byte, v any) func(*tx) error {
		return func(t *tx) error { return t.putJSON(b, key, v) }
	}
	for _, c := range []struct {
		damage string
		do     func(*tx) error
		where  string // of a finding
		hint   string
	}{
		{"a bit of an observation has flipped", func(t *tx) error {
			key := first.observation(2)
			v := bytes.Clone(t.bucket(bucketJournal).Get(key))
			v[len(v)-9] ^= 1
			return t.putSealed(bucketJournal, key, v)
		}, "journal", hintRestore},
		{"an observation in the middle is gone", func(t *tx) error { return t.delete(bucketJournal, first.observation(3)) }, "run ", hintRestore},
		{"the last observation is gone", func(t *tx) error { return t.delete(bucketJournal, first.observation(10)) }, "index row", hintRebuild},
		{"an observation stands in another's place", func(t *tx) error {
			v := bytes.Clone(t.bucket(bucketJournal).Get(first.observation(3)))
			return t.putSealed(bucketJournal, first.observation(2), v)
		}, "journal", hintRestore},
		{"a whole run is in another's place", func(t *tx) error {
			for seq := uint64(1); ; seq++ {
				v, err := t.get(bucketJournal, first.observation(seq))
				if v == nil || err != nil {
					return err
				}
				if err := t.put(bucketJournal, run(9).observation(seq), bytes.Clone(v)); err != nil {
					return err
				}
			}
		}, "run ", hintRestore},
		{"an index row says something else", func(t *tx) error {
			r, err := t.row(first)
			if err != nil {
				return err
			}
			r.Verdict = "rejected"
			return t.putJSON(bucketRuns, first[:], r)
		}, "index row", hintRebuild},
		{"an index row is gone", func(t *tx) error { return t.delete(bucketRuns, first[:]) }, "index row", hintRebuild},
		{"an index row of no run", put(bucketRuns, bytes.Repeat([]byte{7}, runBytes), row{}), "bucket runs", hintRebuild},
		{"an index entry is gone", func(t *tx) error { return t.delete(bucketIndex, indexKey(byMission, "invoice", first)) }, "index", hintRebuild},
		{"an index entry too many", func(t *tx) error {
			return t.bucket(bucketIndex).Put(indexKey(byVerdict, "rejected", first), nil)
		}, "bucket index", hintRebuild},
		{"a counter is wrong", func(t *tx) error { return t.count(byMission, "invoice", 1) }, "counter", hintRebuild},
		{"a counter is gone", func(t *tx) error { return t.delete(bucketCounts, countKey(byVerdict, "approved")) }, "counters", hintRebuild},
		{"a counter of nothing", func(t *tx) error { return t.count(byModel, "ghost", 1) }, "counter", hintRebuild},
		{"a search text is wrong", func(t *tx) error { return t.put(bucketText, first[:], []byte("x")) }, "search text", hintRebuild},
		{"an idempotency key leads elsewhere", func(t *tx) error { return t.put(bucketKeys, hashKey("k1"), make([]byte, runBytes)) }, "idempotency key", hintRebuild},
		{"an idempotency key is left over", func(t *tx) error { return t.put(bucketKeys, hashKey("k9"), first[:]) }, "bucket keys", hintRebuild},
		{"a decision says something else", func(t *tx) error {
			var d mission.Decision
			if _, err := t.getJSON(bucketDecisions, []byte("d-open"), &d); err != nil {
				return err
			}
			d.Queue = "claims"
			return t.putJSON(bucketDecisions, []byte("d-open"), d)
		}, "decision d-open", hintRebuild},
		{"a decision is gone", func(t *tx) error { return t.delete(bucketDecisions, []byte("d-done")) }, "decision d-done", hintRebuild},
		{"a decision is not listed", func(t *tx) error {
			k, _ := t.bucket(bucketDecisionIndex).Cursor().First()
			return t.delete(bucketDecisionIndex, bytes.Clone(k))
		}, "decision d-open", hintRebuild},
		{"a decision is listed twice", func(t *tx) error {
			return t.bucket(bucketDecisionIndex).Put(decisionKey(openDecisions, "claims", storetest.Epoch, "d-open"), nil)
		}, "bucket decision-index", hintRebuild},
		{"a derived bucket is gone", func(t *tx) error { return t.DeleteBucket([]byte(bucketText)) }, "schema", hintRebuild},
		{"a primary bucket is gone", func(t *tx) error { return t.DeleteBucket([]byte(bucketMissions)) }, "schema", hintRestore},
		{"the source of a mission has changed", func(t *tx) error { return t.put(bucketMissionSources, versionKey("invoice", 0), []byte("x")) }, "missions", hintRestore},
		{"the source of a policy has changed", func(t *tx) error { return t.put(bucketPolicySources, policyKey(1), []byte("x")) }, "policies", hintRestore},
		{"the active policy is not there", put(bucketSettings, settingActivePolicy, 7), "policies", hintRestore},
		{"a session is damaged", func(t *tx) error {
			k, v := t.bucket(bucketSessions).Cursor().First()
			return t.putSealed(bucketSessions, bytes.Clone(k), v[:len(v)-1])
		}, "sessions", hintRestore},
		{"the schema is newer", func(t *tx) error {
			return t.put(bucketMeta, keySchema, binary.BigEndian.AppendUint32(nil, 99))
		}, "schema", hintRestore},
	} {
		t.Run(c.damage, func(t *testing.T) {
			db, _ := stocked(t, t.TempDir())
			verify(t, db)
			if err := db.bolt.Update(func(b *bolt.Tx) error { return c.do(&tx{Tx: b, db: db}) }); err != nil {
				t.Fatal(err)
			}
			r, err := db.Check(ctx, CheckOptions{})
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, f := range r.Findings {
				found = found || strings.Contains(f.Where, c.where) && f.Hint == c.hint
			}
			if !found {
				t.Errorf("found %+v, want something about %q that says: %s", r.Findings, c.where, c.hint)
			}
			if c.hint == hintRebuild && !strings.Contains(c.damage, "last observation") {
				if err := db.Rebuild(ctx); err != nil {
					t.Errorf("rebuild: %v", err)
				}
				verify(t, db)
			}
			db.Close() // leaves out the check at the end
		})
	}
}

func mustRun(id mission.RunID) runKey {
	k, err := parseRun(id)
	if err != nil {
		panic(err)
	}
	return k
}

func TestRebuildRefusesADamagedJournalAndChangesNothing(t *testing.T) {
	db, runs := stocked(t, t.TempDir())
	key := mustRun(runs[1].ID()).observation(1)
	err := db.bolt.Update(func(b *bolt.Tx) error {
		return (&tx{Tx: b, db: db}).putSealed(bucketJournal, key, []byte("rubbish"))
	})
	if err != nil {
		t.Fatal(err)
	}
	before, _ := db.Counts(ctx)
	if err := db.Rebuild(ctx); err == nil {
		t.Error("a damaged journal was rebuilt from")
	}
	after, err := db.Counts(ctx)
	if err != nil || asJSON(t, after) != asJSON(t, before) {
		t.Errorf("counts are %+v, %v; were %+v", after, err, before)
	}
	db.Close()
}

func TestCheckFindsDamagedBlobs(t *testing.T) {
	for _, c := range []struct {
		damage string
		do     func(path string) error
	}{
		{"gone", os.Remove},
		{"empty", func(p string) error { return os.Truncate(p, 0) }},
		{"cut short", func(p string) error { return os.Truncate(p, 40) }},
		{"one bit flipped", func(p string) error {
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			b[len(b)-3] ^= 4
			return os.WriteFile(p, b, 0o600)
		}},
		{"something follows", func(p string) error {
			f, err := os.OpenFile(p, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteString("x")
			return err
		}},
		{"another document in its place", func(p string) error {
			all, err := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(p)), "??", "*"))
			if err != nil {
				return err
			}
			for _, other := range all {
				if other != p {
					return os.Rename(other, p)
				}
			}
			return nil
		}},
	} {
		t.Run(c.damage, func(t *testing.T) {
			db, runs := stocked(t, t.TempDir())
			if err := c.do(db.blobPath(runs[0].All[0].Created.Input["document"].Document.SHA256)); err != nil {
				t.Fatal(err)
			}
			r, err := db.Check(ctx, CheckOptions{})
			if err != nil || r.OK() || r.Findings[0].Hint != hintBlob {
				t.Errorf("findings %+v, %v; want the blob", r.Findings, err)
			}
			// Putting the same documents again heals the store.
			for _, run := range runs {
				if _, _, err := db.Put(ctx, bytes.NewReader(run.Doc), 0); err != nil {
					t.Fatal(err)
				}
			}
			verify(t, db)
		})
	}
}

// TestCheckInAChildSurvivesDamagedPages damages every page of a database in
// turn. The check must find it or the page must not matter, and this process
// must live.
func TestCheckInAChildSurvivesDamagedPages(t *testing.T) {
	dir := t.TempDir()
	db, _ := stocked(t, dir)
	db.Close()
	path := filepath.Join(dir, databaseName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	clean, err := checkInChild(dir)
	if err != nil || !clean.OK() {
		t.Fatalf("before any damage: %+v, %v", clean.Findings, err)
	}
	var used []int // pages that were ever written, beside the two meta pages
	for at := 2 * page; at < len(whole); at += page {
		if bytes.Count(whole[at:at+page], []byte{0}) < page {
			used = append(used, at)
		}
	}
	found := 0
	for _, at := range used {
		hurt := bytes.Clone(whole)
		for i := at; i < at+page; i++ {
			hurt[i] = 0xA5
		}
		if err := os.WriteFile(path, hurt, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := checkInChild(dir)
		if err != nil {
			t.Errorf("page %d: %v", at/page, err)
		}
		if !r.OK() {
			found++
		}
	}
	// The check of a copy inside this process, as the open store makes it,
	// survives as well when the pages are looked at by a child.
	for _, at := range used {
		hurt := bytes.Clone(whole)
		for i := at + 8; i < at+page; i++ { // page numbers that lead far outside
			hurt[i] = 0x7f
		}
		if err := os.WriteFile(path, hurt, 0o600); err != nil {
			t.Fatal(err)
		}
		inChild, err := checkInChild(dir)
		if err != nil {
			t.Errorf("page %d: %v", at/page, err)
		}
		here, err := CheckDir(ctx, dir, Options{}, CheckOptions{PagesIn: pagesInChild})
		if err != nil || here.OK() != inChild.OK() {
			t.Errorf("page %d: sound here %v (%v), sound in a child %v", at/page, here.OK(), err, inChild.OK())
		}
	}
	if err := os.WriteFile(path, whole[:used[len(used)/2]], 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := checkInChild(dir); err != nil || r.OK() {
		t.Errorf("half a file: %+v, %v; want findings", r, err)
	}
	t.Logf("%d of %d damaged pages were found; the others were free", found, len(used))
	if found < len(used)/3 {
		t.Error("too little damage was found")
	}
}

func checkInChild(dir string) (Report, error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_TEST_CHILD=check", "STORE_TEST_DIR="+dir)
	return CheckInChild(cmd)
}

func pagesInChild(file string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_TEST_CHILD=check", "STORE_TEST_FILE="+file)
	return cmd
}

func checkChild() {
	var r Report
	var err error
	if file := os.Getenv("STORE_TEST_FILE"); file != "" {
		r, err = CheckPages(file)
	} else {
		r, err = CheckDir(ctx, os.Getenv("STORE_TEST_DIR"), Options{}, CheckOptions{})
	}
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(r)
}

// TestAStoreThatWasThereIsNotMadeAnew: where a store must be, a database file
// that is gone or empty is damage, and stays as it is.
func TestAStoreThatWasThereIsNotMadeAnew(t *testing.T) {
	for _, row := range []struct {
		name string
		harm func(path string) error
		want string // in the error; empty = opens
	}{
		{"untouched", func(string) error { return nil }, ""},
		{"gone", os.Remove, "gone"},
		{"empty", func(path string) error { return os.Truncate(path, 0) }, "empty"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			db, _ := stocked(t, dir)
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, databaseName)
			if err := row.harm(path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.Stat(path)
			db, err := Open(dir, Options{MustBe: true})
			if row.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want damage that says %q", err, row.want)
			}
			after, _ := os.Stat(path)
			if (before == nil) != (after == nil) || after != nil && after.Size() != 0 {
				t.Error("the file was made anew")
			}
		})
	}
}
