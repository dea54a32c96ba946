// Command cut splits a GGUF file into parts, for tests that are not in Go:
//
//	cut FILE DIR PARTS
//
// The parts are DIR/NAME-0000K-of-0000N.gguf, NAME being that of the file
// without its extensions.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"skerry/plugins/local/gguf/gguftest"
)

func main() {
	if err := cut(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cut:", err)
		os.Exit(1)
	}
}

func cut(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("%d arguments; want FILE DIR PARTS", len(args))
	}
	parts, err := strconv.Atoi(args[2])
	if err != nil || parts < 1 {
		return fmt.Errorf("%q is no number of parts", args[2])
	}
	whole, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	name, _, _ := strings.Cut(filepath.Base(args[0]), ".")
	for i, part := range gguftest.Split(whole, parts, false) {
		path := filepath.Join(args[1], fmt.Sprintf("%s-%05d-of-%05d.gguf", name, i+1, parts))
		if err := os.WriteFile(path, part, 0o600); err != nil {
			return err
		}
	}
	return nil
}
