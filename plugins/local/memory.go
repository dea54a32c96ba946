//go:build cgo && !race

package main

// #include "memory.h"
import "C"

import (
	"fmt"
	"reflect"

	"github.com/ollama/ollama/ml"
	"github.com/ollama/ollama/ml/backend/ggml"
	"github.com/ollama/ollama/model"
)

// hugePages asks for huge pages behind the weights. Call it before they are read.
func hugePages(m model.Model) {
	var from, to uintptr
	visit(reflect.ValueOf(m), map[any]bool{}, func(t *ggml.Tensor, _ bool) {
		w := weightOf(t)
		at := w.value.FieldByName("data").Pointer()
		if at == 0 {
			return
		}
		if from == 0 || at < from {
			from = at
		}
		to = max(to, at+w.rowBytes*uintptr(w.rows))
	})
	if from < to {
		C.skerry_huge_pages(C.uintptr_t(from), C.size_t(to-from))
	}
}

// zeros returns a tensor of zeros. The engine writes them; here the system has
// them ready when they are touched, which a cache that is far larger than
// what is written into it may never be. It has two dimensions or more: the
// first is stored in blocks.
func zeros(on ml.Context, kind ml.DType, shape ...int) ml.Tensor {
	made := on.Empty(kind, shape...)
	t, ok := made.(*ggml.Tensor)
	if !ok {
		panic(fmt.Sprintf("the engine makes tensors of type %T", made))
	}
	// Without memory, as in the pass that only measures, there is nothing to do.
	if at := weightOf(t).value.FieldByName("data").Pointer(); at != 0 {
		zero(at, sizeOf(t, shape))
	}
	return made
}

// sizeOf returns the bytes of a new tensor of two dimensions or more.
func sizeOf(t ml.Tensor, shape []int) int {
	last := len(shape) - 1
	return t.Stride(last) * shape[last]
}

// zero makes memory outside of Go's that is private to this process zero.
func zero(at uintptr, bytes int) { C.skerry_zero(C.uintptr_t(at), C.size_t(bytes)) }
