package gguf

// Vision says how a model looks at images.
type Vision struct {
	PatchPixels int // edge of a patch, which the tower reads as one
	Merge       int // patches along each edge that become one token
	EdgePixels  int // longest edge of an image; a multiple of PatchPixels
	Heads       int // of the tower
}

// MaxPatches bounds the work on an image: the tower compares each patch with
// each. Larger images are scaled down.
const MaxPatches = 4096

// Patches returns how many patches an image has at most.
func (v Vision) Patches() int {
	edge := v.EdgePixels / v.PatchPixels
	return min(MaxPatches, edge*edge)
}

// RowTokens returns how many tokens of an image the model takes at once, at
// most: one row, and the token that ends it.
func (v Vision) RowTokens() int { return v.EdgePixels/v.PatchPixels/v.Merge + 1 }

// maxEdgePixels bounds what a file may say about images: more than twice what
// any published model looks at.
const maxEdgePixels = 4096

// Vision returns how the model looks at images; ok = false if it sees none, or
// in a way that the runner does not know. It knows that of mistral3.
//
// The engine takes the numbers as they are: it reads beyond its table of
// positions where an image is larger than the table, and writes the tokens of an
// image by numbers that are fixed in its code. So both are checked here.
func (f *File) Vision() (v Vision, ok bool) {
	if f.Architecture != "mistral3" {
		return Vision{}, false
	}
	number := func(key string, otherwise uint64) int { // otherwise is what the engine takes
		n, found := f.Values["mistral3."+key]
		if !found {
			return int(otherwise)
		}
		if n.Array || n.Uint > maxEdgePixels {
			return 0
		}
		return int(n.Uint)
	}
	v = Vision{PatchPixels: number("vision.patch_size", 14), Merge: number("spatial_merge_size", 2), EdgePixels: number("vision.longest_edge", 1540),
		Heads: number("vision.attention.head_count", 16)}
	switch {
	case number("vision.block_count", 0) < 1, number("vision.num_channels", 3) != 3, v.PatchPixels < 1, v.Merge < 1, v.Heads < 1:
		return Vision{}, false
	case v.EdgePixels < v.PatchPixels*v.Merge, v.EdgePixels%v.PatchPixels != 0, v.EdgePixels > number("vision.image_size", 1540):
		return Vision{}, false
	}
	words := f.Values["tokenizer.ggml.tokens"].Strings
	for id, text := range map[int]string{10: "[IMG]", 12: "[IMG_BREAK]", 13: "[IMG_END]"} {
		if id >= len(words) || words[id] != text {
			return Vision{}, false
		}
	}
	return v, true
}
