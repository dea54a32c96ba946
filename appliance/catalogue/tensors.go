package catalogue

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"skerry/plugins/local/safetensors"
)

// findSafetensors returns the model of a directory that holds one as
// Safetensors: its weights and the texts beside them, and none of the other files
// that publishers put there.
func findSafetensors(dir string) (s Source, ok bool, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return Source{}, false, err
	}
	var names, weights []string
	for _, e := range entries {
		if safetensors.Useful(e.Name()) && !e.IsDir() {
			names = append(names, e.Name())
			ok = ok || strings.HasSuffix(e.Name(), safetensors.Ending)
		}
	}
	if !ok {
		return Source{}, false, nil
	}
	var index []byte
	if slices.Contains(names, safetensors.Index) {
		if index, err = indexOf(dir); err != nil {
			return Source{}, true, err
		}
	}
	if weights, err = safetensors.Weights(names, index); err != nil {
		return Source{}, true, fmt.Errorf("%s: %w", dir, err)
	}
	s.Name = filepath.Base(dir)
	for _, n := range names {
		if strings.HasSuffix(n, safetensors.Ending) && !slices.Contains(weights, n) || n == safetensors.Index && index == nil {
			continue // the same weights in another order
		}
		path, err := inside(dir, n)
		if err != nil {
			return Source{}, true, err
		}
		s.Paths = append(s.Paths, path)
	}
	for _, w := range weights {
		if !slices.Contains(names, w) {
			return Source{}, true, fmt.Errorf("%s: the index names the file %.80q, which is not there; get all files of the model", dir, w)
		}
	}
	return s, true, nil
}

func indexOf(dir string) ([]byte, error) {
	path, err := inside(dir, safetensors.Index)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, safetensors.MaxTextBytes+1))
	if err == nil && len(b) > safetensors.MaxTextBytes {
		err = fmt.Errorf("%s is too large for an index", path)
	}
	return b, err
}

// inside returns the path of an ordinary file of dir. A link out of it may mean
// any file of this host, and what is sent is read with the rights of whoever
// sends it.
func inside(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	base, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(base, real); err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("%s is a link out of its directory, to %s; copy the model with its files (cp -rL %s NEW) and import the copy", path, real, dir)
	}
	info, err := os.Stat(real)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no ordinary file", path)
	}
	return path, err
}

// AllSafetensors returns what is wrong with the names of files that are to be
// one Safetensors model.
func AllSafetensors(files []Arrival) error {
	config := false
	for _, f := range files {
		switch ext := strings.ToLower(filepath.Ext(f.Name)); {
		case ext == ".bin" || ext == ".pt" || ext == ".pth" || ext == ".pkl" || ext == ".ckpt":
			return fmt.Errorf("%s is a pickle of PyTorch, which is a program and is never read; give the .safetensors files and leave it out", f.Name)
		case !safetensors.Useful(f.Name):
			return fmt.Errorf("%s is no part of a Safetensors model; leave it out", f.Name)
		}
		config = config || f.Name == safetensors.Config
	}
	if !config {
		return errors.New("config.json is missing; give all files of the Safetensors directory: config.json, the tokenizer and the weights")
	}
	return nil
}

// TensorsJob returns what [Main] is to read from stdin, to check the files of a
// Safetensors model from descriptor 3 on.
func TensorsJob(files []Arrival) ([]byte, error) { return json.Marshal(job{Tensors: files}) }

// checkTensors looks at the files from descriptor 3 on.
func checkTensors(files []Arrival) (safetensors.Needs, error) {
	var list []safetensors.File
	for i, a := range files {
		f := os.NewFile(uintptr(firstFile+i), a.Name)
		if f == nil {
			return safetensors.Needs{}, fmt.Errorf("there is no file on descriptor %d", firstFile+i)
		}
		defer f.Close()
		list = append(list, safetensors.File{Name: a.Name, Size: a.Size, Content: f})
	}
	m, err := safetensors.Check(list)
	if err != nil {
		return safetensors.Needs{}, err
	}
	return m.Needs(), nil
}

// TensorsChecked reads what [Main] wrote about a Safetensors model: what it takes
// to convert it, or a [*RefusedError].
func TensorsChecked(out []byte) (safetensors.Needs, error) {
	v, err := verdictOf(out)
	if err == nil && v.Needs == nil {
		err = &RefusedError{"it was not looked at"}
	}
	if err != nil {
		return safetensors.Needs{}, err
	}
	return *v.Needs, nil
}
