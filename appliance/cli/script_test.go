package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the command line stories in testdata against the built
// binary, models included: nothing in them is faked.
func TestScripts(t *testing.T) {
	bin := os.Getenv("SKERRY_BIN")
	if bin == "" {
		bin = "../../bin/skerry"
	}
	bin, err := filepath.Abs(bin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(bin); err != nil {
		t.Fatalf("the scripts need the built binary: run make build, or set SKERRY_BIN (%v)", err)
	}
	documents, err := filepath.Abs("../../embed/sample/documents")
	if err != nil {
		t.Fatal(err)
	}
	starter, err := filepath.Abs("../../embed/starter/starter.q8_0.gguf")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:  "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"person": personCommand},
		Setup: func(e *testscript.Env) error {
			// A socket's path must be short, and a script's own folder is not.
			data, err := os.MkdirTemp("", "skerry")
			if err != nil {
				return err
			}
			e.Defer(func() { _ = os.RemoveAll(data) })
			e.Values[peopleKey{}] = map[string]*browser{}
			e.Setenv("PATH", filepath.Dir(bin)+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("XDG_DATA_HOME", data)
			e.Setenv("DATA", filepath.Join(data, "skerry"))
			e.Setenv("SAMPLES", documents)
			e.Setenv("STARTER", starter)
			return nil
		},
	})
}
