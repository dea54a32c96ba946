// Matrix kernels for AVX-512 with bfloat16 products (vdpbf16ps) and float32
// sums: conversions, packing and three matrix products. Nothing here knows the
// model.
//
// Operands of a product are pairs of bf16 in a uint32, consecutive along the
// summed dimension. A "panel" holds 64 columns: [pairs][64] uint32. A "strip"
// holds 6 rows: [pairs][6] uint32. A tile of 6 × 64 sums fills 24 of the 32
// vector registers, which leaves room for the operands.
#pragma once
#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#ifndef __AVX512BF16__
#error "this trainer needs AVX-512 with BF16 (AMD Zen 4, Intel Cooper Lake or later) and -march=native; elsewhere use torch_train.py"
#endif

namespace starter {

using bf16 = uint16_t;

constexpr int panelWidth = 64;
constexpr int stripHeight = 6;
constexpr int maxPackedColumns = 8192;  // of packStrips

// allocate returns zeroed memory for n values, aligned to a cache line and with
// room behind the end for a vector that is stored past it. It lives as long as
// the process.
template <class T>
T* allocate(size_t n) {
  size_t bytes = (n * sizeof(T) + 4096 + 63) / 64 * 64;
  void* p = aligned_alloc(64, bytes);
  if (p == nullptr) abort();
  memset(p, 0, bytes);
  return static_cast<T*>(p);
}

inline __m512 loadHalf(const bf16* p) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p)), 16));
}

inline void storeHalf(bf16* p, __m512 v) { _mm256_storeu_si256((__m256i*)p, (__m256i)_mm512_cvtneps_pbh(v)); }

// roundHalf rounds one finite number to the nearest bf16, ties to even.
inline bf16 roundHalf(float f) {
  uint32_t u;
  memcpy(&u, &f, 4);
  u += 0x7fff + ((u >> 16) & 1);
  return u >> 16;
}

// toHalf converts n numbers, n a multiple of 16.
inline void toHalf(const float* from, bf16* to, long n) {
  for (long i = 0; i < n; i += 16) storeHalf(to + i, _mm512_loadu_ps(from + i));
}

// exponential returns e^x to about 1e-7 for x in [-87, 80] and clamps outside:
// 2^t is split into a whole and a fractional power, the latter a polynomial.
//
// The upper clamp is not about range. -ffast-math turns 1/(1+e) into an
// approximate reciprocal with a Newton step, which for e = infinity computes
// infinity times zero: one saturated gate then makes the whole gradient NaN.
inline __m512 exponential(__m512 x) {
  x = _mm512_min_ps(_mm512_max_ps(x, _mm512_set1_ps(-87.f)), _mm512_set1_ps(80.f));
  __m512 t = _mm512_mul_ps(x, _mm512_set1_ps(1.44269504f));
  __m512 whole = _mm512_roundscale_ps(t, 0);
  __m512 f = _mm512_sub_ps(t, whole);
  __m512 p = _mm512_set1_ps(1.8775767e-3f);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(8.9893397e-3f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.5826318e-2f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.4015361e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.9315308e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.9999994e-1f));
  return _mm512_scalef_ps(p, whole);
}

// Output says what a product does with its result.
enum Output { storeAsHalf, storeAsFloat, addToFloat };

template <int rows, int output>
inline void productTile(int row, int k, const bf16* a, long strideA, const uint32_t* panel, void* c, long strideC, int column) {
  __m512 sum[rows][4];
  for (auto& r : sum)
    for (auto& v : r) v = _mm512_setzero_ps();
  const bf16* base = a + (long)row * strideA;
  for (int pair = 0; pair < k / 2; pair++) {
    __m512bh b[4];
    for (int j = 0; j < 4; j++) b[j] = (__m512bh)_mm512_loadu_si512(panel + pair * panelWidth + 16 * j);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
      __m512bh x = (__m512bh)_mm512_set1_epi32(*(const int*)(base + r * strideA + 2 * pair));
      for (int j = 0; j < 4; j++) sum[r][j] = _mm512_dpbf16_ps(sum[r][j], x, b[j]);
    }
  }
  for (int r = 0; r < rows; r++)
    for (int j = 0; j < 4; j++) {
      long at = (long)(row + r) * strideC + column + j * 16;
      if (output == storeAsHalf)
        storeHalf((bf16*)c + at, sum[r][j]);
      else if (output == storeAsFloat)
        _mm512_storeu_ps((float*)c + at, sum[r][j]);
      else
        _mm512_storeu_ps((float*)c + at, _mm512_add_ps(sum[r][j], _mm512_loadu_ps((float*)c + at)));
    }
}

// multiply computes C[m][n] = A[m][k] B[k][n], or adds to C, with A row by row
// and B in panels. k is even, n a multiple of 64. Blocks of 96 rows of A stay
// in the first-level cache while the panels pass by.
template <int output>
void multiply(int m, int n, int k, const bf16* a, long strideA, const uint32_t* panels, void* c, long strideC) {
  constexpr int blockRows = 96;
  for (int block = 0; block < m; block += blockRows) {
    int end = std::min(m, block + blockRows);
    for (int p = 0; p < n / panelWidth; p++) {
      const uint32_t* panel = panels + (long)p * (k / 2) * panelWidth;
      int column = p * panelWidth, row = block;
      for (; row + stripHeight <= end; row += stripHeight) productTile<6, output>(row, k, a, strideA, panel, c, strideC, column);
      switch (end - row) {
        case 1: productTile<1, output>(row, k, a, strideA, panel, c, strideC, column); break;
        case 2: productTile<2, output>(row, k, a, strideA, panel, c, strideC, column); break;
        case 3: productTile<3, output>(row, k, a, strideA, panel, c, strideC, column); break;
        case 4: productTile<4, output>(row, k, a, strideA, panel, c, strideC, column); break;
        case 5: productTile<5, output>(row, k, a, strideA, panel, c, strideC, column); break;
      }
    }
  }
}

// multiplyTransposed adds Aᵀ B to C[n][k], where A came through packStrips and
// B through packPanels with the same number of pairs.
void multiplyTransposed(int n, int k, int pairs, const uint32_t* strips, const uint32_t* panels, float* c, long strideC);

// packPanels packs src[m][n], summed along m, into panels of mPadded/2 pairs;
// rows from m on are zero. n is a multiple of 64, mPadded is even.
void packPanels(int m, int mPadded, int n, const bf16* src, long stride, uint32_t* panels);

// packStrips packs src[m][n], summed along m, into strips of mPadded/2 pairs. n
// is a multiple of 16 and below maxPackedColumns - 8.
void packStrips(int m, int mPadded, int n, const bf16* src, long stride, uint32_t* strips);

// packTransposed packs src[m][k], summed along k, into panels of k/2 pairs;
// columns from m on are zero. k is even.
void packTransposed(int m, int k, const bf16* src, long stride, uint32_t* panels);

// hasNonFinite reports whether any of n numbers is infinite or not a number. It
// looks at the bits, since -ffast-math lets the compiler assume there are none.
bool hasNonFinite(const float* p, long n);

}  // namespace starter
