package gguftest

import (
	"encoding/binary"
	"math"
)

// Types of blocks of 4 bits (ggml-common.h: block_q4_0, block_q4_K).
const (
	Q4_0 Type = 2
	Q4_K Type = 12
)

// encodeQ40 appends blocks of 32 numbers: a scale in half precision, then whole
// numbers of 4 bits from -8 on, the first and the second half of them in pairs.
func encodeQ40(out []byte, row []float32) []byte {
	for ; len(row) >= 32; row = row[32:] {
		extreme := float32(0)
		for _, v := range row[:32] {
			if math.Abs(float64(v)) > math.Abs(float64(extreme)) {
				extreme = v
			}
		}
		d := extreme / -8
		out = binary.LittleEndian.AppendUint16(out, half(d))
		for i := range 16 {
			out = append(out, steps(ratio(row[i], d)+8, 15)|steps(ratio(row[i+16], d)+8, 15)<<4)
		}
	}
	return out
}

// encodeQ4K appends blocks of 256 numbers: a scale and a scale of the least
// values in half precision, then for each 32 numbers a share of 6 bits of both,
// then the numbers, 4 bits each, from the least value on.
func encodeQ4K(out []byte, row []float32) []byte {
	for ; len(row) >= 256; row = row[256:] {
		var scale, least [8]float32
		for j := range 8 {
			low, high := float32(0), float32(0)
			for _, v := range row[32*j : 32*j+32] {
				low, high = min(low, v), max(high, v)
			}
			scale[j], least[j] = (high-low)/15, -low
		}
		d, dmin := most(scale[:])/63, most(least[:])/63
		var s, m [8]byte
		for j := range 8 {
			s[j], m[j] = steps(ratio(scale[j], d), 63), steps(ratio(least[j], dmin), 63)
		}
		out = binary.LittleEndian.AppendUint16(out, half(d))
		out = binary.LittleEndian.AppendUint16(out, half(dmin))
		// Twelve bytes: the first four shares of either kind with six bits each, and
		// above them two bits of the last four, whose other four bits come last.
		for j := range 4 {
			out = append(out, s[j]|s[j+4]>>4<<6)
		}
		for j := range 4 {
			out = append(out, m[j]|m[j+4]>>4<<6)
		}
		for j := range 4 {
			out = append(out, s[j+4]&15|m[j+4]<<4)
		}
		quant := func(i int) byte {
			j := i / 32
			return steps(ratio(row[i]+dmin*float32(m[j]), d*float32(s[j])), 15)
		}
		for j := 0; j < 256; j += 64 {
			for i := range 32 {
				out = append(out, quant(j+i)|quant(j+i+32)<<4)
			}
		}
	}
	return out
}

// steps returns v rounded to a whole number from 0 to most.
func steps(v float32, most byte) byte {
	return byte(min(max(v+0.5, 0), float32(most)))
}
