// Grouped-query causal attention with normalised, rotated queries and keys. A
// block of queries at a time, with the scores of all keys up to the last query;
// the backward pass computes the weights again from the kept log-sum.
#include <algorithm>
#include <cmath>

#include "worker.h"

namespace starter {

static const float scoreScale = 1 / std::sqrt((float)headWidth);
constexpr float lowest = -1e30f;  // below any score; infinities are out under -ffast-math

static inline __mmask16 firstLanes(int n) { return n >= 16 ? 0xffff : (1u << n) - 1; }

// normaliseHead writes the normalised, gained and rotated head to out and its
// 1 / root mean square to scale.
static void normaliseHead(const bf16* in, bf16* out, float* scale, const float* gain, const float* cosine, const float* sine) {
  __m512 v[4], sum = _mm512_setzero_ps();
  for (int i = 3; i >= 0; i--) {
    v[i] = loadHalf(in + 16 * i);
    sum = _mm512_fmadd_ps(v[i], v[i], sum);
  }
  *scale = 1.f / std::sqrt(_mm512_reduce_add_ps(sum) / headWidth + epsilon);
  __m512 r = _mm512_set1_ps(*scale);
  for (int i = 0; i < 4; i++) v[i] = _mm512_mul_ps(_mm512_mul_ps(v[i], r), _mm512_loadu_ps(gain + 16 * i));
  for (int i = 0; i < 2; i++) {
    __m512 c = _mm512_loadu_ps(cosine + 16 * i), s = _mm512_loadu_ps(sine + 16 * i);
    storeHalf(out + 16 * i, _mm512_fmsub_ps(v[i], c, _mm512_mul_ps(v[i + 2], s)));
    storeHalf(out + 32 + 16 * i, _mm512_fmadd_ps(v[i], s, _mm512_mul_ps(v[i + 2], c)));
  }
}

// normaliseHeadBackward takes the gradient of the rotated head and writes that
// of the head as it came out of the projection; it adds to the gain's gradient.
static void normaliseHeadBackward(const float* d, const bf16* in, float scale, const float* gain, float* dGain, const float* cosine,
                                  const float* sine, bf16* out) {
  __m512 e[4], h[4], r = _mm512_set1_ps(scale), sum = _mm512_setzero_ps();
  for (int i = 0; i < 2; i++) {
    __m512 c = _mm512_loadu_ps(cosine + 16 * i), s = _mm512_loadu_ps(sine + 16 * i);
    __m512 a = _mm512_loadu_ps(d + 16 * i), b = _mm512_loadu_ps(d + 32 + 16 * i);
    e[i] = _mm512_fmadd_ps(a, c, _mm512_mul_ps(b, s));
    e[i + 2] = _mm512_fmsub_ps(b, c, _mm512_mul_ps(a, s));
  }
  for (int i = 0; i < 4; i++) {
    h[i] = _mm512_mul_ps(loadHalf(in + 16 * i), r);
    _mm512_storeu_ps(dGain + 16 * i, _mm512_fmadd_ps(e[i], h[i], _mm512_loadu_ps(dGain + 16 * i)));
    e[i] = _mm512_mul_ps(e[i], _mm512_loadu_ps(gain + 16 * i));
    sum = _mm512_fmadd_ps(e[i], h[i], sum);
  }
  __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / headWidth);
  for (int i = 0; i < 4; i++) storeHalf(out + 16 * i, _mm512_mul_ps(r, _mm512_fnmadd_ps(h[i], mean, e[i])));
}

void Worker::normaliseHeads(int l) {
  Activations& a = act_[l];
  const LayerWeights& w = m_.layers[l];
  for (const Placed& p : placed_)
    for (int i = 0; i < p.rows; i++) {
      long row = p.row + i;
      const bf16* in = a.qkv + row * s_.qkvWidth();
      bf16* out = a.rotated + row * s_.rotaryWidth();
      int at = position_[row];
      const float *c = m_.cosine + at * headWidth / 2, *s = m_.sine + at * headWidth / 2;
      for (int h = 0; h < s_.heads; h++)
        normaliseHead(in + h * headWidth, out + h * headWidth, a.queryScale + row * s_.heads + h, m_.weights + w.queryGain, c, s);
      in += s_.queryWidth();
      out += s_.queryWidth();
      for (int h = 0; h < s_.kvHeads; h++)
        normaliseHead(in + h * headWidth, out + h * headWidth, a.keyScale + row * s_.kvHeads + h, m_.weights + w.keyGain, c, s);
    }
}

// hideOthers puts out of reach what lies between the shared beginning of a
// bundle and the own part of the query's record: the parts of other records.
void Worker::hideOthers(const Placed& p, int query, float* score) const {
  std::fill(score + p.bundle->shared, score + std::max(p.bundle->shared, own_[p.row + query]), lowest);
}

