package gguftest

import (
	"encoding/binary"
	"math"
	"testing"
)

// TestEncodeFourBits: blocks of 4 bits read back, as ggml-quants.c reads them
// (dequantize_row_q4_0, dequantize_row_q4_K), within a step.
func TestEncodeFourBits(t *testing.T) {
	row := make([]float32, 512)
	for i := range row {
		row[i] = float32(math.Sin(float64(i)*1.3) * math.Pow(1.01, float64(i)))
	}
	for kind, read := range map[Type]func(b []byte, i int) (v, step float64){
		Q4_0: func(b []byte, i int) (float64, float64) {
			b = b[i/32*18:]
			d := wide(binary.LittleEndian.Uint16(b))
			q := b[2+i%16] >> (4 * (i % 32 / 16)) & 15
			return (float64(q) - 8) * d, math.Abs(d) // on one side there is a step less, so half of one is not enough
		},
		Q4_K: func(b []byte, i int) (float64, float64) {
			b = b[i/256*144:]
			d, dmin := wide(binary.LittleEndian.Uint16(b)), wide(binary.LittleEndian.Uint16(b[2:]))
			shares, quants := b[4:16], b[16:]
			j := i % 256 / 32
			scale, least := shares[j%4]&63, shares[j%4+4]&63
			if j >= 4 {
				scale, least = shares[j+4]&15|shares[j-4]>>6<<4, shares[j+4]>>4|shares[j]>>6<<4
			}
			q := quants[i%256/64*32+i%32] >> (4 * (i % 64 / 32)) & 15
			return d*float64(scale)*float64(q) - dmin*float64(least), d*float64(scale) + dmin
		},
	} {
		b := kind.encode(row)
		if uint64(len(b)) != kind.size(uint64(len(row))) {
			t.Fatalf("type %d: %d bytes", kind, len(b))
		}
		for i, want := range row {
			if got, step := read(b, i); math.Abs(got-float64(want)) > 1.01*step {
				t.Errorf("type %d: number %d is %v, want %v within %v", kind, i, got, want, step)
			}
		}
		for i := range 512 {
			if v, _ := read(kind.encode(make([]float32, 512)), i); v != 0 {
				t.Errorf("type %d: zero reads back as %v", kind, v)
			}
		}
	}
}
