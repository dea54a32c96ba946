package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"
)

// widths are the types of the format and the bytes of one element
// (github.com/huggingface/safetensors, enum Dtype).
var widths = map[string]uint64{
	"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
	"I32": 4, "U32": 4, "F32": 4, "F64": 8, "I64": 8, "U64": 8,
}

// Header reads the head of one file of weights: eight bytes with the length of
// a JSON object, the object, and behind it the bytes of the tensors without
// gap or overlap. Errors wrap [ErrDamaged].
func Header(file string, r io.ReaderAt, size int64) ([]Tensor, error) {
	var length [8]byte
	if size < int64(len(length)) {
		return nil, damaged(file, "it has %d bytes and is no Safetensors file", size)
	}
	if _, err := r.ReadAt(length[:], 0); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	n := binary.LittleEndian.Uint64(length[:])
	rest := uint64(size) - uint64(len(length))
	switch {
	case n < 2 || n > MaxHeaderBytes:
		return nil, damaged(file, "its header claims %d bytes; 2 to %d are possible", n, MaxHeaderBytes)
	case n > rest:
		return nil, damaged(file, "it is cut off: its header claims %d bytes and %d follow", n, rest)
	}
	head := make([]byte, n)
	if _, err := r.ReadAt(head, int64(len(length))); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if head[0] != '{' { // as the format demands
		return nil, damaged(file, "its header does not begin with {")
	}
	list, err := tensors(file, head, rest-n, int64(len(length))+int64(n))
	if err != nil {
		return nil, err
	}
	return list, seamless(file, list, rest-n, int64(len(length))+int64(n))
}

// tensors reads the object of a header.
func tensors(file string, head []byte, data uint64, start int64) ([]Tensor, error) {
	if err := wellFormed(head); err != nil {
		return nil, damaged(file, "its header is no JSON: %v", err)
	}
	var list []Tensor
	err := object(head, func(name string, value json.RawMessage) error {
		if name == "__metadata__" { // texts for people
			return object(value, func(_ string, v json.RawMessage) error {
				if v[0] != '"' {
					return fmt.Errorf("its metadata holds something else than texts")
				}
				return nil
			})
		}
		if len(list) >= MaxTensors {
			return fmt.Errorf("it has more than %d tensors", MaxTensors)
		}
		t, err := tensor(name, value, data)
		if err != nil {
			return fmt.Errorf("the tensor %.80q: %w", name, err)
		}
		t.File = file
		t.Offset += start
		list = append(list, t)
		return nil
	})
	if err != nil {
		return nil, damaged(file, "%v", err)
	}
	return list, nil
}

// tensor reads the entry of one tensor. Its offset is relative to the data,
// which has so many bytes.
func tensor(name string, value json.RawMessage, data uint64) (Tensor, error) {
	t := Tensor{Name: name}
	if len(name) == 0 || len(name) > MaxNameBytes || !printable(name) {
		return t, fmt.Errorf("its name is empty, longer than %d bytes or holds control characters", MaxNameBytes)
	}
	var offsets []uint64
	err := object(value, func(key string, v json.RawMessage) (err error) {
		switch key {
		case "dtype":
			err = json.Unmarshal(v, &t.Type)
		case "shape":
			t.Shape, err = numbers(v, maxDims)
		case "data_offsets":
			offsets, err = numbers(v, 2)
		default:
			err = fmt.Errorf("the entry %.80q has no meaning", key)
		}
		return err
	})
	if err != nil {
		return t, err
	}
	width, ok := widths[t.Type]
	switch {
	case !ok:
		return t, fmt.Errorf("the type %.80q is unknown", t.Type)
	case t.Shape == nil || len(offsets) != 2:
		return t, fmt.Errorf("its shape or its offsets are missing")
	}
	size := width
	for _, d := range t.Shape {
		hi, lo := bits.Mul64(size, d)
		if d == 0 || hi != 0 || lo > 1<<62 {
			return t, fmt.Errorf("the shape %v is impossible", t.Shape)
		}
		size = lo
	}
	from, to := offsets[0], offsets[1]
	switch {
	case from > to || to > data:
		return t, fmt.Errorf("it lies at %d to %d of %d bytes of weights; the file is cut off or its numbers are wrong", from, to, data)
	case to-from != size:
		return t, fmt.Errorf("%s %v takes %d bytes, and it has %d", t.Type, t.Shape, size, to-from)
	}
	t.Elements, t.Offset, t.Size = int64(size/width), int64(from), int64(size)
	return t, nil
}

// seamless checks that the tensors cover the data from its first byte to its
// last, each byte once, as the format demands.
func seamless(file string, list []Tensor, data uint64, start int64) error {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b Tensor) int {
		if a.Offset != b.Offset {
			return int(min(max(a.Offset-b.Offset, -1), 1))
		}
		return int(min(max(a.Size-b.Size, -1), 1))
	})
	at := start
	for _, t := range sorted {
		switch {
		case t.Offset < at:
			return damaged(file, "the tensor %q overlaps another", t.Name)
		case t.Offset > at:
			return damaged(file, "%d bytes before the tensor %q belong to nothing", t.Offset-at, t.Name)
		}
		at += t.Size
	}
	if left := start + int64(data) - at; left != 0 {
		return damaged(file, "the last %d bytes belong to no tensor", left)
	}
	return nil
}

// numbers reads a list of at most so many whole numbers that are not negative.
func numbers(v json.RawMessage, most int) ([]uint64, error) {
	var list []json.Number
	if err := json.Unmarshal(v, &list); err != nil || list == nil {
		return nil, fmt.Errorf("%.80q is no list of numbers", v)
	}
	if len(list) > most {
		return nil, fmt.Errorf("%d numbers where %d are possible", len(list), most)
	}
	out := make([]uint64, len(list))
	for i, s := range list {
		n, err := strconv.ParseUint(string(s), 10, 63)
		if err != nil {
			return nil, fmt.Errorf("%.40q is no whole number", s)
		}
		out[i] = n
	}
	return out, nil
}

// object calls f for each entry of a JSON object, and refuses a key that occurs
// twice: readers differ in which of the two they take.
func object(b []byte, f func(key string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("%.40q is no object", b)
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		key := t.(string) // of an object
		if seen[key] {
			return fmt.Errorf("%.80q occurs twice", key)
		}
		seen[key] = true
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return err
		}
		if err := f(key, v); err != nil {
			return err
		}
	}
	return nil
}

// wellFormed reports what is wrong with JSON that somebody else is to read: its
// form, or that it is nested deeper than any such file.
func wellFormed(b []byte) error {
	if !utf8.Valid(b) {
		return fmt.Errorf("it is not UTF-8")
	}
	depth, text, escaped := 0, false, false
	for _, c := range b {
		switch {
		case escaped:
			escaped = false
		case text && c == '\\':
			escaped = true
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return fmt.Errorf("it is nested more than %d deep", maxDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	if !json.Valid(b) {
		return fmt.Errorf("it is cut off or not well formed")
	}
	return nil
}

func printable(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return false
		}
	}
	return true
}
