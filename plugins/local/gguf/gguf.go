// Package gguf checks GGUF model files strictly before anything else reads
// them: an inference engine takes the numbers in them at their word. It reads
// the header, the metadata and the tensor table, never a weight. It is pure Go
// and starts nothing. Start with [Check].
package gguf

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"
)

// Bounds of what a file may claim. They are far above any known model and low
// enough that a hostile file costs little.
const (
	MaxKeys          = 4096      // metadata entries
	MaxTensors       = 65536     // tensors
	MaxNameBytes     = 256       // key or tensor name
	MaxStringBytes   = 1 << 20   // string value
	MaxElements      = 1 << 21   // elements of an array
	MaxMetadataBytes = 256 << 20 // everything before the weights
	MaxBlocks        = 1024      // layers
	maxDims          = 4         // of a tensor (GGML_MAX_DIMS)
	maxAlignment     = 4096      // of the weights in bytes
	defaultAlignment = 32        // of the weights in bytes, where the file does not say (GGUF specification)
)

// ErrDamaged is wrapped by every error of [Check] that says the file is cut
// off, inconsistent or not a GGUF file at all.
var ErrDamaged = errors.New("the model file is damaged")

// File is what a checked file says about itself.
type File struct {
	Version      uint32
	Architecture string
	Values       map[string]Value // metadata
	Tensors      []Tensor         // in order of offset
	DataStart    int64            // where the weights begin, in bytes from the start of the file

	entries []entry // where the metadata lies, in the order of the file
}

// entry is the place of one metadata entry, key included.
type entry struct {
	key      string
	from, to int64 // bytes from the start of the file
}

// Value is a metadata value. Of an array only the strings and the 32-bit
// integers are kept, which is what the checks need.
type Value struct {
	Type    uint32 // of the value, or of the elements of an array
	Array   bool
	Len     int // elements of an array
	Number  float64
	Uint    uint64 // whole numbers that are not negative
	String  string
	Strings []string
	Ints    []int32
}

// Tensor is an entry of the tensor table.
type Tensor struct {
	Name   string
	Type   uint32
	Shape  []uint64 // elements per dimension, fastest first; 1 to 4 dimensions
	Offset uint64   // from File.DataStart, in bytes
	Size   uint64   // bytes
}

// Check reads the head of a file of the given size in bytes. Any error names
// what is wrong; those about damage wrap [ErrDamaged].
func Check(r io.ReaderAt, size int64) (*File, error) {
	d := &decoder{r: io.NewSectionReader(r, 0, size), size: size}
	f, err := d.file()
	if err != nil {
		return nil, err
	}
	if len(f.Tensors) == 0 {
		return nil, damaged("it claims 0 tensors; 1 to %d are possible", MaxTensors)
	}
	if err := f.consistent(); err != nil {
		return nil, err
	}
	return f, nil
}

func damaged(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, a...))
}

func (d *decoder) file() (*File, error) {
	magic, err := d.bytes(4)
	if err != nil || string(magic) != "GGUF" {
		return nil, damaged("it does not begin with GGUF")
	}
	f := &File{Values: map[string]Value{}}
	if f.Version, err = d.u32(); err != nil {
		return nil, err
	}
	if f.Version != 2 && f.Version != 3 {
		return nil, damaged("GGUF version %d; versions 2 and 3 in little-endian order are supported", f.Version)
	}
	tensors, err := d.u64()
	if err != nil {
		return nil, err
	}
	keys, err := d.u64()
	switch {
	case err != nil:
		return nil, err
	case keys > MaxKeys:
		return nil, damaged("it claims %d metadata entries, more than %d", keys, MaxKeys)
	case tensors > MaxTensors:
		return nil, damaged("it claims %d tensors; 1 to %d are possible", tensors, MaxTensors)
	}
	for range keys {
		from := d.at
		key, err := d.name("key")
		if err != nil {
			return nil, err
		}
		if _, twice := f.Values[key]; twice {
			return nil, damaged("the key %q occurs twice", key)
		}
		v, err := d.value()
		if err != nil {
			return nil, fmt.Errorf("%w (at the key %q)", err, key)
		}
		f.Values[key] = v
		f.entries = append(f.entries, entry{key, from, d.at})
	}
	if err := d.tensors(f, int(tensors)); err != nil {
		return nil, err
	}
	return f, nil
}

