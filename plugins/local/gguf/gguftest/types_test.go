package gguftest

import (
	"encoding/binary"
	"math"
	"testing"
)

// wide is half precision read as IEEE 754 says it.
func wide(h uint16) float64 {
	sign, e, m := 1.0, int(h>>10&31), float64(h&1023)
	if h>>15 == 1 {
		sign = -1
	}
	switch e {
	case 0:
		return sign * math.Ldexp(m, -24)
	case 31:
		if m != 0 {
			return math.NaN()
		}
		return sign * math.Inf(1)
	}
	return sign * math.Ldexp(1+m/1024, e-15)
}

// TestHalf: every number in half precision is itself, and what lies between two
// becomes the nearer, or of two equally near the even one.
func TestHalf(t *testing.T) {
	for h := range uint16(0x7c00) {
		v := wide(h)
		if got := half(float32(v)); got != h {
			t.Fatalf("%v: %#04x, want %#04x", v, got, h)
		}
		if got := half(float32(-v)); v != 0 && got != h|0x8000 {
			t.Fatalf("%v: %#04x, want %#04x", -v, got, h|0x8000)
		}
		if h == 0x7bff {
			break
		}
		between, even := float32((v+wide(h+1))/2), h+h&1
		if got := half(between); got != even {
			t.Fatalf("%v: %#04x, want %#04x", between, got, even)
		}
		if got := half(math.Nextafter32(between, 0)); got != h {
			t.Fatalf("just below %v: %#04x, want %#04x", between, got, h)
		}
	}
	for v, want := range map[float64]uint16{65504: 0x7bff, 65519: 0x7bff, 65520: 0x7c00, math.Inf(-1): 0xfc00} {
		if got := half(float32(v)); got != want {
			t.Errorf("%v: %#04x, want %#04x", v, got, want)
		}
	}
	if got := half(float32(math.NaN())); got != 0x7e00 {
		t.Errorf("not a number: %#04x", got)
	}
}

// TestEncode: what is stored in blocks reads back within half a step.
func TestEncode(t *testing.T) {
	row := make([]float32, 64)
	for i := range row {
		row[i] = float32(math.Sin(float64(i)*1.3) * math.Pow(1.1, float64(i)))
	}
	row[40] = 0
	e2m1 := []float64{0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6}
	for kind, read := range map[Type]func(b []byte, i int) (v, step float64){
		Q8_0: func(b []byte, i int) (float64, float64) {
			d := wide(binary.LittleEndian.Uint16(b))
			return float64(int8(b[2+i])) * d, d * 1.1 // the scale is rounded as well
		},
		MXFP4: func(b []byte, i int) (float64, float64) {
			d := math.Ldexp(1, int(b[0])-127)
			v := e2m1[b[1+i%16]>>(4*(i/16))&15]
			step := map[bool]float64{true: 2, false: 0.5}[math.Abs(v) > 3]
			if math.Abs(v) > 1.5 && math.Abs(v) <= 3 {
				step = 1
			}
			if math.Abs(v) == 6 {
				step = 4 // up to the next power of two, all becomes the greatest
			}
			return v * d, d * step
		},
	} {
		b := kind.encode(row)
		if uint64(len(b)) != kind.size(uint64(len(row))) {
			t.Fatalf("type %d: %d bytes", kind, len(b))
		}
		size := len(b) / 2
		for i, want := range row {
			got, step := read(b[i/32*size:], i%32)
			if math.Abs(got-float64(want)) > step/2 {
				t.Errorf("type %d: number %d is %v, want %v within %v", kind, i, got, want, step/2)
			}
		}
	}
	for _, kind := range []Type{Q8_0, MXFP4} { // nothing but zeros
		for i, v := range kind.encode(make([]float32, 32)) {
			if v != 0 && (kind != MXFP4 || i != 0) {
				t.Errorf("type %d: byte %d of zeros is %d", kind, i, v)
			}
		}
	}
}
