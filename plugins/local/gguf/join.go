package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxParts bounds the parts of a split file.
const MaxParts = 512

// Metadata of the parts of a split file (llama.cpp, LLM_KV_SPLIT_*). They have
// no meaning for the whole.
const (
	splitPrefix  = "split."
	splitNo      = "split.no"            // from 0
	splitCount   = "split.count"         // parts
	splitTensors = "split.tensors.count" // in all parts together
)

// Part is a checked part of a split file. The first part has the metadata of
// the model; it may have no tensors.
type Part struct {
	*File
	Name  string // of the file, for people
	No    int    // from 0
	Count int    // parts that the model is split into

	tensors int // that all parts are said to have
	r       io.ReaderAt
}

// CheckPart reads the head of a part of the given size in bytes, as strictly as
// [Check] reads whole files; what the parts must mean together is for [Join].
// r must stay readable until the parts have been joined.
func CheckPart(name string, r io.ReaderAt, size int64) (*Part, error) {
	d := &decoder{r: io.NewSectionReader(r, 0, size), size: size}
	f, err := d.file()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p := &Part{File: f, Name: name, r: r}
	for key, to := range map[string]*int{splitNo: &p.No, splitCount: &p.Count, splitTensors: &p.tensors} {
		v, ok := f.Values[key]
		if !ok {
			return nil, fmt.Errorf("%s is no part of a split model: it has no %s", name, key)
		}
		if v.Array || widths[v.Type] == 0 || v.Type == typeFloat32 || v.Type == typeFloat64 || v.Number < 0 || v.Uint > MaxTensors {
			return nil, fmt.Errorf("%s: %w", name, damaged("%s is no number that is possible there", key))
		}
		*to = int(v.Uint)
	}
	if p.Count < 2 || p.Count > MaxParts || p.No >= p.Count {
		return nil, fmt.Errorf("%s: %w", name, damaged("it says it is part %d of %d; 2 to %d parts are possible", p.No+1, p.Count, MaxParts))
	}
	return p, nil
}

// Whole is a model that is to be written from its parts.
type Whole struct {
	head   []byte // all that comes before the weights
	pieces []piece
}

// piece is a stretch of weights and the zeros behind it.
type piece struct {
	from *Part
	at   int64 // in its file
	size int64
	pad  int64
}

// Join puts parts together, whatever their order. Parts that are missing, twice
// there or of another model are named in the error.
func Join(parts []*Part) (*Whole, error) {
	ordered, err := order(parts)
	if err != nil {
		return nil, err
	}
	first := ordered[0]
	var tensors []Tensor
	w, seen := &Whole{}, map[string]*Part{}
	align := first.alignment()
	var offset uint64
	for _, p := range ordered {
		if a, ok := p.Values["general.architecture"]; ok && p != first && a.String != first.Values["general.architecture"].String {
			return nil, fmt.Errorf("%s is a part of another model: its architecture is %q, that of %s is %q", p.Name, a.String, first.Name, first.Values["general.architecture"].String)
		}
		for _, t := range p.Tensors {
			if other, twice := seen[t.Name]; twice {
				return nil, fmt.Errorf("%s and %s both have the tensor %q, so one of them is a part of another model", other.Name, p.Name, t.Name)
			}
			seen[t.Name] = p
			pad := -t.Size & (align - 1)
			w.pieces = append(w.pieces, piece{p, p.DataStart + int64(t.Offset), int64(t.Size), int64(pad)})
			t.Offset = offset
			offset += t.Size + pad // each lies in its file, so the sum is far from 2^64
			tensors = append(tensors, t)
		}
	}
	switch {
	case len(tensors) != first.tensors:
		return nil, fmt.Errorf("the parts have %d tensors together and the first, %s, says %d: a part is of another model", len(tensors), first.Name, first.tensors)
	case len(tensors) == 0 || len(tensors) > MaxTensors:
		return nil, damaged("the parts have %d tensors together; 1 to %d are possible", len(tensors), MaxTensors)
	}
	w.head, err = head(first, tensors, align)
	return w, err
}

// order sorts parts by their number.
func order(parts []*Part) ([]*Part, error) {
	if len(parts) == 0 {
		return nil, errors.New("there are no parts")
	}
	all := make([]*Part, parts[0].Count)
	for _, p := range parts {
		if p.Count != len(all) || p.tensors != parts[0].tensors {
			return nil, fmt.Errorf("%s is a part of another model: it belongs to one of %d parts with %d tensors, and %s to one of %d with %d", p.Name, p.Count, p.tensors, parts[0].Name, len(all), parts[0].tensors)
		}
		if other := all[p.No]; other != nil {
			return nil, fmt.Errorf("%s and %s are both part %d of %d; leave one out", other.Name, p.Name, p.No+1, p.Count)
		}
		all[p.No] = p
	}
	var missing []string
	for n, p := range all {
		if p == nil {
			missing = append(missing, fmt.Sprint(n+1))
		}
	}
	switch {
	case len(missing) == 1:
		return nil, fmt.Errorf("part %s of %d is missing; give all parts together", missing[0], len(all))
	case len(missing) > 1:
		return nil, fmt.Errorf("the parts %s of %d are missing; give all parts together", strings.Join(missing, ", "), len(all))
	}
	return all, nil
}

// head writes all that comes before the weights.
func head(first *Part, tensors []Tensor, align uint64) ([]byte, error) {
	var meta bytes.Buffer
	keys := uint64(0)
	for _, e := range first.entries {
		if strings.HasPrefix(e.key, splitPrefix) {
			continue
		}
		keys++
		if _, err := io.Copy(&meta, io.NewSectionReader(first.r, e.from, e.to-e.from)); err != nil {
			return nil, fmt.Errorf("%s: %w", first.Name, err)
		}
	}
	b := append([]byte("GGUF"), make([]byte, 0, meta.Len()+128*len(tensors))...)
	b = binary.LittleEndian.AppendUint32(b, first.Version)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(tensors)))
	b = binary.LittleEndian.AppendUint64(b, keys)
	b = append(b, meta.Bytes()...)
	for _, t := range tensors {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(t.Name)))
		b = append(b, t.Name...)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(t.Shape)))
		for _, d := range t.Shape {
			b = binary.LittleEndian.AppendUint64(b, d)
		}
		b = binary.LittleEndian.AppendUint32(b, t.Type)
		b = binary.LittleEndian.AppendUint64(b, t.Offset)
	}
	if len(b) > MaxMetadataBytes {
		return nil, damaged("its metadata is larger than %d MiB", MaxMetadataBytes>>20)
	}
	return append(b, make([]byte, -uint64(len(b))&(align-1))...), nil
}

// Size returns how many bytes [Whole.WriteTo] writes.
func (w *Whole) Size() int64 {
	n := int64(len(w.head))
	for _, p := range w.pieces {
		n += p.size + p.pad
	}
	return n
}

var zeros [maxAlignment]byte

// WriteTo writes the whole file.
func (w *Whole) WriteTo(out io.Writer) (int64, error) {
	k, err := out.Write(w.head)
	n := int64(k)
	for _, p := range w.pieces {
		if err != nil {
			return n, err
		}
		var copied int64
		copied, err = io.Copy(out, io.NewSectionReader(p.from.r, p.at, p.size))
		n += copied
		if err == nil && copied < p.size {
			err = fmt.Errorf("%s ends early; it was changed meanwhile", p.from.Name)
		}
		if err == nil {
			k, err = out.Write(zeros[:p.pad])
			n += int64(k)
		}
	}
	return n, err
}
