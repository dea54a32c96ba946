package appliance

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// impure are functions that give another answer each time they are called. In a
// domain package time and chance are values that the caller passes in: else a
// journal that is folded again would not give the same run.
var impure = map[string][]string{
	"time":         {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Local", "LoadLocation"},
	"math/rand":    nil, // nil = the whole package
	"math/rand/v2": nil,
	"crypto/rand":  nil,
	"runtime":      nil,
	"unsafe":       nil,
}

// TestDomainPackagesArePure: the packages of the domain ask no clock, throw no
// dice and start no goroutine. That they open no file and no socket is for
// TestImports to see.
func TestDomainPackagesArePure(t *testing.T) {
	for _, pkg := range pure {
		dir := strings.TrimPrefix(pkg, "skerry/appliance/")
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		looked := 0
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			looked++
			for _, found := range impurities(t, file, text) {
				t.Error(found)
			}
		}
		if looked == 0 {
			t.Errorf("%s: no file was looked at", pkg)
		}
	}
}

// TestDomainPackagesArePureNegativeControl: the detector finds what it is there
// to find, under any name, and nothing else.
func TestDomainPackagesArePureNegativeControl(t *testing.T) {
	for _, row := range []struct{ name, text string }{
		{"asks the clock", `import "time"; func f() time.Time { return time.Now() }`},
		{"asks the clock by another name", `import clock "time"; func f() any { return clock.Since(clock.Time{}) }`},
		{"keeps the clock for later", `import "time"; var now = time.Now`},
		{"imports the clock without a name", `import . "time"; func f() any { return Now() }`},
		{"depends on where the host is", `import "time"; func f(t time.Time) any { return t.In(time.Local) }`},
		{"waits", `import "time"; func f() { <-time.After(1) }`},
		{"throws dice", `import "math/rand/v2"; func f() int { return rand.Int() }`},
		{"starts a goroutine", `func f() { go f() }`},
	} {
		if len(impurities(t, "control.go", []byte("package control; "+row.text))) == 0 {
			t.Errorf("%s: not found", row.name)
		}
	}
	const fine = `package control
		import "time"
		type clock struct{ Now time.Time }
		func f(c clock) time.Time { return c.Now.Add(time.Hour).In(time.UTC) } // not time.Now()
		func g(time clock) any { return time.Now }`
	if found := impurities(t, "control.go", []byte(fine)); len(found) != 0 {
		t.Errorf("found where there is nothing: %v", found)
	}
}

// impurities returns what in a file depends on more than its arguments.
func impurities(t *testing.T, name string, text []byte) []string {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	report := func(n ast.Node, format string, args ...any) {
		found = append(found, fmt.Sprintf("%s: %s; a domain package takes it as a value", set.Position(n.Pos()), fmt.Sprintf(format, args...)))
	}
	imported := map[string]string{} // path by the name in this file
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		functions, listed := impure[path]
		if !listed {
			continue
		}
		as := path
		if spec.Name != nil {
			as = spec.Name.Name
		}
		if functions == nil || as == "." {
			report(spec, "imports %s", path)
		}
		imported[as] = path
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			report(n, "starts a goroutine")
		case *ast.SelectorExpr:
			// The parser resolves what is declared in the file: a parameter
			// called time is no package.
			if x, ok := n.X.(*ast.Ident); ok && x.Obj == nil && slices.Contains(impure[imported[x.Name]], n.Sel.Name) {
				report(n, "uses %s.%s", imported[x.Name], n.Sel.Name)
			}
		}
		return true
	})
	return found
}
