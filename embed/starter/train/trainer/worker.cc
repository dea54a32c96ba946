#include "worker.h"

#include <cmath>

namespace starter {

Worker::Worker(const Model& m) : m_(m), s_(m.shape) {
  const long rows = partRows, width = s_.width;
  gradient = allocate<float>(m.size);
  for (int l = 0; l < s_.layers; l++) {
    Activations a;
    a.attentionIn = allocate<bf16>(rows * width);
    a.qkv = allocate<bf16>(rows * s_.qkvWidth());
    a.rotated = allocate<bf16>(rows * s_.rotaryWidth());
    a.attended = allocate<bf16>(rows * s_.queryWidth());
    a.ffnIn = allocate<bf16>(rows * width);
    a.gateUp = allocate<bf16>(rows * 2 * s_.ffn);
    a.attentionScale = allocate<float>(rows);
    a.ffnScale = allocate<float>(rows);
    a.queryScale = allocate<float>(rows * s_.heads);
    a.keyScale = allocate<float>(rows * s_.kvHeads);
    a.logSum = allocate<float>(rows * s_.heads);
    act_.push_back(a);
  }
  for (float** p : {&stream_, &lateStream_, &dStream_, &dLateStream_}) *p = allocate<float>(rows * width);
  outputScale_ = allocate<float>(rows);
  for (bf16** p : {&dIn_, &normed_, &gained_, &dStreamHalf_}) *p = allocate<bf16>(rows * width);
  hidden_ = allocate<bf16>(rows * s_.ffn);
  dHidden_ = allocate<bf16>(rows * s_.ffn);
  dGateUp_ = allocate<bf16>(rows * 2 * s_.ffn);
  dQkv_ = allocate<bf16>(rows * s_.qkvWidth());
  dAttended_ = allocate<bf16>(rows * s_.queryWidth());
  logits_ = allocate<float>((long)logitRows * s_.vocab);
  dLogits_ = allocate<bf16>((long)logitRows * s_.vocab);
  long widest = std::max({2 * s_.ffn, s_.vocab, s_.width, s_.qkvWidth(), s_.queryWidth()});
  strips_ = allocate<uint32_t>(512 / 2 * (widest + 64));  // addWeightGradient packs at most 512 rows
  panels_ = allocate<uint32_t>(512 / 2 * (widest + 64));
  const long keys = maxSequence;
  for (float** p : {&scores_, &dScores_}) *p = allocate<float>(queryBlock * keys);
  for (bf16** p : {&weights_, &dWeights_}) *p = allocate<bf16>(queryBlock * keys);
  for (uint32_t** p : {&keysT_, &valuesT_, &keys_, &values_}) *p = allocate<uint32_t>(keys * headWidth / 2);
  for (uint32_t** p : {&dOutPanels_, &queryPanels_}) *p = allocate<uint32_t>(queryBlock / 2 * headWidth);
  for (uint32_t** p : {&weightStrips_, &dWeightStrips_}) *p = allocate<uint32_t>(queryBlock / 2 * (keys + 2 * stripHeight));
  for (float** p : {&dKeys_, &dValues_}) *p = allocate<float>(keys * headWidth);
  dQueries_ = allocate<float>(queryBlock * headWidth);
}

// normalise writes x / root mean square of every row, and the reciprocals.
static void normalise(int rows, int width, const float* x, bf16* out, float* scale) {
  for (int m = 0; m < rows; m++) {
    const float* p = x + (long)m * width;
    __m512 sum = _mm512_setzero_ps();
    for (int i = 0; i < width; i += 16) {
      __m512 v = _mm512_loadu_ps(p + i);
      sum = _mm512_fmadd_ps(v, v, sum);
    }
    scale[m] = 1.f / std::sqrt(_mm512_reduce_add_ps(sum) / width + epsilon);
    __m512 r = _mm512_set1_ps(scale[m]);
    for (int i = 0; i < width; i += 16) storeHalf(out + (long)m * width + i, _mm512_mul_ps(_mm512_loadu_ps(p + i), r));
  }
}

// normaliseBackward adds scale (d - n mean(d n)) to dx, n being the normalised
// rows and d their gradient.
static void normaliseBackward(int rows, int width, const bf16* d, const bf16* n, const float* scale, float* dx) {
  for (int m = 0; m < rows; m++, d += width, n += width, dx += width) {
    __m512 sum = _mm512_setzero_ps();
    for (int i = 0; i < width; i += 16) sum = _mm512_fmadd_ps(loadHalf(d + i), loadHalf(n + i), sum);
    __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / width), r = _mm512_set1_ps(scale[m]);
    for (int i = 0; i < width; i += 16) {
      __m512 v = _mm512_fnmadd_ps(loadHalf(n + i), mean, loadHalf(d + i));
      _mm512_storeu_ps(dx + i, _mm512_fmadd_ps(v, r, _mm512_loadu_ps(dx + i)));
    }
  }
}

