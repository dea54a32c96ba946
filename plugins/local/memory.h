// The part of memory.cpp that Go calls.
#ifndef SKERRY_MEMORY_H
#define SKERRY_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Asks for huge pages behind the memory, which halves what the processor spends
// on looking up addresses. Where there are none, nothing happens.
void skerry_huge_pages(uintptr_t from, size_t bytes);

// Makes the memory read as zero. It must be private memory of this process.
// Whole pages are given back to the system, which has a page of zeros ready when
// one is touched again, so that memory which is never used costs nothing.
void skerry_zero(uintptr_t from, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