func (d *decoder) tensors(f *File, n int) error {
	align := f.alignment()
	if v, ok := f.Values["general.alignment"]; ok {
		if v.Array || v.Type != typeUint32 || align < 8 || align > maxAlignment || align&(align-1) != 0 {
			return damaged("general.alignment is not a power of two from 8 to %d", maxAlignment)
		}
	}
	seen := map[string]bool{}
	for range n {
		t, err := d.tensor()
		if err != nil {
			return err
		}
		if seen[t.Name] {
			return damaged("the tensor %q occurs twice", t.Name)
		}
		seen[t.Name] = true
		f.Tensors = append(f.Tensors, t)
	}
	start := (uint64(d.at) + align - 1) / align * align
	f.DataStart = int64(start)
	var end uint64 // of the tensor before
	for _, t := range f.Tensors {
		last, carry := bits.Add64(t.Offset, t.Size, 0)
		total, carry2 := bits.Add64(last, start, 0)
		switch {
		case carry|carry2 != 0, total > uint64(d.size):
			return damaged("the tensor %q reaches beyond the end of the file; it may be cut off", t.Name)
		case t.Offset%align != 0:
			return damaged("the tensor %q is not aligned to %d bytes", t.Name, align)
		case t.Offset < end:
			return damaged("the tensor %q overlaps another or is out of order", t.Name)
		}
		end = last
	}
	return nil
}

// alignment is what the weights are aligned to, in bytes.
func (f *File) alignment() uint64 {
	if v, ok := f.Values["general.alignment"]; ok {
		return v.Uint
	}
	return defaultAlignment
}

func (d *decoder) tensor() (Tensor, error) {
	name, err := d.name("tensor")
	if err != nil {
		return Tensor{}, err
	}
	t := Tensor{Name: name}
	dims, err := d.u32()
	if err != nil {
		return t, err
	}
	if dims == 0 || dims > maxDims {
		return t, damaged("the tensor %q has %d dimensions; 1 to %d are possible", name, dims, maxDims)
	}
	elements := uint64(1)
	for range dims {
		n, err := d.u64()
		if err != nil {
			return t, err
		}
		hi, lo := bits.Mul64(elements, n)
		if n == 0 || hi != 0 || lo > 1<<50 {
			return t, damaged("the tensor %q has an impossible shape", name)
		}
		elements = lo
		t.Shape = append(t.Shape, n)
	}
	if t.Type, err = d.u32(); err != nil {
		return t, err
	}
	b, ok := blocks[t.Type]
	if !ok {
		return t, fmt.Errorf("the tensor %q has the unsupported type %d; use a file quantised as F32, F16, BF16, Q4_0 … Q8_0, Q2_K … Q6_K or MXFP4", name, t.Type)
	}
	if t.Shape[0]%b.elements != 0 {
		return t, damaged("the rows of the tensor %q are no whole blocks of its type", name)
	}
	t.Size = elements / b.elements * b.bytes // below 2^50 * 292/256
	t.Offset, err = d.u64()
	return t, err
}

// block says how a tensor type is stored.
type block struct{ elements, bytes uint64 }

// blocks holds the supported tensor types (enum ggml_type and the block
// structures of ggml's quants header).
var blocks = map[uint32]block{
	0: {1, 4}, 1: {1, 2}, 30: {1, 2}, // F32, F16, BF16
	2: {32, 18}, 3: {32, 20}, 6: {32, 22}, 7: {32, 24}, 8: {32, 34}, // Q4_0, Q4_1, Q5_0, Q5_1, Q8_0
	10: {256, 84}, 11: {256, 110}, 12: {256, 144}, 13: {256, 176}, 14: {256, 210}, // Q2_K … Q6_K
	20: {32, 18}, 23: {256, 136}, // IQ4_NL, IQ4_XS
	4: {32, 17}, 39: {32, 17}, // MXFP4 under its old and its new number
	26: {1, 4}, // I32
}

// isName reports whether a name is made of the characters that keys and tensor
// names consist of.
func isName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-/:", r))
	}) < 0
}
