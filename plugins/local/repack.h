// The part of repack.cpp that Go calls.
#ifndef SKERRY_REPACK_H
#define SKERRY_REPACK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Offsets in bytes of the members of the engine's struct ggml_tensor, as the
// engine itself was compiled.
struct skerry_layout {
	size_t buffer, rows, data, extra;
};

// Rearranges the weight in place, so that the engine's matrix kernels can read
// several rows at once. row_bytes is the length of one of its rows. Returns 1,
// 0 where the engine has no such arrangement for this weight on this processor,
// and -1 without memory. Weights can be rearranged in parallel.
int skerry_repack(void *tensor, struct skerry_layout at, size_t row_bytes);

#ifdef __cplusplus
}
#endif
#endif
