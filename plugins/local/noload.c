//go:build cgo && !race

// The engine looks for libraries with more backends in directories that the
// environment names, and loads them. This runner has its one backend built in
// and must never run code from a file. The linker puts this function in the
// place of the engine's (-Wl,--wrap, in noload.go).
void __wrap_ggml_backend_load_all_from_path(const char *path) {
	(void)path;
}
