// Package convert makes GGUF of models in the Safetensors format, with the
// converter of ollama. Start with [Serve]. It is a program of its own (converter,
// below) and no part of the runner, which it would make twice as large.
package convert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/ollama/ollama/convert"

	"skerry/plugins/local/safetensors"
)

// Serve does one [safetensors.Job] from stdin and writes a [safetensors.Result].
// The host runs it in a process of its own with bounds on memory, time and the
// file that it writes. A model that is refused is a result; the error is for work
// that cannot be done.
func Serve(stdin io.Reader, stdout io.Writer) error {
	const first = 3
	var j safetensors.Job
	if err := json.NewDecoder(stdin).Decode(&j); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	out := os.NewFile(first, "model.gguf")
	if out == nil {
		return fmt.Errorf("no file on descriptor %d", first)
	}
	defer func() { _ = out.Close() }() // the host looks at what is in it
	var files []safetensors.File
	for i, n := range j.Files {
		f := os.NewFile(uintptr(first+1+i), n.Name)
		if f == nil {
			return fmt.Errorf("no file on descriptor %d", first+1+i)
		}
		defer func() { _ = f.Close() }() // was read only
		files = append(files, safetensors.File{Name: n.Name, Size: n.Size, Content: io.NewSectionReader(f, 0, n.Size)})
	}
	n, refused, fault := Files(files, out)
	if fault != nil {
		return fault
	}
	r := safetensors.Result{Bytes: n}
	if refused != nil {
		r = safetensors.Result{Problem: refused.Error()}
	}
	return json.NewEncoder(stdout).Encode(r)
}

// Files checks the files of a model and writes n bytes of GGUF to out. refused
// says why these files are no model that can be converted; fault is any other
// failure. It works on one tensor at a time: the converter would take as many at
// once as there are processors, and each takes several times its size in memory.
func Files(files []safetensors.File, out *os.File) (n int64, refused, fault error) {
	m, err := safetensors.Check(files)
	if err != nil {
		return 0, err, nil
	}
	dir, err := safetensors.FS(files)
	if err != nil {
		return 0, err, nil
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if err := converted(dir, out); err != nil {
		var disk *fs.PathError // of out: the files are read without names
		if errors.As(err, &disk) && disk.Path == out.Name() {
			return 0, nil, err
		}
		return 0, fmt.Errorf("a model of the kind %s was not converted: %w", m.Architecture, err), nil
	}
	info, err := out.Stat()
	if err != nil {
		return 0, nil, err
	}
	return info.Size(), nil, nil
}

// converted runs the converter, which panics on what it does not know.
func converted(dir fs.FS, out *os.File) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the converter gave up on it (%v)", p)
		}
	}()
	return convert.ConvertModel(dir, out)
}
