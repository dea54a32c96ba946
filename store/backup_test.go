package store

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"skerry/appliance/mission"
	"skerry/store/storetest"
)

func backupOf(t testing.TB, db *DB) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := db.Backup(ctx, &b, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestARestoredStoreHoldsWhatTheBackupWasMadeOf(t *testing.T) {
	db, runs := stocked(t, t.TempDir())
	data := backupOf(t, db)
	appendTo(t, db, runs[1].Decided("d-open", mission.Approve)) // after the backup
	dir := filepath.Join(t.TempDir(), "new")
	m, err := Restore(ctx, bytes.NewReader(data), dir, Options{}, nil)
	if err != nil || len(m.Entries) != 4 {
		t.Fatalf("%d entries, %v; want the database and three documents", len(m.Entries), err)
	}
	restored := openStore(t, dir, Options{})
	if d, err := restored.Decision(ctx, "d-open"); err != nil || !d.Open() {
		t.Errorf("decision %+v, %v; want it open", d, err)
	}
	r, err := restored.Open(ctx, runs[0].All[0].Created.Input["document"].Document.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, runs[0].Doc) {
		t.Errorf("document %q, %v", got, err)
	}
}

// TestABackupMadeUnderLoadIsConsistent: writes go on while it is made; what it
// restores to passes the whole check.
func TestABackupMadeUnderLoadIsConsistent(t *testing.T) {
	db := newStore(t)
	appendTo(t, db, storetest.New(1, storetest.Epoch, "invoice", ""))
	c, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := uint64(2); c.Err() == nil; n++ {
			if err := tryAppend(db, storetest.New(n, storetest.Epoch, "invoice", "").Whole("internal", "starter", "approved")); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for range 3 {
		data := backupOf(t, db)
		if _, err := Restore(ctx, bytes.NewReader(data), filepath.Join(t.TempDir(), "new"), Options{}, nil); err != nil {
			t.Error(err)
		}
	}
	stop()
	<-done
}

func TestADamagedBackupIsRefusedAndLeavesNothingBehind(t *testing.T) {
	db, _ := stocked(t, t.TempDir())
	whole := backupOf(t, db)
	for _, c := range []struct {
		damage string
		do     func([]byte) []byte
	}{
		{"empty", func([]byte) []byte { return nil }},
		{"cut in the database", func(b []byte) []byte { return b[:5000] }},
		{"cut before the manifest", func(b []byte) []byte { return b[:bytes.Index(b, []byte(manifestName))-512] }},
		{"cut in the manifest", func(b []byte) []byte { return b[:bytes.Index(b, []byte(`"entries"`))] }},
		{"a bit of the database has flipped", func(b []byte) []byte { return flip(b, 20000) }},
		{"a bit of a document has flipped", func(b []byte) []byte { return flip(b, bytes.LastIndex(b, []byte("Nordwind Handels"))) }},
		{"a digest in the manifest was changed", func(b []byte) []byte { return flip(b, bytes.Index(b, []byte(`"sha256":"`))+11) }},
		{"a file is missing", rewrite(t, func(name string, _ []byte) bool { return !strings.HasPrefix(name, blobsName) })},
		{"the manifest's digest is missing", rewrite(t, func(name string, _ []byte) bool { return name != manifestDigest })},
		{"a file that leads outside", added(t, "../evil")},
		{"a file that leads outside by a blob's name", added(t, "blobs/../evil")},
		{"a file that does not belong there", added(t, "blobs/tmp/x")},
		{"not a backup at all", func([]byte) []byte { return []byte(strings.Repeat("hello ", 1000)) }},
	} {
		t.Run(c.damage, func(t *testing.T) {
			dir := t.TempDir()
			_, err := Restore(ctx, bytes.NewReader(c.do(bytes.Clone(whole))), dir, Options{}, nil)
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("got %v, want an error about damage", err)
			}
			if names, _ := os.ReadDir(dir); len(names) > 0 {
				t.Errorf("left %v behind", names)
			}
			if _, err := os.Stat(filepath.Join(dir, "../evil")); err == nil {
				t.Error("wrote outside the directory")
			}
		})
	}
}

func flip(b []byte, at int) []byte {
	b[at] ^= 1
	return b
}

// rewrite returns a backup with the entries that keep chooses.
func rewrite(t *testing.T, keep func(name string, data []byte) bool) func([]byte) []byte {
	return func(b []byte) []byte {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		r := tar.NewReader(bytes.NewReader(b))
		for h, err := r.Next(); err == nil; h, err = r.Next() {
			data, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if keep(h.Name, data) {
				w.WriteHeader(header(h.Name, int64(len(data)), storetest.Epoch))
				w.Write(data)
			}
		}
		w.Close()
		return out.Bytes()
	}
}

// added returns a backup that begins with an entry of the given name.
func added(t *testing.T, name string) func([]byte) []byte {
	return func(b []byte) []byte {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		w.WriteHeader(header(name, 4, storetest.Epoch))
		w.Write([]byte("evil"))
		w.Flush()
		return append(out.Bytes(), b...)
	}
}

func TestRestoreRefusesADirectoryThatIsNotEmpty(t *testing.T) {
	dir := t.TempDir()
	db, _ := stocked(t, dir)
	before := asJSON(t, must(db.Counts(ctx)))
	if _, err := Restore(ctx, bytes.NewReader(backupOf(t, db)), dir, Options{}, nil); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("got %v", err)
	}
	if after := asJSON(t, must(db.Counts(ctx))); after != before {
		t.Errorf("the store has changed: %s, was %s", after, before)
	}
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

func TestAnInterruptedRestoreIsNotOpened(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, restoringName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "restore again") {
		t.Errorf("got %v", err)
	}
}

