package gguf

// want is a tensor that the engine looks for. It takes the numbers of the
// metadata at their word and computes with whatever is there.
type want struct {
	name  string
	shape []uint64 // 0 = any
	maybe bool     // it may be missing
	more  bool     // the last dimension may be larger
}

func linear(name string, in, out uint64) []want {
	return []want{{name: name + ".weight", shape: []uint64{in, out}}, {name: name + ".bias", shape: []uint64{out}, maybe: true}}
}

func normed(name string, width uint64) []want {
	return []want{{name: name + ".weight", shape: []uint64{width}}, {name: name + ".bias", shape: []uint64{width}, maybe: true}}
}

func optional(list []want) []want {
	for i := range list {
		list[i].maybe = true
	}
	return list
}

func (w want) fits(shape []uint64) bool {
	if len(shape) != len(w.shape) {
		return false
	}
	for i, n := range w.shape {
		larger := w.more && i == len(shape)-1 && shape[i] > n
		if n != 0 && shape[i] != n && !larger {
			return false
		}
	}
	return true
}

// shapes checks that every wanted tensor is there and has its shape.
func (f *File) shapes(list []want) error {
	have := make(map[string][]uint64, len(f.Tensors))
	for _, t := range f.Tensors {
		have[t.Name] = t.Shape
	}
	for _, w := range list {
		shape, ok := have[w.name]
		switch {
		case !ok && w.maybe:
		case !ok:
			return damaged("the tensor %s is missing, which the architecture %s needs", w.name, f.Architecture)
		case !w.fits(shape):
			return damaged("the tensor %s has the shape %v; its metadata says %v", w.name, shape, w.shape)
		}
	}
	return nil
}
