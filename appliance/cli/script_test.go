package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"skerry/appliance/people/directory/slapdtest"
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
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"slapd": startDirectory, "appendconfig": appendConfig, "person": personCommand},
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

// startDirectory is the command slapd of scripts: a real one, at $LDAPS, with
// the CA $CAFILE.
func startDirectory(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: slapd")
	}
	dir, err := os.MkdirTemp("", "slapd")
	ts.Check(err)
	ts.Defer(func() { _ = os.RemoveAll(dir) })
	s, err := slapdtest.Run(dir)
	ts.Check(err)
	ts.Defer(s.Stop)
	ts.Setenv("LDAPS", s.LDAPS)
	ts.Setenv("CAFILE", s.CA)
}

// appendConfig is the command appendconfig of scripts: it adds a file to
// config.yaml, with LDAPS and CAFILE in place.
func appendConfig(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: appendconfig FILE")
	}
	text := strings.NewReplacer("LDAPS", ts.Getenv("LDAPS"), "CAFILE", ts.Getenv("CAFILE")).Replace(ts.ReadFile(args[0]))
	f, err := os.OpenFile(filepath.Join(ts.Getenv("DATA"), "config.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteString("\n" + text)
	ts.Check(err)
	ts.Check(f.Close())
}
