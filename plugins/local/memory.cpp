//go:build cgo && !race

#include "memory.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern "C" {

void skerry_huge_pages(uintptr_t from, size_t bytes) {
	const uintptr_t huge = 2 << 20;
	auto begin = (from + huge - 1) / huge * huge, end = (from + bytes) / huge * huge;
	if (begin < end) madvise(reinterpret_cast<void *>(begin), end - begin, MADV_HUGEPAGE);
}

void skerry_zero(uintptr_t from, size_t bytes) {
	const uintptr_t page = sysconf(_SC_PAGESIZE);
	auto begin = (from + page - 1) / page * page, end = (from + bytes) / page * page;
	auto memory = reinterpret_cast<char *>(from);
	// Locked memory, for one, is not given back.
	if (begin >= end || madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED) != 0) {
		memset(memory, 0, bytes);
		return;
	}
	memset(memory, 0, begin - from);
	memset(reinterpret_cast<char *>(end), 0, from + bytes - end);
}

}