static inline __m512 sigmoid(__m512 x) {
  __m512 one = _mm512_set1_ps(1.f);
  return _mm512_div_ps(one, _mm512_add_ps(one, exponential(_mm512_sub_ps(_mm512_setzero_ps(), x))));
}

// gate computes silu(gate) · up of one row.
static void gate(int ffn, const bf16* gateUp, bf16* out) {
  for (int j = 0; j < ffn; j += 16) {
    __m512 g = loadHalf(gateUp + j), u = loadHalf(gateUp + ffn + j);
    storeHalf(out + j, _mm512_mul_ps(_mm512_mul_ps(g, sigmoid(g)), u));
  }
}

static void gateBackward(int ffn, const bf16* gateUp, const bf16* d, bf16* out) {
  for (int j = 0; j < ffn; j += 16) {
    __m512 g = loadHalf(gateUp + j), u = loadHalf(gateUp + ffn + j), dd = loadHalf(d + j), one = _mm512_set1_ps(1.f);
    __m512 s = sigmoid(g), silu = _mm512_mul_ps(g, s);
    storeHalf(out + ffn + j, _mm512_mul_ps(dd, silu));
    __m512 slope = _mm512_mul_ps(s, _mm512_fmadd_ps(g, _mm512_sub_ps(one, s), one));
    storeHalf(out + j, _mm512_mul_ps(_mm512_mul_ps(dd, u), slope));
  }
}

// addWeightGradient adds dYᵀ X to g[n][k], with dY[m][n] and X[m][k].
void Worker::addWeightGradient(int m, int n, int k, const bf16* dY, long strideY, const bf16* x, long strideX, float* g) {
  int block = std::max(n, k) > 512 ? 256 : 512;  // both operands stay in the second-level cache
  for (int row = 0; row < m; row += block) {
    int rows = std::min(block, m - row), even = (rows + 1) & ~1;
    packStrips(rows, even, n, dY + (long)row * strideY, strideY, strips_);
    packPanels(rows, even, k, x + (long)row * strideX, strideX, panels_);
    multiplyTransposed(n, k, even / 2, strips_, panels_, g, k);
  }
}

void Worker::placeRow(int token, int position, int own) {
  const bf16* e = m_.embedding.half + (long)token * s_.width;
  float* to = stream_ + (long)rows_ * s_.width;
  for (int j = 0; j < s_.width; j += 16) _mm512_storeu_ps(to + j, loadHalf(e + j));
  token_.push_back(token);
  position_.push_back(position);
  own_.push_back(own);
  rows_++;
}

void Worker::place(const std::vector<const Bundle*>& bundles) {
  placed_.clear();
  token_.clear();
  position_.clear();
  own_.clear();
  target_.clear();
  rows_ = lateRows_ = 0;
  for (const Bundle* b : bundles) {
    Placed p{b, rows_, b->rows(), {}};
    for (int i = 0; i < b->shared; i++) placeRow(b->records[0]->tokens[i], i, 0);
    for (const Record* r : b->records) {
      int own = rows_ - p.row, late = own + r->promptLength - 1 - b->shared;
      for (int i = b->shared; i < r->length - 1; i++) placeRow(r->tokens[i], i, own);
      p.late.push_back({late, rows_ - p.row, lateRows_});
      lateRows_ += r->length - r->promptLength;
      for (int i = r->promptLength; i < r->length; i++) target_.push_back(r->tokens[i]);
    }
    placed_.push_back(std::move(p));
  }
}

void Worker::run(const std::vector<const Bundle*>& bundles, bool training, float scale) {
  place(bundles);
  for (int l = 0; l < s_.layers; l++) forwardLayer(l);
  outputLayer(training, scale);
  if (!training) return;
  backwardOutput();
  for (int l = s_.layers - 1; l >= 0; l--) backwardLayer(l);
  for (int row = 0; row < rows_; row++) {
    float* g = gradient + m_.embedding.offset + (long)token_[row] * s_.width;
    const float* d = dStream_ + (long)row * s_.width;
    for (int j = 0; j < s_.width; j += 16) _mm512_storeu_ps(g + j, _mm512_add_ps(_mm512_loadu_ps(g + j), _mm512_loadu_ps(d + j)));
  }
}

