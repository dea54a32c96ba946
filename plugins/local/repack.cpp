//go:build cgo && !race

#include "repack.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

// What is used of the engine: opaque types and functions of its public headers,
// but for the two that name its buffer type for rearranged weights and the list
// of such types (ggml-cpu/repack.h and traits.h). The headers are not in a place
// that a package outside the module could name.
struct ggml_backend_buffer;
struct ggml_backend_buffer_type;
struct ggml_tensor;
extern "C" {
ggml_backend_buffer *ggml_backend_buft_alloc_buffer(ggml_backend_buffer_type *, size_t);
int ggml_backend_buffer_init_tensor(ggml_backend_buffer *, ggml_tensor *);
void ggml_backend_buffer_set_usage(ggml_backend_buffer *, int);
void ggml_backend_tensor_set(ggml_tensor *, const void *, size_t, size_t);
size_t ggml_nbytes(const ggml_tensor *);
}
ggml_backend_buffer_type *ggml_backend_cpu_repack_buffer_type();
std::vector<ggml_backend_buffer_type *> &ggml_backend_cpu_get_extra_buffer_types();

// marker returns a buffer of the type for rearranged weights. It holds none of
// them: the engine looks only at the type of a weight's buffer to find out how
// to multiply with it.
static ggml_backend_buffer *marker() {
	static std::mutex guard;
	static ggml_backend_buffer *buffer;
	std::lock_guard<std::mutex> lock(guard);
	if (buffer == nullptr) {
		auto type = ggml_backend_cpu_repack_buffer_type();
		auto &known = ggml_backend_cpu_get_extra_buffer_types();
		bool listed = false;
		for (auto t : known) listed = listed || t == type;
		if (!listed) known.push_back(type);
		buffer = ggml_backend_buft_alloc_buffer(type, 64);
		if (buffer != nullptr) ggml_backend_buffer_set_usage(buffer, 1); // GGML_BACKEND_BUFFER_USAGE_WEIGHTS
	}
	return buffer;
}

template <typename T> static T &member(void *tensor, size_t offset) {
	return *reinterpret_cast<T *>(static_cast<char *>(tensor) + offset);
}

int skerry_repack(void *pointer, struct skerry_layout at, size_t row_bytes) {
	auto tensor = static_cast<ggml_tensor *>(pointer);
	auto repacked = marker();
	if (repacked == nullptr) return -1;
	auto &buffer = member<ggml_backend_buffer *>(pointer, at.buffer);
	auto &rows = member<int64_t>(pointer, at.rows);
	auto &data = member<char *>(pointer, at.data);
	auto &extra = member<void *>(pointer, at.extra);
	if (buffer == repacked) return 1;

	auto plain = buffer;
	auto before = extra;
	buffer = repacked;
	ggml_backend_buffer_init_tensor(repacked, tensor); // sets extra to the arrangement for its type and shape
	if (extra == nullptr) {
		buffer = plain;
		extra = before;
		return 0;
	}
	// Groups of 8 rows (or 4) are interleaved among themselves, so any number of
	// whole groups can be done apart from the rest; that many at a time take little
	// room and stay in the cache of the processor.
	const int64_t all = rows, group = 8;
	char *const start = data;
	int64_t step = (256 * 1024 / row_bytes) / group * group;
	if (step < group) step = group;
	auto copy = static_cast<char *>(std::malloc(step * row_bytes));
	if (copy == nullptr) {
		buffer = plain;
		extra = before;
		return -1;
	}
	for (int64_t done = 0; done < all; done += step) {
		rows = all - done < step ? all - done : step;
		data = start + done * row_bytes;
		const size_t bytes = rows * row_bytes;
		std::memcpy(copy, data, bytes);
		ggml_backend_tensor_set(tensor, copy, 0, bytes);
	}
	rows = all;
	data = start;
	std::free(copy);
	return 1;
}
