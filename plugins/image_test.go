package plugins

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// TestWhatIsExtractedCanBeExecutedAtOnce: even while other goroutines fork
// without a pause, whose children hold every open file until they execute.
func TestWhatIsExtractedCanBeExecutedAtOnce(t *testing.T) {
	image, err := NewImage("script", strings.NewReader("#!/bin/sh\nexit 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var forks sync.WaitGroup
	for range 4 {
		forks.Go(func() {
			for ctx.Err() == nil {
				_ = exec.Command("/bin/true").Run()
			}
		})
	}
	defer forks.Wait()
	defer cancel()
	for n := range 150 {
		f, err := image.extracted(t.TempDir(), "script")
		if err != nil {
			t.Fatal(err)
		}
		path := f.Name()
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err := exec.Command(path).Run(); err != nil {
			t.Fatalf("extraction %d: %v", n+1, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}
