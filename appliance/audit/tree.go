package audit

import (
	"crypto/sha256"
	"fmt"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// frontier is what has to be kept of an RFC 6962 tree to add leaves to it and
// to know its root: the roots of the complete subtrees, largest first. There
// are as many as bits are set in size.
type frontier struct {
	size  uint64
	peaks []tlog.Hash
}

func (f *frontier) add(leaf tlog.Hash) {
	f.peaks = append(f.peaks, leaf)
	for n := f.size; n&1 == 1; n >>= 1 {
		last := len(f.peaks) - 1
		f.peaks = append(f.peaks[:last-1], tlog.NodeHash(f.peaks[last-1], f.peaks[last]))
	}
	f.size++
}

// root is the Merkle tree hash (RFC 6962, section 2.1); that of no leaves is
// the hash of nothing.
func (f *frontier) root() tlog.Hash {
	if len(f.peaks) == 0 {
		return sha256.Sum256(nil)
	}
	h := f.peaks[len(f.peaks)-1]
	for i := len(f.peaks) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.peaks[i], h)
	}
	return h
}

// valid says what is wrong with a frontier that was read somewhere.
func (f *frontier) valid() error {
	if want := bits.OnesCount64(f.size); len(f.peaks) != want {
		return fmt.Errorf("a tree of %d leaves has %d complete subtrees, not %d", f.size, want, len(f.peaks))
	}
	return nil
}

// span is the leaves lo ≤ i < hi below a node of the tree.
type span struct{ lo, hi uint64 }

// proofSpans are the nodes whose hashes prove that leaf n is in a tree of the
// given size, in the order of the proof: from the leaf up (RFC 6962, section
// 2.1.1).
func proofSpans(n, size uint64) []span {
	var up []span
	lo, hi := uint64(0), size
	for hi-lo > 1 {
		k := uint64(1) << (bits.Len64(hi-lo-1) - 1) // the largest power of two below the size
		if n < lo+k {
			up, hi = append(up, span{lo + k, hi}), lo+k
		} else {
			up, lo = append(up, span{lo, lo + k}), lo+k
		}
	}
	slices.Reverse(up)
	return up
}