// softmaxBlock turns scores_ into weights_ for `count` queries of the bundle
// from row `first` on, and keeps their log-sums.
void Worker::softmaxBlock(int l, int head, const Placed& p, int first, int count, int stride) {
  __m512 scale = _mm512_set1_ps(scoreScale);
  for (int i = 0; i < count; i++) {
    float* score = scores_ + (long)i * stride;
    hideOthers(p, first + i, score);
    bf16* weight = weights_ + (long)i * stride;
    int keys = first + i + 1, full = keys & ~15, j;
    __mmask16 rest = firstLanes(keys - full);
    __m512 most = _mm512_set1_ps(lowest);
    for (j = 0; j < full; j += 16) most = _mm512_max_ps(most, _mm512_loadu_ps(score + j));
    if (rest) most = _mm512_max_ps(most, _mm512_mask_loadu_ps(_mm512_set1_ps(lowest), rest, score + full));
    float top = _mm512_reduce_max_ps(most) * scoreScale;
    __m512 shift = _mm512_set1_ps(-top), sum = _mm512_setzero_ps();
    for (j = 0; j < full; j += 16) {
      __m512 e = exponential(_mm512_fmadd_ps(_mm512_loadu_ps(score + j), scale, shift));
      _mm512_storeu_ps(score + j, e);
      sum = _mm512_add_ps(sum, e);
    }
    if (rest) {
      __m512 e = _mm512_maskz_mov_ps(rest, exponential(_mm512_fmadd_ps(_mm512_loadu_ps(score + full), scale, shift)));
      _mm512_storeu_ps(score + full, e);
      sum = _mm512_add_ps(sum, e);
    }
    float total = _mm512_reduce_add_ps(sum);
    act_[l].logSum[(long)(p.row + first + i) * s_.heads + head] = top + std::log(total);
    __m512 inverse = _mm512_set1_ps(1.f / total);
    for (j = 0; j < keys; j += 16) storeHalf(weight + j, _mm512_mul_ps(_mm512_loadu_ps(score + j), inverse));
    for (; j < stride; j += 16) storeHalf(weight + j, _mm512_setzero_ps());
  }
}

// attend computes one bundle's attention for the given queries.
void Worker::attend(int l, const Placed& p, const std::vector<Range>& queries) {
  Activations& a = act_[l];
  int n = p.rows, padded = (n + 63) / 64 * 64, group = s_.heads / s_.kvHeads;
  long strideR = s_.rotaryWidth(), strideQ = s_.qkvWidth();
  for (int kv = 0; kv < s_.kvHeads; kv++) {
    packTransposed(n, headWidth, a.rotated + p.row * strideR + s_.queryWidth() + kv * headWidth, strideR, keysT_);
    packPanels(n, padded, headWidth, a.qkv + p.row * strideQ + s_.rotaryWidth() + kv * headWidth, strideQ, values_);
    for (int head = kv * group; head < (kv + 1) * group; head++)
      for (const Range& r : queries)
        for (int q = r.from; q < r.to; q += queryBlock) {
          int count = std::min(queryBlock, r.to - q), keys = (q + count + 63) / 64 * 64;
          multiply<storeAsFloat>(count, keys, headWidth, a.rotated + (p.row + q) * strideR + head * headWidth, strideR, keysT_, scores_, keys);
          softmaxBlock(l, head, p, q, count, keys);
          multiply<storeAsHalf>(count, headWidth, keys, weights_, keys, values_,
                                a.attended + (long)(r.lateRow + q - r.from) * s_.queryWidth() + head * headWidth, s_.queryWidth());
        }
  }
}

// softmaxBlockBackward computes weights_ again and dWeights_, the gradient of
// the unscaled scores: w (dw - Σ w dw), where the sum is the product of the
// attention's output and its gradient (Dao et al. 2022, FlashAttention, B.2).
void Worker::softmaxBlockBackward(int l, int head, const Placed& p, int first, int count, int stride, const bf16* dOut, const bf16* out) {
  __m512 scale = _mm512_set1_ps(scoreScale);
  for (int i = 0; i < count; i++) {
    float* score = scores_ + (long)i * stride;
    const float* dWeight = dScores_ + (long)i * stride;
    hideOthers(p, first + i, score);
    bf16 *weight = weights_ + (long)i * stride, *dScore = dWeights_ + (long)i * stride;
    __m512 product = _mm512_setzero_ps();
    for (int j = 0; j < headWidth; j += 16)
      product = _mm512_fmadd_ps(loadHalf(dOut + (long)i * s_.queryWidth() + j), loadHalf(out + (long)i * s_.queryWidth() + j), product);
    __m512 delta = _mm512_set1_ps(_mm512_reduce_add_ps(product));
    __m512 shift = _mm512_set1_ps(-act_[l].logSum[(long)(p.row + first + i) * s_.heads + head]);
    int keys = first + i + 1, j = 0;
    for (; j < keys; j += 16) {
      __m512 e = exponential(_mm512_fmadd_ps(_mm512_loadu_ps(score + j), scale, shift));
      e = _mm512_maskz_mov_ps(firstLanes(keys - j), e);
      storeHalf(weight + j, e);
      storeHalf(dScore + j, _mm512_mul_ps(_mm512_mul_ps(e, scale), _mm512_sub_ps(_mm512_loadu_ps(dWeight + j), delta)));
    }
    for (; j < stride; j += 16) {
      storeHalf(weight + j, _mm512_setzero_ps());
      storeHalf(dScore + j, _mm512_setzero_ps());
    }
  }
}