// forwardLayer updates stream_, in the last layer lateStream_ instead: nothing
// reads what the last layer makes of the prompt but the keys and values.
void Worker::forwardLayer(int l) {
  Activations& a = act_[l];
  const LayerWeights& w = m_.layers[l];
  bool last = l == s_.layers - 1;
  int width = s_.width;
  normalise(rows_, width, stream_, a.attentionIn, a.attentionScale);
  multiply<storeAsHalf>(rows_, s_.qkvWidth(), width, a.attentionIn, width, w.qkv.forward, a.qkv, s_.qkvWidth());
  normaliseHeads(l);
  for (const Placed& p : placed_) attend(l, p, last ? p.late : std::vector<Range>{{0, p.rows, p.row}});
  float* x = stream_;
  int rows = rows_;
  if (last) {
    for (const Placed& p : placed_)
      for (const Range& r : p.late)
        memcpy(lateStream_ + (long)r.lateRow * width, stream_ + (long)(p.row + r.from) * width, sizeof(float) * width * (r.to - r.from));
    x = lateStream_;
    rows = lateRows_;
  }
  multiply<addToFloat>(rows, width, s_.queryWidth(), a.attended, s_.queryWidth(), w.output.forward, x, width);
  normalise(rows, width, x, a.ffnIn, a.ffnScale);
  multiply<storeAsHalf>(rows, 2 * s_.ffn, width, a.ffnIn, width, w.gateUp.forward, a.gateUp, 2 * s_.ffn);
  for (long m = 0; m < rows; m++) gate(s_.ffn, a.gateUp + m * 2 * s_.ffn, hidden_ + m * s_.ffn);
  multiply<addToFloat>(rows, width, s_.ffn, hidden_, s_.ffn, w.down.forward, x, width);
}

// lossRow adds the loss of a late row and, in training, writes the gradient of
// its logits. It overwrites the logits.
void Worker::lossRow(int row, float* z, bf16* d, bool training, float scale) {
  int target = target_[row];
  __m512 most = _mm512_set1_ps(-1e30f), sum = _mm512_setzero_ps();
  for (int j = 0; j < s_.vocab; j += 16) most = _mm512_max_ps(most, _mm512_loadu_ps(z + j));
  float top = _mm512_reduce_max_ps(most), wanted = z[target];
  __m512 shift = _mm512_set1_ps(top);
  for (int j = 0; j < s_.vocab; j += 16) {
    __m512 e = exponential(_mm512_sub_ps(_mm512_loadu_ps(z + j), shift));
    _mm512_storeu_ps(z + j, e);
    sum = _mm512_add_ps(sum, e);
  }
  float total = _mm512_reduce_add_ps(sum), logP = wanted - top - std::log(total);
  loss -= logP;
  answers++;
  right += wanted >= top;
  if (!training) {
    logProbability[row] = logP;
    correct[row] = wanted >= top;
    return;
  }
  __m512 factor = _mm512_set1_ps(scale / total);
  for (int j = 0; j < s_.vocab; j += 16) storeHalf(d + j, _mm512_mul_ps(_mm512_loadu_ps(z + j), factor));
  // The right token's entry is p - 1: rounded apart, so that a p close to 1
  // does not lose what is left of it.
  d[target] = roundHalf((z[target] / total - 1.f) * scale);
}

void Worker::outputLayer(bool training, float scale) {
  int width = s_.width, vocab = s_.vocab;
  normalise(lateRows_, width, lateStream_, normed_, outputScale_);
  const float* gain = m_.weights + m_.outputGain;
  for (long m = 0; m < lateRows_; m++)
    for (int j = 0; j < width; j += 16)
      storeHalf(gained_ + m * width + j, _mm512_mul_ps(loadHalf(normed_ + m * width + j), _mm512_loadu_ps(gain + j)));
  if (!training) {
    logProbability.assign(lateRows_, 0);
    correct.assign(lateRows_, 0);
  }
  for (int first = 0; first < lateRows_; first += logitRows) {
    int rows = std::min(logitRows, lateRows_ - first);
    multiply<storeAsFloat>(rows, vocab, width, gained_ + (long)first * width, width, m_.embedding.forward, logits_, vocab);
    for (int i = 0; i < rows; i++) lossRow(first + i, logits_ + (long)i * vocab, dLogits_ + (long)i * vocab, training, scale);
    if (!training) continue;
    multiply<storeAsHalf>(rows, width, vocab, dLogits_, vocab, m_.embedding.backward, dIn_ + (long)first * width, width);
    addWeightGradient(rows, vocab, width, dLogits_, vocab, gained_ + (long)first * width, width, gradient + m_.embedding.offset);
  }
}

