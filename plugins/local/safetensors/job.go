package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"time"
)

// Job is what the process that converts a model reads from stdin: the files on
// its descriptors from 4 on. It writes GGUF to descriptor 3.
type Job struct {
	Files []Named `json:"files"`
}

// Named is a file of a [Job].
type Named struct {
	Name string `json:"name"`
	Size int64  `json:"size"` // bytes
}

// Result is what the process says: how much it wrote, or why the model is
// refused, which is no fault of the process.
type Result struct {
	Bytes   int64  `json:"bytes,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// Needs is what it takes to convert a model.
type Needs struct {
	MemoryBytes int64 `json:"memoryBytes"`
	FileBytes   int64 `json:"fileBytes"` // most that the result has
}

// Needs returns bounds of what converting the model takes. The converter holds
// one tensor at a time: as it lies in the file, as four bytes for each number,
// rearranged, and as it is written. The result has two bytes for each number of a
// matrix and four of a vector, whatever they had before.
func (m *Model) Needs() Needs {
	const base, perElement, head = 1 << 30, 24, 512 << 20
	n := Needs{MemoryBytes: base, FileBytes: head}
	if l := m.Largest(); l < 1<<38 {
		n.MemoryBytes += perElement * l
	} else {
		n.MemoryBytes = 1 << 43
	}
	for _, t := range m.Tensors {
		n.FileBytes += min(max(2*t.Size, t.Elements*2), 1<<50)
	}
	return n
}

// FS returns the files as a file system of one directory, in which the
// converter finds them and nothing else. It expects the chat template in
// tokenizer_config.json, where newer models have it in a file of its own.
func FS(files []File) (fs.FS, error) {
	d := &directory{}
	var template string
	for _, f := range files {
		if f.Name == ChatTemplate {
			b, err := f.read()
			if err != nil {
				return nil, err
			}
			template = string(b)
			continue
		}
		d.files = append(d.files, f)
	}
	slices.SortFunc(d.files, func(a, b File) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	if template == "" {
		return d, nil
	}
	i := slices.IndexFunc(d.files, func(f File) bool { return f.Name == TokenizerConfig })
	if i < 0 {
		return d, nil
	}
	b, err := d.files[i].read()
	if err != nil {
		return nil, err
	}
	config := map[string]json.RawMessage{}
	if err := json.Unmarshal(b, &config); err != nil {
		return nil, damaged(TokenizerConfig, "%v", err)
	}
	if config["chat_template"], err = json.Marshal(template); err != nil {
		return nil, err
	}
	if b, err = json.Marshal(config); err != nil {
		return nil, err
	}
	d.files[i] = File{Name: TokenizerConfig, Size: int64(len(b)), Content: bytes.NewReader(b)}
	return d, nil
}

type directory struct{ files []File }

var _ fs.ReadDirFS = (*directory)(nil)

// Open implements fs.FS.
func (d *directory) Open(name string) (fs.File, error) {
	for _, f := range d.files {
		if f.Name == name {
			return &opened{file: f}, nil
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// ReadDir implements fs.ReadDirFS.
func (d *directory) ReadDir(name string) ([]fs.DirEntry, error) {
	if name != "." {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	var list []fs.DirEntry
	for _, f := range d.files {
		list = append(list, fs.FileInfoToDirEntry(info{f}))
	}
	return list, nil
}

// opened is a file that is being read.
type opened struct {
	file File
	at   int64
}

func (o *opened) Stat() (fs.FileInfo, error) { return info{o.file}, nil }
func (o *opened) Close() error               { return nil }

func (o *opened) Read(p []byte) (int, error) {
	n, err := o.ReadAt(p, o.at)
	o.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// ReadAt implements io.ReaderAt, which keeps the converter from reading a file
// up to each tensor.
func (o *opened) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 {
		return 0, errors.New("a place before the file")
	}
	return o.file.Content.ReadAt(p, at)
}

type info struct{ f File }

func (i info) Name() string       { return i.f.Name }
func (i info) Size() int64        { return i.f.Size }
func (i info) Mode() fs.FileMode  { return 0o400 }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return nil }
