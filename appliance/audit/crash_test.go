package audit

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"
)

// The child of the crash test writes records from several goroutines until it
// is killed, and prints the number of each once Append has returned.
const (
	childDir  = "SKERRY_AUDIT_CHILD_DIR"
	childKeys = "SKERRY_AUDIT_CHILD_KEYS"
	childFrom = "SKERRY_AUDIT_CHILD_FROM"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir, os.Getenv(childKeys), os.Getenv(childFrom))
		return
	}
	os.Exit(m.Run())
}

func child(dir, keys, from string) {
	first, err := strconv.Atoi(from)
	if err == nil {
		var l *Log
		if l, err = Open(Options{Dir: dir, KeyDir: keys, SegmentRecords: 40, CheckpointEvery: 9}); err == nil {
			childWrite(l, first)
			return
		}
	}
	fmt.Println("error", err)
	os.Exit(1)
}

func childWrite(l *Log, first int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := first + w; i < first+20_000; i += 4 {
				if err := l.Append(context.Background(), Record{Action: "test.done", Object: strconv.Itoa(i)}); err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Println("ack", i)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// TestKill kills the writer at random and goes on with the same log: every
// record that was acknowledged is there, once, and the log is whole.
func TestKill(t *testing.T) {
	rounds := 5
	if long() {
		rounds = 1000
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	s := newSite(t)
	acked := map[string]bool{}
	for round := range rounds {
		first := round * 100_000
		for _, a := range killed(t, s, first, rng) {
			acked[a] = true
		}
	}
	s.close(t, s.open(t, Options{})) // accounts for the last kill
	found := map[string]int{}
	for _, o := range s.objects(t, s.identities[0]) {
		found[o]++
	}
	lost := 0
	for a := range acked {
		if found[a] != 1 {
			lost++
		}
	}
	if lost > 0 || len(acked) == 0 {
		t.Errorf("%d of %d acknowledged records are not there once", lost, len(acked))
	}
	t.Logf("%d kills, %d acknowledged, %d in the log", rounds, len(acked), len(found))
}

// killed runs a child, kills it after a random number of acknowledgements, and
// returns those.
func killed(t *testing.T, s *site, first int, rng *rand.Rand) (acked []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childDir+"="+s.dir, childKeys+"="+s.keys, childFrom+"="+strconv.Itoa(first))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	after := 1 + rng.IntN(150)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var n string
		if _, err := fmt.Sscanf(lines.Text(), "ack %s", &n); err != nil {
			t.Fatalf("the child says %q", lines.Text())
		}
		acked = append(acked, n)
		if len(acked) == after {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
	return acked
}

// TestPlantedMissingSync is the control of the tests above: a writer that
// acknowledges before its bytes are durable is found by a disk that forgets
// what was not synced.
func TestPlantedMissingSync(t *testing.T) {
	for _, lying := range []bool{false, true} {
		s := newSite(t)
		var mu sync.Mutex
		durable := int64(0) // bytes of the segment that are on the disk
		l := s.open(t, Options{sync: func(f *os.File) error {
			mu.Lock()
			defer mu.Unlock()
			if lying && durable > 0 {
				return nil // says yes and does nothing
			}
			info, err := f.Stat()
			if err == nil {
				durable = info.Size()
			}
			return err
		}})
		s.write(t, l, 10)
		path, chain := segmentPath(s.dir, 1), read(t, s.keys+"/"+chainFile)
		mu.Lock()
		b := read(t, path)[:durable]
		mu.Unlock()
		s.close(t, l)
		write(t, path, b) // the power was cut after the tenth answer
		write(t, s.keys+"/"+chainFile, chain)
		s.close(t, s.open(t, Options{}))
		if got := len(s.objects(t, s.identities[0])); (got < 10) != lying {
			t.Errorf("the disk lies: %v; %d of 10 acknowledged records are left", lying, got)
		}
	}
}