func TestASecondOpenerIsToldAtOnce(t *testing.T) {
	dir := t.TempDir()
	db, _ := stocked(t, dir)
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("open: got %v, want %v", err, ErrInUse)
	}
	if _, err := CheckDir(ctx, dir, Options{}, CheckOptions{}); !errors.Is(err, ErrInUse) {
		t.Errorf("check: got %v, want %v", err, ErrInUse)
	}
	if _, err := checkInChild(dir); err == nil || !strings.Contains(err.Error(), ErrInUse.Error()) {
		t.Errorf("check in a child: got %v", err)
	}
	db.Close()
	openStore(t, dir, Options{})
}

func TestAnOlderSchemaIsMigratedAfterASnapshotAndANewerOneRefused(t *testing.T) {
	dir := t.TempDir()
	db, runs := stocked(t, dir)
	db.Close()
	fail := errors.New("half way")
	next := append(slices.Clone(migrations), migration{"a broken step", func(t *tx) error {
		if _, err := t.CreateBucket([]byte("new")); err != nil {
			return err
		}
		return fail
	}})
	if _, err := open(dir, Options{}, next); !errors.Is(err, fail) {
		t.Fatalf("a migration that fails: got %v", err)
	}
	openStore(t, dir, Options{}).Close() // still the schema before, nothing half done
	next[len(next)-1] = migration{"one more bucket", func(t *tx) error {
		if _, err := t.CreateBucket([]byte("new")); err != nil {
			return err
		}
		return t.put("new", []byte("k"), []byte("v"))
	}}
	migrated, err := open(dir, Options{}, next)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrated.Load(ctx, runs[0].ID()); err != nil {
		t.Error(err)
	}
	migrated.Close()
	_, err = Open(dir, Options{})
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), fmt.Sprintf("its schema is %d, this version knows %d", len(next), len(migrations))) {
		t.Errorf("an older version opens it: got %v", err)
	}
	// The snapshot is the store as it was.
	if err := os.Rename(filepath.Join(dir, snapshotsName, fmt.Sprintf("schema-%d.db", len(migrations))), filepath.Join(dir, databaseName)); err != nil {
		t.Fatal(err)
	}
	openStore(t, dir, Options{})
}

func TestSomethingThatIsNoDatabaseIsRefused(t *testing.T) {
	for about, content := range map[string]string{"text": strings.Repeat("not a database ", 4096), "zeros": strings.Repeat("\x00", 65536), "short": "x"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, databaseName), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if db, err := Open(dir, Options{}); err == nil {
			db.Close()
			t.Errorf("%s was opened", about)
		}
		r, err := CheckDir(ctx, dir, Options{}, CheckOptions{})
		if err == nil && r.OK() {
			t.Errorf("%s was found sound", about)
		}
	}
}

// TestWhatLiesBesideTheStore: a backup brings back what lay beside the store to
// where the caller says, and to nowhere else.
func TestWhatLiesBesideTheStore(t *testing.T) {
	db := newStore(t)
	content := "a segment"
	var b bytes.Buffer
	_, err := db.Backup(ctx, &b, func(context.Context) ([]Beside, error) {
		return []Beside{{Name: "audit/one", Size: int64(len(content)), Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(content)), nil
		}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	data, home := b.Bytes(), t.TempDir()
	var asked []string
	place := func(name string) (string, error) {
		asked = append(asked, name)
		return filepath.Join(home, "one"), nil
	}
	if _, err := Restore(ctx, bytes.NewReader(data), filepath.Join(t.TempDir(), "new"), Options{}, place); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(home, "one")); err != nil || string(got) != content || !slices.Equal(asked, []string{"audit/one"}) {
		t.Errorf("%q, %v, asked for %q", got, err, asked)
	}
	for name, place := range map[string]func(string) (string, error){
		"there is no place": nil,
		"it is refused":     func(string) (string, error) { return "", errors.New("it does not belong there") },
	} {
		if _, err := Restore(ctx, bytes.NewReader(data), filepath.Join(t.TempDir(), "new"), Options{}, place); !errors.Is(err, ErrDamaged) {
			t.Errorf("where %s: got %v, want %v", name, err, ErrDamaged)
		}
	}
	_, err = db.Backup(ctx, io.Discard, func(context.Context) ([]Beside, error) { return nil, errors.New("the log is closed") })
	if err == nil {
		t.Error("a backup without what belongs beside it was made")
	}
}
