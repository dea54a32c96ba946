package store

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"skerry/appliance/mission"
	"skerry/store/storetest"
)

// TestMain lets the test binary play the processes that tests start.
func TestMain(m *testing.M) {
	switch os.Getenv("STORE_TEST_CHILD") {
	case "check":
		checkChild()
	case "append":
		appendChild()
	default:
		os.Exit(m.Run())
	}
}

// appendChild appends to many runs at once and prints a line after every append
// that it was told is durable, until it is killed.
func appendChild() {
	db, err := Open(os.Getenv("STORE_TEST_DIR"), Options{})
	if err != nil {
		panic(err)
	}
	lying := os.Getenv("STORE_TEST_LIE") != "" // negative control
	if lying {
		db.commit = lie
	}
	var mu sync.Mutex // guards standard output
	var wg sync.WaitGroup
	var base uint64
	fmt.Sscan(os.Getenv("STORE_TEST_BASE"), &base)
	for w := range 8 {
		wg.Go(func() {
			for n := base + uint64(w)<<20; ; n++ {
				r := storetest.New(n, time.Now(), "invoice", "").Whole("internal", "starter", "approved")
				for i := range r.All {
					if i == 0 {
						if _, _, err := db.Put(ctx, bytes.NewReader(r.Doc), 0); err != nil {
							panic(err)
						}
					}
					fold, err := mission.Fold(r.All[:i+1])
					if err != nil {
						panic(err)
					}
					if err := db.Append(ctx, r.ID(), uint64(i), fold.Summary(), r.All[i]); err != nil {
						panic(err)
					}
					mu.Lock()
					fmt.Println(r.ID(), i+1)
					mu.Unlock()
					if lying {
						break // the run is not there to be continued
					}
				}
			}
		})
	}
	wg.Wait()
}

// TestNothingAcknowledgedIsLostToKill kills a process that appends, at several
// moments, and looks for every append that it had been told is durable.
func TestNothingAcknowledgedIsLostToKill(t *testing.T) {
	dir := t.TempDir()
	acked := map[mission.RunID]uint64{}
	lines := 0
	for round := range 6 {
		lines += killAfter(t, dir, round, 40+60*round, acked, "")
	}
	db := openStore(t, dir, Options{}) // checked at the end
	if lost := lostAcks(t, db, acked); lost != 0 {
		t.Errorf("%d runs have lost acknowledged observations", lost)
	}
	t.Logf("%d appends were acknowledged, 6 kills", lines)
}

// TestLyingCommitIsFoundOut is the negative control: a commit that does nothing
// but says yes must lose appends, or the test above proves nothing.
func TestLyingCommitIsFoundOut(t *testing.T) {
	dir := t.TempDir()
	acked := map[mission.RunID]uint64{}
	killAfter(t, dir, 0, 60, acked, "1")
	db := openStore(t, dir, Options{})
	if lostAcks(t, db, acked) == 0 {
		t.Error("a store that commits nothing has lost nothing")
	}
}

func lostAcks(t *testing.T, db *DB, acked map[mission.RunID]uint64) int {
	t.Helper()
	lost := 0
	for id, seq := range acked {
		obs, err := db.Load(ctx, id)
		if err != nil || uint64(len(obs)) < seq {
			lost++
		}
	}
	return lost
}

// killAfter runs a child that appends, kills it after so many acknowledgements
// and notes them.
func killAfter(t *testing.T, dir string, round, acks int, acked map[mission.RunID]uint64, lying string) int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_TEST_CHILD=append", "STORE_TEST_DIR="+dir, fmt.Sprintf("STORE_TEST_BASE=%d", uint64(round)<<32), "STORE_TEST_LIE="+lying)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for s := bufio.NewScanner(out); s.Scan(); {
		var id mission.RunID
		var seq uint64
		if _, err := fmt.Sscan(s.Text(), &id, &seq); err != nil {
			break // cut by the kill
		}
		acked[id] = seq
		if lines++; lines == acks {
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	if lines < acks {
		t.Fatalf("the child ended by itself after %d appends: %s", lines, stderr.String())
	}
	return lines
}
