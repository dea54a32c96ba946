//go:build cgo && !race

package main

// #cgo LDFLAGS: -Wl,--wrap=ggml_backend_load_all_from_path
import "C"
