// Grouped-query causal attention with normalised, rotated queries and keys. A
// block of queries at a time, with the scores of all keys up to the last query;
// the backward pass computes the weights again from the kept log-sum.
#include <algorithm>
#include <array>
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

// reach returns the keys that the queries from `first` to `end` of a bundle may
// attend to, in whole panels: the shared beginning, and the rows from the own
// part of the first query's record on.
Reach Worker::reach(const Placed& p, int first, int end) const {
  int shared = (p.bundle->shared + 63) / 64 * 64, own = own_[p.row + first] / 64 * 64, to = (end + 63) / 64 * 64;
  if (own <= shared) return {to, to, 0};
  return {shared, own, to - own};
}

// hideOthers puts out of reach what still lies between the shared beginning of a
// bundle and the own part of the query's record: the parts of other records.
void Worker::hideOthers(const Placed& p, const Reach& reach, int query, float* score) const {
  std::fill(score + p.bundle->shared, score + std::max(p.bundle->shared, own_[p.row + query] - reach.gap()), lowest);
}

// softmaxBlock turns scores_ into weights_ for `count` queries of the bundle
// from row `first` on, and keeps their log-sums.
void Worker::softmaxBlock(int l, int head, const Placed& p, const Reach& reach, int first, int count) {
  int stride = reach.columns();
  __m512 scale = _mm512_set1_ps(scoreScale);
  for (int i = 0; i < count; i++) {
    float* score = scores_ + (long)i * stride;
    hideOthers(p, reach, first + i, score);
    bf16* weight = weights_ + (long)i * stride;
    int keys = first + i + 1 - reach.gap(), full = keys & ~15, j;
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

// multiplyKeys writes the products of `count` rows with the keys in reach, or
// with their values; panels are those of all rows, summed along the head.
static void multiplyKeys(const Reach& keys, int count, const bf16* rows, long stride, const uint32_t* panels, float* out) {
  multiply<storeAsFloat>(count, keys.shared, headWidth, rows, stride, panels, out, keys.columns());
  if (keys.count) multiply<storeAsFloat>(count, keys.count, headWidth, rows, stride, panels + (long)keys.from * headWidth / 2, out + keys.shared, keys.columns());
}

// sumValues writes the sums of the values, or keys, in reach with the weights.
static void sumValues(const Reach& keys, int count, const bf16* weights, const uint32_t* panels, float* out) {
  multiply<storeAsFloat>(count, headWidth, keys.shared, weights, keys.columns(), panels, out, headWidth);
  if (keys.count)
    multiply<addToFloat>(count, headWidth, keys.count, weights + keys.shared, keys.columns(), panels + (long)keys.from / 2 * headWidth, out, headWidth);
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
          int count = std::min(queryBlock, r.to - q);
          Reach keys = reach(p, q, q + count);
          multiplyKeys(keys, count, a.rotated + (p.row + q) * strideR + head * headWidth, strideR, keysT_, scores_);
          softmaxBlock(l, head, p, keys, q, count);
          sumValues(keys, count, weights_, values_, dQueries_);
          for (int i = 0; i < count; i++)
            toHalf(dQueries_ + i * headWidth, a.attended + (long)(r.lateRow + q - r.from + i) * s_.queryWidth() + head * headWidth, headWidth);
        }
  }
}

// softmaxBlockBackward computes weights_ again and dWeights_, the gradient of
// the unscaled scores: w (dw - Σ w dw), where the sum is the product of the
// attention's output and its gradient (Dao et al. 2022, FlashAttention, B.2).
void Worker::softmaxBlockBackward(int l, int head, const Placed& p, const Reach& reach, int first, int count, const bf16* dOut, const bf16* out) {
  int stride = reach.columns();
  __m512 scale = _mm512_set1_ps(scoreScale);
  for (int i = 0; i < count; i++) {
    float* score = scores_ + (long)i * stride;
    const float* dWeight = dScores_ + (long)i * stride;
    hideOthers(p, reach, first + i, score);
    bf16 *weight = weights_ + (long)i * stride, *dScore = dWeights_ + (long)i * stride;
    __m512 product = _mm512_setzero_ps();
    for (int j = 0; j < headWidth; j += 16)
      product = _mm512_fmadd_ps(loadHalf(dOut + (long)i * s_.queryWidth() + j), loadHalf(out + (long)i * s_.queryWidth() + j), product);
    __m512 delta = _mm512_set1_ps(_mm512_reduce_add_ps(product));
    __m512 shift = _mm512_set1_ps(-act_[l].logSum[(long)(p.row + first + i) * s_.heads + head]);
    int keys = first + i + 1 - reach.gap(), j = 0;
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
          int count = std::min(queryBlock, r.to - q);
          Reach keys = reach(p, q, q + count);
          long row = p.row + q, out = (long)(r.lateRow + q - r.from) * strideO + head * headWidth;
          const bf16* query = a.rotated + row * strideR + head * headWidth;
          multiplyKeys(keys, count, query, strideR, keysT_, scores_);
          multiplyKeys(keys, count, dAttended_ + out, strideO, valuesT_, dScores_);
          softmaxBlockBackward(l, head, p, keys, q, count, dAttended_ + out, a.attended + out);
          sumValues(keys, count, dWeights_, keys_, dQueries_);
          for (int i = 0; i < count; i++) {
            long at = (row + i) * strideQ + head * headWidth;
            normaliseHeadBackward(dQueries_ + i * headWidth, a.qkv + at, a.queryScale[(row + i) * s_.heads + head], m_.weights + w.queryGain,
                                  gradient + w.queryGain, cosine(row + i), sine(row + i), dQkv_ + at);
          }
          int even = (count + 1) & ~1;
          packPanels(count, even, headWidth, dAttended_ + out, strideO, dOutPanels_);
          packPanels(count, even, headWidth, query, strideR, queryPanels_);
          for (auto [column, key, n] : {std::array{0, 0, keys.shared}, std::array{keys.shared, keys.from, keys.count}}) {
            if (n == 0) continue;
            packStrips(count, even, n, weights_ + column, keys.columns(), weightStrips_);
            packStrips(count, even, n, dWeights_ + column, keys.columns(), dWeightStrips_);
            multiplyTransposed(n, headWidth, even / 2, weightStrips_, dOutPanels_, dValues_ + (long)key * headWidth, headWidth);
            multiplyTransposed(n, headWidth, even / 2, dWeightStrips_, queryPanels_, dKeys_ + (long)key * headWidth, headWidth);
          }
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
