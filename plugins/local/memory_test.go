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

// TestZerosSize: the size that is cleared is that of the tensor in its type.
func TestZerosSize(t *testing.T) {
	e := load16(t, tinyFile(t, gguftest.TinyOf("llama")))
	ctx := e.model.Backend().NewContextSize(8)
	defer ctx.Close()
	for _, kind := range []ml.DType{ml.DTypeF32, ml.DTypeF16, ml.DTypeQ80} {
		for i, b := range zeros(ctx.Layer(0), kind, 64, 3, 70).Bytes() {
			if b != 0 {
				t.Fatalf("type %v: byte %d is %d", kind, i, b)
			}
		}
	}
}
