//go:build cgo && !race

package main

// #include "repack.h"
import "C"

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ollama/ollama/ml"
	"github.com/ollama/ollama/ml/backend/ggml"
	"github.com/ollama/ollama/ml/nn"
	"github.com/ollama/ollama/model"
	"golang.org/x/sync/errgroup"
)

// repack rearranges the weights of m where the engine has faster matrix kernels
// for it: rows of 4-bit weights interleaved by eight, so that a prompt is read
// in about half the time. It returns how many weights it rearranged. Call it
// after the weights are read, before anything is computed.
//
// The engine has the kernels but never chooses them while it loads a file.
// Candidates are the weights of linear layers, with which nothing is ever done
// but to multiply; one that the model uses in another place too, as tied
// embeddings are, stays as it is, and so do those of towers for images and sound,
// which multiply in shapes that the kernels do not know. Were a weight nevertheless used otherwise, the
// engine would refuse the whole pass: it knows where a weight is rearranged.
func repack(m model.Model) (int, error) {
	all := linearWeights(m)
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	results := make([]C.int, len(all))
	for i, w := range all {
		at, err := w.layout()
		if err != nil {
			return 0, err
		}
		work.Go(func() error {
			if results[i] = C.skerry_repack(w.pointer, at, C.size_t(w.rowBytes)); results[i] < 0 {
				return errors.New("no memory to rearrange the weights")
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return 0, err
	}
	n := 0
	for _, r := range results {
		n += int(r)
	}
	return n, nil
}

// weight is a tensor of the engine, seen through its own type: Go's view of the
// C structure, made when the engine was compiled.
type weight struct {
	pointer  unsafe.Pointer
	value    reflect.Value // the structure
	rows     int
	rowBytes uintptr
}

func weightOf(t *ggml.Tensor) weight {
	p := reflect.ValueOf(t).Elem().FieldByName("t")
	return weight{pointer: p.UnsafePointer(), value: p.Elem(), rows: t.Dim(1), rowBytes: uintptr(t.Stride(1))}
}

// layout returns where the members are that are changed.
func (w weight) layout() (C.struct_skerry_layout, error) {
	var at C.struct_skerry_layout
	for name, to := range map[string]*C.size_t{"buffer": &at.buffer, "ne": &at.rows, "data": &at.data, "extra": &at.extra} {
		f, ok := w.value.Type().FieldByName(name)
		if !ok {
			return at, fmt.Errorf("the engine's tensors have no %s; this runner was made for another version of it", name)
		}
		*to = C.size_t(f.Offset)
	}
	at.rows += 8 // ne[1]
	return at, nil
}

// name is that of the tensor.
func (w weight) name() string {
	var b strings.Builder
	f := w.value.FieldByName("name")
	for i := range f.Len() {
		var c byte
		if v := f.Index(i); v.CanInt() {
			c = byte(v.Int())
		} else { // C's char has no sign on arm64
			c = byte(v.Uint())
		}
		if c == 0 {
			break
		}
		b.WriteByte(c)
	}
	return b.String()
}

// tower reports whether a tensor belongs to what looks at images or listens.
func tower(name string) bool {
	for _, p := range []string{"v.", "a.", "s.", "mm."} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// linearWeights returns the two-dimensional weights of the linear layers of m
// that are used nowhere else.
func linearWeights(m model.Model) []weight {
	linear, elsewhere := map[unsafe.Pointer]weight{}, map[unsafe.Pointer]bool{}
	var order []unsafe.Pointer
	visit(reflect.ValueOf(m), map[any]bool{}, func(t *ggml.Tensor, isLinear bool) {
		w := weightOf(t)
		if !isLinear || len(t.Shape()) != 2 || tower(w.name()) {
			elsewhere[w.pointer] = true
		} else if _, seen := linear[w.pointer]; !seen {
			linear[w.pointer] = w
			order = append(order, w.pointer)
		}
	})
	var out []weight
	for _, p := range order {
		if !elsewhere[p] {
			out = append(out, linear[p])
		}
	}
	return out
}

var linearType = reflect.TypeFor[nn.Linear]()

// visit calls found for every tensor in v, and says whether it is the weight of
// a linear layer. The engine fills exported fields only, so no others are looked
// into.
func visit(v reflect.Value, seen map[any]bool, found func(t *ggml.Tensor, linear bool)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return
		}
		if v.Kind() == reflect.Interface {
			if tensor, ok := v.Interface().(ml.Tensor); ok {
				if t, ok := tensor.(*ggml.Tensor); ok && t != nil {
					found(t, false)
				}
				return
			}
		} else if k := [2]any{v.Type(), v.Pointer()}; seen[k] {
			return
		} else {
			seen[k] = true
		}
		visit(v.Elem(), seen, found)
	case reflect.Slice, reflect.Array:
		switch v.Type().Elem().Kind() {
		case reflect.Pointer, reflect.Interface, reflect.Struct, reflect.Slice, reflect.Array:
			for i := range v.Len() {
				visit(v.Index(i), seen, found)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue
			}
			if v.Type() == linearType && f.Name == "Weight" {
				if t, ok := v.Field(i).Interface().(*ggml.Tensor); ok && t != nil {
					found(t, true)
				}
				continue
			}
			visit(v.Field(i), seen, found)
		}
	}
}
