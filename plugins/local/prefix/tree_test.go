package prefix_test

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"skerry/plugins/local/prefix"
)

// TestTreeAgreesWithAMap: the tree finds what a search through all sequences
// would find, whatever was extended and dropped before.
func TestTreeAgreesWithAMap(t *testing.T) {
	some := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) prefix.Key {
		return prefix.Key{ID: rapid.Int32Range(0, 2).Draw(t, "id"), Hash: rapid.Uint64Range(0, 1).Draw(t, "hash")}
	}), 0, 8)
	rapid.Check(t, func(t *rapid.T) {
		var tree prefix.Tree
		want := map[int][]prefix.Key{}
		t.Repeat(map[string]func(*rapid.T){
			"extend": func(t *rapid.T) {
				seq, more := rapid.IntRange(1, 6).Draw(t, "seq"), some.Draw(t, "more")
				tree.Extend(seq, more)
				want[seq] = append(want[seq], more...)
			},
			"drop": func(t *rapid.T) {
				seq := rapid.IntRange(1, 7).Draw(t, "seq")
				tree.Drop(seq)
				delete(want, seq)
			},
			"": func(t *rapid.T) {
				keys := some.Draw(t, "keys")
				for _, seq := range slices.Sorted(maps.Keys(want)) { // sometimes one that goes on
					if rapid.Bool().Draw(t, "longer") {
						keys = slices.Concat(want[seq], keys)
						break
					}
				}
				seq, n := tree.Longest(keys)
				best := 0
				for _, have := range want {
					best = max(best, prefix.Common(have, keys))
				}
				if n != best {
					t.Fatalf("%v: %d in common, want %d of %v", keys, n, best, want)
				}
				if n > 0 && prefix.Common(want[seq], keys) != n {
					t.Fatalf("%v: sequence %d (%v) does not begin with %d of it", keys, seq, want[seq], n)
				}
			},
		})
		for seq := range maps.Clone(want) {
			tree.Drop(seq)
		}
		if _, n := tree.Longest([]prefix.Key{{ID: 0}}); n != 0 {
			t.Error("an empty tree still finds something")
		}
	})
}

// BenchmarkLongest looks a prompt of 800 tokens up among a thousand that share
// its first 600.
func BenchmarkLongest(b *testing.B) {
	var tree prefix.Tree
	keys := make([]prefix.Key, 800)
	for seq := range 1000 {
		for i := range keys {
			if keys[i].ID = int32(i); i >= 600 {
				keys[i].ID += int32(1000 * seq)
			}
		}
		tree.Extend(seq+1, keys)
	}
	for b.Loop() {
		tree.Longest(keys)
	}
}
