// Command licences writes the licence texts of everything that ends up inside
// the binary: Go modules of skerry and of the runner, and the npm packages that
// the web UI bundles. It fails when a part has no licence text, so that nothing
// is shipped without one.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	out := flag.String("o", "licences.txt", "file to write")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

// part is something in the binary that has a licence of its own.
type part struct{ name, version, dir string }

func run(out string) error {
	parts, err := goModules(".", "./plugins/local")
	if err != nil {
		return err
	}
	packages, err := npmPackages("webui")
	if err != nil {
		return err
	}
	own, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "Skerry and its starter models\n\n%s\n", own)
	for _, p := range append(parts, packages...) {
		text, err := licence(p.dir)
		if err != nil {
			return fmt.Errorf("%s %s: %w", p.name, p.version, err)
		}
		fmt.Fprintf(&b, "%s\n%s %s\n\n%s\n", strings.Repeat("=", 72), p.name, p.version, text)
	}
	return os.WriteFile(out, b.Bytes(), 0o644)
}

// goModules returns the modules that the packages at paths are built from.
func goModules(paths ...string) ([]part, error) {
	args := append([]string{"list", "-deps", "-f", "{{with .Module}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}"}, paths...)
	list, err := exec.Command("go", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var parts []part
	for line := range strings.Lines(string(list)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) == 3 && f[0] != "skerry" {
			parts = append(parts, part{f[0], f[1], f[2]})
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.name, b.name) })
	return slices.Compact(parts), nil
}

// npmPackages returns what npm would install without development tools: the
// packages that can end up in the bundle.
func npmPackages(dir string) ([]part, error) {
	data, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return nil, err
	}
	var lock struct {
		Packages map[string]struct {
			Version  string `json:"version"`
			Dev      bool   `json:"dev"`
			Optional bool   `json:"optional"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(data, &lock); err != nil {
		return nil, fmt.Errorf("package-lock.json: %w", err)
	}
	var parts []part
	for path, p := range lock.Packages {
		if path == "" || p.Dev || p.Optional {
			continue
		}
		parts = append(parts, part{strings.TrimPrefix(path, "node_modules/"), p.Version, filepath.Join(dir, path)})
	}
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.name, b.name) })
	return parts, nil
}

// licence returns the licence and notice texts in dir, or the licence that its
// package.json declares where there is no file.
func licence(dir string) ([]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if e.IsDir() || !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "COPYING") && !strings.HasPrefix(name, "NOTICE") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	if b.Len() > 0 {
		return b.Bytes(), nil
	}
	data, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("no licence text")
	}
	if err != nil {
		return nil, err
	}
	var pkg struct {
		License string `json:"license"`
	}
	if err := json.Unmarshal(data, &pkg); err != nil || pkg.License == "" {
		return nil, errors.New("no licence text and none declared")
	}
	return []byte("Licence declared by the package: " + pkg.License + "\n"), nil
}
