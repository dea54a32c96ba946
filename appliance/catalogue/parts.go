package catalogue

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// partName is how parts of a split file are called (llama.cpp, llama_split_path).
var partName = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// part is what a name says of a part.
type part struct {
	model  string
	no, of int // from 1
}

// partOf reads the name of a part; ok is false for a file that is whole.
func partOf(name string) (p part, ok bool) {
	m := partName.FindStringSubmatch(name)
	if m == nil {
		return part{}, false
	}
	p.model = m[1]
	p.no, _ = strconv.Atoi(m[2]) // five digits
	p.of, _ = strconv.Atoi(m[3])
	return p, p.of > 1
}

// AllParts returns what is wrong with the names of GGUF files that are to be
// one model: parts that are missing, there twice, or of another. Names that say
// nothing are no fault: the files themselves say which parts they are.
func AllParts(files []Arrival) error {
	var first part
	here := map[int]string{}
	for _, f := range files {
		p, ok := partOf(f.Name)
		switch {
		case !ok && len(files) == 1:
			return nil
		case !ok:
			continue
		case p.no < 1 || p.no > p.of || p.of > MaxUploadFiles:
			return fmt.Errorf("%s calls itself part %d of %d, which cannot be", f.Name, p.no, p.of)
		case first.of == 0:
			first = p
		case p.model != first.model || p.of != first.of:
			return fmt.Errorf("%s is a part of another model than %s", f.Name, partFile(first.model, first.no, first.of))
		}
		if other := here[p.no]; other != "" {
			return fmt.Errorf("%s and %s are the same part", other, f.Name)
		}
		here[p.no] = f.Name
	}
	if len(here) < len(files) {
		return nil
	}
	var missing []string
	for n := 1; n <= first.of; n++ {
		if here[n] == "" {
			missing = append(missing, partFile(first.model, n, first.of))
		}
	}
	return missed(missing)
}

func partFile(model string, n, of int) string {
	return fmt.Sprintf("%s-%05d-of-%05d.gguf", model, n, of)
}

func missed(missing []string) error {
	switch n := len(missing); {
	case n == 0:
		return nil
	case n == 1:
		return fmt.Errorf("%s is missing; a split model needs all its parts", missing[0])
	case n > 8:
		return fmt.Errorf("%s and %d others are missing; a split model needs all its parts", missing[0], n-1)
	}
	return fmt.Errorf("%s are missing; a split model needs all its parts", strings.Join(missing, ", "))
}

// findParts returns the split model that one of its parts belongs to.
func findParts(path string) (Source, error) {
	p, _ := partOf(filepath.Base(path))
	if p.of > MaxUploadFiles {
		return Source{}, fmt.Errorf("%s calls itself one of %d parts; %d are possible", path, p.of, MaxUploadFiles)
	}
	s := Source{Name: p.model}
	var missing []string
	for n := 1; n <= p.of; n++ {
		file := filepath.Join(filepath.Dir(path), partFile(p.model, n, p.of))
		info, err := os.Stat(file)
		switch {
		case errors.Is(err, os.ErrNotExist):
			missing = append(missing, partFile(p.model, n, p.of))
		case err != nil:
			return Source{}, err
		case !info.Mode().IsRegular():
			return Source{}, fmt.Errorf("%s is no ordinary file", file)
		}
		s.Paths = append(s.Paths, file)
	}
	if err := missed(missing); err != nil {
		return Source{}, fmt.Errorf("%s: %w", filepath.Dir(path), err)
	}
	return s, nil
}

// oneSplit returns the split model that all of the files are parts of.
func oneSplit(files []string) (Source, bool, error) {
	first, ok := partOf(filepath.Base(files[0]))
	if !ok || slices.ContainsFunc(files, func(f string) bool {
		p, ok := partOf(filepath.Base(f))
		return !ok || p.model != first.model || p.of != first.of
	}) {
		return Source{}, false, nil
	}
	s, err := findParts(files[0])
	return s, true, err
}
