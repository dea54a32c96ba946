package vault

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// page is one page of memory for keys: never swapped, in no core dump, not
// there in a forked child, and cleared before it is given back. It lies outside
// the heap, so that the garbage collector never copies it.
type page struct{ b []byte }

func newPage() (*page, error) {
	b, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("memory for keys: %w", err)
	}
	p := &page{b}
	if err := unix.Mlock(b); err != nil {
		p.free()
		return nil, fmt.Errorf("memory for keys cannot be locked: %w; allow this user some locked memory (LimitMEMLOCK=64K in a unit, ulimit -l)", err)
	}
	for _, advice := range []int{unix.MADV_DONTDUMP, unix.MADV_DONTFORK} {
		if err := unix.Madvise(b, advice); err != nil {
			p.free()
			return nil, fmt.Errorf("memory for keys cannot be kept out of dumps and children: %w", err)
		}
	}
	return p, nil
}

// free clears the page and gives it back. Nothing may use it any more.
func (p *page) free() {
	clear(p.b)
	_ = unix.Munmap(p.b) // fails only for an address that is none of ours
	p.b = nil
}

// keyBytes is the size of every key in this package.
const keyBytes = 32

// slot returns the place of key i; slot 0 is the root key's.
func (p *page) slot(i int) []byte { return p.b[i*keyBytes : (i+1)*keyBytes : (i+1)*keyBytes] }
