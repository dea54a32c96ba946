//go:build cgo && !race

package main

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ollama/ollama/ml"

	"skerry/plugins/local/gguf/gguftest"
)

// TestZero: all that is asked for is zero afterwards, wherever it begins and
// ends in a page, and nothing beside it; also where pages cannot be given back.
func TestZero(t *testing.T) {
	const page, pages = 4096, 6
	for _, locked := range []bool{false, true} {
		m, err := unix.Mmap(-1, 0, pages*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			t.Fatal(err)
		}
		if locked {
			if err := unix.Mlock(m); err != nil {
				t.Skipf("this system locks no memory: %v", err)
			}
		}
		for _, r := range [][2]int{{0, pages * page}, {page, 2 * page}, {1, page}, {1, 3*page + 5}, {page - 1, page + 1}, {100, 200}, {page, 5*page - 1}, {7, 7}} {
			for i := range m {
				m[i] = 1
			}
			zero(uintptr(unsafe.Pointer(&m[0]))+uintptr(r[0]), r[1]-r[0])
			for i, b := range m {
				if inside := i >= r[0] && i < r[1]; (b == 0) != inside {
					t.Fatalf("locked %v, zero from %d to %d: byte %d is %d", locked, r[0], r[1], i, b)
				}
			}
		}
		if err := unix.Munmap(m); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSizeOf: what is cleared of a tensor is all that it has: in blocks of 32
// numbers, of 128 bytes, of 64, and of 34 (a scale and 32 bytes). That new memory
// reads as zero would prove nothing: the system's always does.
func TestSizeOf(t *testing.T) {
	e := load16(t, tinyFile(t, gguftest.TinyOf("llama")))
	ctx := e.model.Backend().NewContextSize(9)
	defer ctx.Close()
	for kind, block := range map[ml.DType]int{ml.DTypeF32: 128, ml.DTypeF16: 64, ml.DTypeQ80: 34} {
		for _, shape := range [][]int{{64, 3, 70}, {32, 1}, {96, 5}} {
			want := block
			for i, n := range shape {
				if i == 0 {
					n /= 32
				}
				want *= n
			}
			if got := sizeOf(zeros(ctx.Layer(0), kind, shape...), shape); got != want {
				t.Errorf("type %v, shape %v: %d bytes are cleared, it has %d", kind, shape, got, want)
			}
		}
	}
}
