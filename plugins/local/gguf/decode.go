package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"unicode/utf8"
)

// Types of metadata values (GGUF specification, gguf_metadata_value_type).
const (
	typeUint8 uint32 = iota
	typeInt8
	typeUint16
	typeInt16
	typeUint32
	typeInt32
	typeFloat32
	typeBool
	typeString
	typeArray
	typeUint64
	typeInt64
	typeFloat64
)

// widths holds the size in bytes of the values that have one.
var widths = map[uint32]int{
	typeUint8: 1, typeInt8: 1, typeUint16: 2, typeInt16: 2, typeUint32: 4, typeInt32: 4,
	typeFloat32: 4, typeBool: 1, typeUint64: 8, typeInt64: 8, typeFloat64: 8,
}

// decoder reads little-endian values and counts how far it came.
type decoder struct {
	r    *io.SectionReader
	buf  *bufio.Reader
	at   int64 // bytes read
	size int64
}

// bytes reads n bytes; n is bounded by the callers.
func (d *decoder) bytes(n int) ([]byte, error) {
	if d.buf == nil {
		d.buf = bufio.NewReaderSize(d.r, 64<<10)
	}
	if d.at+int64(n) > MaxMetadataBytes {
		return nil, damaged("its metadata is larger than %d MiB", MaxMetadataBytes>>20)
	}
	if d.at+int64(n) > d.size {
		return nil, damaged("it ends after %d bytes, within its metadata", d.size)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(d.buf, b); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, damaged("it ends after %d bytes, within its metadata", d.at)
		}
		return nil, err
	}
	d.at += int64(n)
	return b, nil
}

func (d *decoder) u32() (uint32, error) {
	b, err := d.bytes(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (d *decoder) u64() (uint64, error) {
	b, err := d.bytes(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

func (d *decoder) text(limit uint64) (string, error) {
	n, err := d.u64()
	if err != nil {
		return "", err
	}
	if n > limit {
		return "", damaged("a text of %d bytes where %d are possible", n, limit)
	}
	b, err := d.bytes(int(n))
	return string(b), err
}

func (d *decoder) name(what string) (string, error) {
	s, err := d.text(MaxNameBytes)
	if err != nil {
		return "", err
	}
	if !isName(s) {
		return "", damaged("the %s name %q has characters that names do not have", what, s)
	}
	return s, nil
}

func (d *decoder) value() (Value, error) {
	t, err := d.u32()
	if err != nil {
		return Value{}, err
	}
	if t == typeArray {
		return d.array()
	}
	return d.scalar(t)
}

func (d *decoder) scalar(t uint32) (Value, error) {
	v := Value{Type: t}
	if t == typeString {
		s, err := d.text(MaxStringBytes)
		if err == nil && !utf8.ValidString(s) {
			err = damaged("a text that is not UTF-8")
		}
		v.String = s
		return v, err
	}
	w, ok := widths[t]
	if !ok {
		return v, damaged("the value type %d does not exist", t)
	}
	b, err := d.bytes(w)
	if err != nil {
		return v, err
	}
	var wide [8]byte
	copy(wide[:], b)
	u := binary.LittleEndian.Uint64(wide[:])
	switch t {
	case typeInt8:
		v.Number = float64(int8(u))
	case typeInt16:
		v.Number = float64(int16(u))
	case typeInt32:
		v.Number = float64(int32(u))
	case typeInt64:
		v.Number = float64(int64(u))
	case typeFloat32:
		v.Number = float64(math.Float32frombits(uint32(u)))
	case typeFloat64:
		v.Number = math.Float64frombits(u)
	default:
		v.Number = float64(u)
	}
	switch {
	case t == typeBool && u > 1:
		return v, damaged("a truth value that is neither 0 nor 1")
	case t == typeFloat32 || t == typeFloat64:
		if math.IsNaN(v.Number) || math.IsInf(v.Number, 0) {
			return v, damaged("a number that is not finite")
		}
	case v.Number >= 0:
		v.Uint = u
	}
	return v, nil
}

func (d *decoder) array() (Value, error) {
	t, err := d.u32()
	if err != nil {
		return Value{}, err
	}
	n, err := d.u64()
	if err != nil {
		return Value{}, err
	}
	v := Value{Type: t, Array: true, Len: int(min(n, MaxElements))}
	w := widths[t]
	switch {
	case n > MaxElements:
		return v, damaged("a list of %d elements, more than %d", n, MaxElements)
	case t == typeString:
		for range n {
			s, err := d.text(MaxStringBytes)
			if err != nil {
				return v, err
			}
			v.Strings = append(v.Strings, s)
		}
		return v, nil
	case w == 0:
		return v, damaged("a list of the value type %d", t)
	}
	b, err := d.bytes(int(n) * w)
	if err != nil {
		return v, err
	}
	if t == typeInt32 || t == typeUint32 {
		for i := 0; i < len(b); i += 4 {
			v.Ints = append(v.Ints, int32(binary.LittleEndian.Uint32(b[i:])))
		}
	}
	return v, nil
}
