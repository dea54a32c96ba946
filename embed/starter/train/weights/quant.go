package weights

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Type is how the numbers of a tensor are stored in a GGUF file (enum
// ggml_type).
type Type uint32

// Types that this package reads and writes.
const (
	F32 Type = 0
	F16 Type = 1
	Q8  Type = 8 // Q8_0: blocks of 32 numbers, a float16 scale and 32 int8
)

// q8Block and q8Bytes are the numbers and bytes of a Q8_0 block (block_q8_0 in
// ggml's quants header).
const (
	q8Block = 32
	q8Bytes = 2 + q8Block
)

// ParseType returns the type named f32, f16 or q8_0.
func ParseType(name string) (Type, error) {
	switch name {
	case "f32":
		return F32, nil
	case "f16":
		return F16, nil
	case "q8_0":
		return Q8, nil
	}
	return 0, fmt.Errorf("unknown type %q; f32, f16 and q8_0 are possible", name)
}

// fileType returns the number in general.file_type (enum llama_ftype).
func (t Type) fileType() uint32 {
	if t == Q8 {
		return 7
	}
	return uint32(t)
}

// encode stores values, whose rows are a multiple of 32 long.
func (t Type) encode(values []float32) []byte {
	switch t {
	case F16:
		out := make([]byte, 0, 2*len(values))
		for _, v := range values {
			out = binary.LittleEndian.AppendUint16(out, toHalf(v))
		}
		return out
	case Q8:
		out := make([]byte, 0, len(values)/q8Block*q8Bytes)
		for ; len(values) >= q8Block; values = values[q8Block:] {
			out = appendQ8(out, values[:q8Block])
		}
		return out
	}
	return raw(values)
}

// appendQ8 stores a block as ggml's reference does (quantize_row_q8_0_ref):
// the largest number becomes ±127, and the numbers are divided by the scale
// before that is rounded to a float16.
func appendQ8(out []byte, values []float32) []byte {
	var most float32
	for _, v := range values {
		most = max(most, float32(math.Abs(float64(v))))
	}
	scale := most / 127
	var inverse float32
	if scale != 0 {
		inverse = 1 / scale
	}
	out = binary.LittleEndian.AppendUint16(out, toHalf(scale))
	for _, v := range values {
		out = append(out, byte(int8(math.Round(float64(v*inverse)))))
	}
	return out
}

// decode is the inverse of encode for n numbers.
func (t Type) decode(data []byte, n int) ([]float32, error) {
	out := make([]float32, 0, n)
	switch t {
	case F32:
		out = floats(data)
	case F16:
		for ; len(data) >= 2; data = data[2:] {
			out = append(out, fromHalf(binary.LittleEndian.Uint16(data)))
		}
	case Q8:
		for ; len(data) >= q8Bytes; data = data[q8Bytes:] {
			scale := fromHalf(binary.LittleEndian.Uint16(data))
			for _, q := range data[2:q8Bytes] {
				out = append(out, scale*float32(int8(q)))
			}
		}
	default:
		return nil, fmt.Errorf("type %d; only F32 (0), F16 (1) and Q8_0 (8) can be trained on; export one of those", t)
	}
	if len(out) != n {
		return nil, fmt.Errorf("holds %d numbers, not %d", len(out), n)
	}
	return out, nil
}

// toHalf returns the float16 nearest to f, ties to even (IEEE 754 binary16).
func toHalf(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000: // not a number
		return sign | 0x7e00
	case b >= 0x477ff000: // rounds to 65536 or more
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14: multiples of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(b))*(1<<24)))
	}
	b += 0xfff + (b >> 13 & 1)
	return sign | uint16((b-0x38000000)>>13)
}

// fromHalf returns the number that a float16 stands for.
func fromHalf(h uint16) float32 {
	sign, exponent, fraction := float64(1), int(h>>10&0x1f), float64(h&0x3ff)
	if h&0x8000 != 0 {
		sign = -1
	}
	switch exponent {
	case 0:
		return float32(sign * math.Ldexp(fraction, -24))
	case 31:
		if fraction != 0 {
			return float32(math.NaN())
		}
		return float32(math.Inf(int(sign)))
	}
	return float32(sign * math.Ldexp(1024+fraction, exponent-25))
}
