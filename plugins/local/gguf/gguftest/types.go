package gguftest

import (
	"encoding/binary"
	"math"
)

// Type is how a tensor is stored (enum ggml_type).
type Type uint32

// Types of tensors that are written here.
const (
	F32   Type = 0
	F16   Type = 1
	Q8_0  Type = 8
	MXFP4 Type = 39
)

type block struct{ elements, bytes uint64 }

func (t Type) block() block {
	switch t {
	case F16:
		return block{1, 2}
	case Q8_0:
		return block{32, 34}
	case Q4_0:
		return block{32, 18}
	case Q4_K:
		return block{256, 144}
	case MXFP4:
		return block{32, 17}
	}
	return block{1, 4}
}

// size returns how many bytes n numbers take.
func (t Type) size(n uint64) uint64 { return n / t.block().elements * t.block().bytes }

// encode stores numbers, whose count is one of whole blocks.
func (t Type) encode(row []float32) []byte {
	out := make([]byte, 0, t.size(uint64(len(row))))
	switch t {
	case Q4_0:
		out = encodeQ40(out, row)
	case Q4_K:
		out = encodeQ4K(out, row)
	case F16:
		for _, v := range row {
			out = binary.LittleEndian.AppendUint16(out, half(v))
		}
	case Q8_0: // a scale in half precision, then 32 whole numbers of 8 bits
		for i := 0; i < len(row); i += 32 {
			d := most(row[i:i+32]) / 127
			out = binary.LittleEndian.AppendUint16(out, half(d))
			for _, v := range row[i : i+32] {
				out = append(out, byte(int8(math.RoundToEven(float64(ratio(v, d))))))
			}
		}
	case MXFP4: // a power of two, then 32 numbers of 4 bits, the first and the second half of them in pairs (OCP Microscaling Formats 1.0, section 5.3)
		for i := 0; i < len(row); i += 32 {
			e := max(0, min(254, math.Ilogb(float64(max(most(row[i:i+32]), math.SmallestNonzeroFloat32)))-2+127))
			d := float32(math.Ldexp(1, e-127))
			out = append(out, byte(e))
			for j := range 16 {
				out = append(out, nibble(ratio(row[i+j], d))|nibble(ratio(row[i+j+16], d))<<4)
			}
		}
	default:
		for _, v := range row {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
	}
	return out
}

func most(row []float32) float32 {
	m := float32(0)
	for _, v := range row {
		m = max(m, float32(math.Abs(float64(v))))
	}
	return m
}

func ratio(v, d float32) float32 {
	if d == 0 {
		return 0
	}
	return v / d
}

// nibble returns the nearest number of the format E2M1.
func nibble(v float32) byte {
	sign := byte(0)
	if v < 0 {
		sign, v = 8, -v
	}
	best := byte(0)
	for i, x := range []float32{0, 0.5, 1, 1.5, 2, 3, 4, 6} {
		if math.Abs(float64(v-x)) < math.Abs(float64(v-[]float32{0, 0.5, 1, 1.5, 2, 3, 4, 6}[best])) {
			best = byte(i)
		}
	}
	return sign | best
}

// half returns a number in IEEE 754 half precision, rounded to nearest, ties to
// even. What is too large becomes infinite.
func half(v float32) uint16 {
	b := math.Float32bits(v)
	sign, rest := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case rest >= 0x477ff000: // 65520 and above, infinity and not a number
		if rest > 0x7f800000 {
			return sign | 0x7e00
		}
		return sign | 0x7c00
	case rest < 0x38800000: // below 2^-14: subnormal, in steps of 2^-24
		return sign | uint16(math.RoundToEven(math.Abs(float64(v))*(1<<24)))
	}
	rest += 0xfff + rest>>13&1
	return sign | uint16((rest-0x38000000)>>13)
}
