#include "kernels.h"

namespace starter {

// pairRows returns 16 columns of two rows as pairs; a null row counts as zeros.
static inline __m512i pairRows(const bf16* first, const bf16* second) {
  __m512i a = first ? _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)first)) : _mm512_setzero_si512();
  __m512i b = second ? _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)second)) : _mm512_setzero_si512();
  return _mm512_or_si512(a, _mm512_slli_epi32(b, 16));
}

void packPanels(int m, int mPadded, int n, const bf16* src, long stride, uint32_t* panels) {
  for (int row = 0; row < mPadded; row += 2) {
    const bf16* first = row < m ? src + (long)row * stride : nullptr;
    const bf16* second = row + 1 < m ? src + (long)(row + 1) * stride : nullptr;
    for (int p = 0; p < n / panelWidth; p++) {
      uint32_t* to = panels + ((long)p * (mPadded / 2) + row / 2) * panelWidth;
      for (int j = 0; j < panelWidth; j += 16) {
        int column = p * panelWidth + j;
        _mm512_storeu_si512(to + j, pairRows(first ? first + column : nullptr, second ? second + column : nullptr));
      }
    }
  }
}

void packStrips(int m, int mPadded, int n, const bf16* src, long stride, uint32_t* strips) {
  alignas(64) uint32_t pairs[maxPackedColumns];
  int count = (n + stripHeight - 1) / stripHeight;
  for (int row = 0; row < mPadded; row += 2) {
    const bf16* first = row < m ? src + (long)row * stride : nullptr;
    const bf16* second = row + 1 < m ? src + (long)(row + 1) * stride : nullptr;
    for (int j = 0; j < n; j += 16) _mm512_storeu_si512(pairs + j, pairRows(first ? first + j : nullptr, second ? second + j : nullptr));
    for (int j = n; j < n + 8; j++) pairs[j] = 0;
    // A slot is 24 bytes; a store of 32 is one instruction and spills into the
    // next slot of the strip, which the next row overwrites. The last row has
    // the next strip behind it and must not spill.
    bool last = row + 2 >= mPadded;
    for (int s = 0; s < count; s++) {
      uint32_t* to = strips + ((long)s * (mPadded / 2) + row / 2) * stripHeight;
      if (last)
        memcpy(to, pairs + s * stripHeight, 4 * stripHeight);
      else
        _mm256_storeu_si256((__m256i*)to, _mm256_loadu_si256((const __m256i*)(pairs + s * stripHeight)));
    }
  }
}

void packTransposed(int m, int k, const bf16* src, long stride, uint32_t* panels) {
  int count = (m + panelWidth - 1) / panelWidth;
  for (int p = 0; p < count; p++)
    for (int column = 0; column < panelWidth; column++) {
      int row = p * panelWidth + column;
      uint32_t* to = panels + (long)p * (k / 2) * panelWidth + column;
      const uint32_t* from = (const uint32_t*)(src + (long)row * stride);
      for (int pair = 0; pair < k / 2; pair++) to[pair * panelWidth] = row < m ? from[pair] : 0;
    }
}

void multiplyTransposed(int n, int k, int pairs, const uint32_t* strips, const uint32_t* panels, float* c, long strideC) {
  for (int s = 0; s * stripHeight < n; s++) {
    int rows = std::min(stripHeight, n - s * stripHeight);
    const uint32_t* strip = strips + (long)s * pairs * stripHeight;
    for (int p = 0; p < k / panelWidth; p++) {
      const uint32_t* panel = panels + (long)p * pairs * panelWidth;
      __m512 sum[stripHeight][4];
      for (auto& r : sum)
        for (auto& v : r) v = _mm512_setzero_ps();
      for (int pair = 0; pair < pairs; pair++) {
        __m512bh b[4];
        for (int j = 0; j < 4; j++) b[j] = (__m512bh)_mm512_loadu_si512(panel + pair * panelWidth + 16 * j);
#pragma GCC unroll 8
        for (int r = 0; r < stripHeight; r++) {
          __m512bh x = (__m512bh)_mm512_set1_epi32(strip[pair * stripHeight + r]);
          for (int j = 0; j < 4; j++) sum[r][j] = _mm512_dpbf16_ps(sum[r][j], x, b[j]);
        }
      }
#pragma GCC unroll 6
      for (int r = 0; r < stripHeight; r++)
        if (r < rows)
          for (int j = 0; j < 4; j++) {
            float* to = c + (long)(s * stripHeight + r) * strideC + p * panelWidth + j * 16;
            _mm512_storeu_ps(to, _mm512_add_ps(sum[r][j], _mm512_loadu_ps(to)));
          }
    }
  }
}

bool hasNonFinite(const float* p, long n) {
  uint32_t any = 0;
  for (long i = 0; i < n; i++) {
    uint32_t u;
    memcpy(&u, p + i, 4);
    any |= (u & 0x7f800000u) == 0x7f800000u;
  }
  return any;
}

}  // namespace starter