// attendBackward reads dAttended_ and writes dQkv_: keys and values for all
// rows of the bundle, queries for those given.
void Worker::attendBackward(int l, const Placed& p, const std::vector<Range>& queries) {
  Activations& a = act_[l];
  const LayerWeights& w = m_.layers[l];
  int n = p.rows, padded = (n + 63) / 64 * 64, group = s_.heads / s_.kvHeads;
  long strideR = s_.rotaryWidth(), strideQ = s_.qkvWidth(), strideO = s_.queryWidth();
  auto cosine = [&](long row) { return m_.cosine + position_[row] * headWidth / 2; };
  auto sine = [&](long row) { return m_.sine + position_[row] * headWidth / 2; };
  for (int kv = 0; kv < s_.kvHeads; kv++) {
    const bf16* key = a.rotated + p.row * strideR + s_.queryWidth() + kv * headWidth;
    const bf16* value = a.qkv + p.row * strideQ + s_.rotaryWidth() + kv * headWidth;
    packTransposed(n, headWidth, key, strideR, keysT_);
    packTransposed(n, headWidth, value, strideQ, valuesT_);
    packPanels(n, padded, headWidth, key, strideR, keys_);
    memset(dKeys_, 0, sizeof(float) * padded * headWidth);
    memset(dValues_, 0, sizeof(float) * padded * headWidth);
    for (int head = kv * group; head < (kv + 1) * group; head++)
      for (const Range& r : queries)
        for (int q = r.from; q < r.to; q += queryBlock) {
          int count = std::min(queryBlock, r.to - q), keys = (q + count + 63) / 64 * 64;
          long row = p.row + q, out = (long)(r.lateRow + q - r.from) * strideO + head * headWidth;
          const bf16* query = a.rotated + row * strideR + head * headWidth;
          multiply<storeAsFloat>(count, keys, headWidth, query, strideR, keysT_, scores_, keys);
          multiply<storeAsFloat>(count, keys, headWidth, dAttended_ + out, strideO, valuesT_, dScores_, keys);
          softmaxBlockBackward(l, head, p, q, count, keys, dAttended_ + out, a.attended + out);
          multiply<storeAsFloat>(count, headWidth, keys, dWeights_, keys, keys_, dQueries_, headWidth);
          for (int i = 0; i < count; i++) {
            long at = (row + i) * strideQ + head * headWidth;
            normaliseHeadBackward(dQueries_ + i * headWidth, a.qkv + at, a.queryScale[(row + i) * s_.heads + head], m_.weights + w.queryGain,
                                  gradient + w.queryGain, cosine(row + i), sine(row + i), dQkv_ + at);
          }
          int even = (count + 1) & ~1;
          packPanels(count, even, headWidth, dAttended_ + out, strideO, dOutPanels_);
          packPanels(count, even, headWidth, query, strideR, queryPanels_);
          packStrips(count, even, keys, weights_, keys, weightStrips_);
          packStrips(count, even, keys, dWeights_, keys, dWeightStrips_);
          multiplyTransposed(keys, headWidth, even / 2, weightStrips_, dOutPanels_, dValues_, headWidth);
          multiplyTransposed(keys, headWidth, even / 2, dWeightStrips_, queryPanels_, dKeys_, headWidth);
        }
    for (int i = 0; i < n; i++) {
      long row = p.row + i, at = row * strideQ + s_.queryWidth() + kv * headWidth;
      normaliseHeadBackward(dKeys_ + (long)i * headWidth, a.qkv + at, a.keyScale[row * s_.kvHeads + kv], m_.weights + w.keyGain,
                            gradient + w.keyGain, cosine(row), sine(row), dQkv_ + at);
      toHalf(dValues_ + (long)i * headWidth, dQkv_ + row * strideQ + s_.rotaryWidth() + kv * headWidth, headWidth);
    }
  }
}

}  // namespace starter
