package embed

import (
	"slices"
	"testing"
	"testing/fstest"
)

func TestRunners(t *testing.T) {
	files := fstest.MapFS{
		"build/skerry-runner-v3.zst":   {Data: []byte("three")},
		"build/skerry-runner-v3.needs": {Data: []byte("avx2\nfma\n")},
		"build/skerry-runner.zst":      {Data: []byte("here")},
		"build/skerry-runner.needs":    {Data: nil},
		"build/licences.txt":           {Data: nil},
	}
	list, err := runners(files)
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	if r := list[0]; r.Level != "v3" || !slices.Equal(r.Needs, []string{"avx2", "fma"}) {
		t.Errorf("%+v", r)
	}
	if r := list[1]; r.Level != "native" || len(r.Needs) != 0 {
		t.Errorf("%+v", r)
	}
	// Without the list nobody could tell who may run it.
	delete(files, "build/skerry-runner.needs")
	if list, err := runners(files); err == nil {
		t.Errorf("a runner without a list of its needs: %v", list)
	}
	if list, err := runners(fstest.MapFS{}); err != nil || list != nil {
		t.Errorf("no runner at all: %v, %v", list, err)
	}
}