// backwardOutput starts dLateStream_ from dIn_, the gradient of gained_.
void Worker::backwardOutput() {
  int width = s_.width;
  const float* gain = m_.weights + m_.outputGain;
  float* dGain = gradient + m_.outputGain;
  for (long m = 0; m < lateRows_; m++)
    for (int j = 0; j < width; j += 16) {
      bf16* at = dIn_ + m * width + j;
      __m512 d = loadHalf(at);
      _mm512_storeu_ps(dGain + j, _mm512_fmadd_ps(d, loadHalf(normed_ + m * width + j), _mm512_loadu_ps(dGain + j)));
      storeHalf(at, _mm512_mul_ps(d, _mm512_loadu_ps(gain + j)));
    }
  memset(dLateStream_, 0, sizeof(float) * lateRows_ * width);
  normaliseBackward(lateRows_, width, dIn_, normed_, outputScale_, dLateStream_);
}

void Worker::backwardLayer(int l) {
  Activations& a = act_[l];
  const LayerWeights& w = m_.layers[l];
  bool last = l == s_.layers - 1;
  int width = s_.width, ffn = s_.ffn, rows = last ? lateRows_ : rows_;
  float* d = last ? dLateStream_ : dStream_;
  toHalf(d, dStreamHalf_, (long)rows * width);
  for (long m = 0; m < rows; m++) gate(ffn, a.gateUp + m * 2 * ffn, hidden_ + m * ffn);
  multiply<storeAsHalf>(rows, ffn, width, dStreamHalf_, width, w.down.backward, dHidden_, ffn);
  addWeightGradient(rows, width, ffn, dStreamHalf_, width, hidden_, ffn, gradient + w.down.offset);
  for (long m = 0; m < rows; m++) gateBackward(ffn, a.gateUp + m * 2 * ffn, dHidden_ + m * ffn, dGateUp_ + m * 2 * ffn);
  multiply<storeAsHalf>(rows, width, 2 * ffn, dGateUp_, 2 * ffn, w.gateUp.backward, dIn_, width);
  addWeightGradient(rows, 2 * ffn, width, dGateUp_, 2 * ffn, a.ffnIn, width, gradient + w.gateUp.offset);
  normaliseBackward(rows, width, dIn_, a.ffnIn, a.ffnScale, d);

  toHalf(d, dStreamHalf_, (long)rows * width);
  multiply<storeAsHalf>(rows, s_.queryWidth(), width, dStreamHalf_, width, w.output.backward, dAttended_, s_.queryWidth());
  addWeightGradient(rows, width, s_.queryWidth(), dStreamHalf_, width, a.attended, s_.queryWidth(), gradient + w.output.offset);
  if (last) memset(dQkv_, 0, sizeof(bf16) * rows_ * s_.qkvWidth());  // queries of the prompt have no gradient
  for (const Placed& p : placed_) attendBackward(l, p, last ? p.late : std::vector<Range>{{0, p.rows, p.row}});
  if (last) {
    memset(dStream_, 0, sizeof(float) * rows_ * width);
    for (const Placed& p : placed_)
      for (const Range& r : p.late)
        memcpy(dStream_ + (long)(p.row + r.from) * width, dLateStream_ + (long)r.lateRow * width, sizeof(float) * width * (r.to - r.from));
  }
  multiply<storeAsHalf>(rows_, width, s_.qkvWidth(), dQkv_, s_.qkvWidth(), w.qkv.backward, dIn_, width);
  addWeightGradient(rows_, s_.qkvWidth(), width, dQkv_, s_.qkvWidth(), a.attentionIn, width, gradient + w.qkv.offset);
  normaliseBackward(rows_, width, dIn_, a.attentionIn, a.attentionScale, dStream_);
}

}  // namespace starter
