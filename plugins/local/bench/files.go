package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"skerry/plugins/local/gguf/gguftest"
)

// kind is one of the files of the shape of Qwen3-0.6B with random weights.
type kind struct {
	name string
	of   gguftest.Type
}

var kinds = []kind{{"Q4_0", gguftest.Q4_0}, {"Q4_K", gguftest.Q4_K}, {"Q8_0", gguftest.Q8_0}}

// file returns the path of a model of 28 layers, 1,024 wide, with 16 heads of
// 128 over 8 pairs of keys and values, 3,072 between, and 151,936 tokens whose
// embeddings serve for the output as well. It is written once.
func file(dir string, k kind) (string, error) {
	m := gguftest.Tiny()
	m.Name, m.Type, m.Layers, m.Context = "bench", k.of, 28, 8192
	m.Size = gguftest.Size{Width: 1024, Heads: 16, KVHeads: 8, HeadDim: 128, Between: 3072}
	m.Words = 151936 - (4 + 256 + 1) // beside control tokens, bytes and one merge
	path := filepath.Join(dir, "qwen3-0.6b-shape-"+k.name+".gguf")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	fmt.Fprintln(os.Stderr, "writing", path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	f, err := os.Create(path + ".part")
	if err != nil {
		return "", err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	_, err = m.WriteTo(w)
	if err := errors.Join(err, w.Flush(), f.Close()); err != nil {
		return "", err
	}
	return path, os.Rename(path+".part", path)
}
