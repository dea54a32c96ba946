#include "model.h"

#include <cmath>

namespace starter {

const char* Shape::problem() const {
  if (vocab < 64 || width < 64 || layers < 1 || heads < 1 || kvHeads < 1 || ffn < 64 || ropeBase < 1) return "a size is too small";
  if (vocab % 64 || width % 64 || ffn % 64) return "vocabulary, width and hidden units must be multiples of 64";
  if (heads % kvHeads) return "the heads cannot share the key and value heads evenly";
  if (vocab > 65536) return "tokens are 16-bit numbers";
  if (std::max({vocab, 2 * ffn, qkvWidth(), width}) > maxPackedColumns - 16) return "a matrix is wider than the packing buffer";
  return nullptr;
}

Model::Model(const Shape& s) : shape(s) {
  embedding = addMatrix(s.vocab, s.width, {});
  outputGain = addGain(s.width);
  for (int l = 0; l < s.layers; l++) {
    LayerWeights w;
    // Queries, keys and values are one product but three matrices to the
    // optimiser, as are gate and up: orthogonalising them together would
    // couple maps that have nothing to do with each other.
    w.qkv = addMatrix(s.qkvWidth(), s.width, {{0, s.queryWidth()}, {s.queryWidth(), s.kvWidth()}, {s.rotaryWidth(), s.kvWidth()}});
    w.output = addMatrix(s.width, s.queryWidth(), {{0, s.width}});
    w.gateUp = addMatrix(2 * s.ffn, s.width, {{0, s.ffn}, {s.ffn, s.ffn}});
    w.down = addMatrix(s.width, s.ffn, {{0, s.width}});
    w.queryGain = addGain(headWidth);
    w.keyGain = addGain(headWidth);
    layers.push_back(w);
  }
  weights = allocate<float>(size);
  cosine = allocate<float>((long)maxSequence * headWidth / 2);
  sine = allocate<float>((long)maxSequence * headWidth / 2);
  for (int p = 0; p < maxSequence; p++)
    for (int i = 0; i < headWidth / 2; i++) {
      double angle = p * std::pow((double)s.ropeBase, -2.0 * i / headWidth);
      cosine[p * headWidth / 2 + i] = std::cos(angle);
      sine[p * headWidth / 2 + i] = std::sin(angle);
    }
}

Matrix Model::addMatrix(int rows, int cols, std::vector<std::pair<int, int>> parts) {
  Matrix m;
  m.rows = rows;
  m.cols = cols;
  m.offset = size;
  m.parts = std::move(parts);
  m.half = allocate<bf16>(m.size());
  m.forward = allocate<uint32_t>(m.size() / 2);
  m.backward = allocate<uint32_t>(m.size() / 2);
  size += m.size();
  return m;
}

long Model::addGain(int n) {
  long at = size;
  size += n;
  return at;
}

void Model::repack(Matrix& m) {
  toHalf(weights + m.offset, m.half, m.size());
  packTransposed(m.rows, m.cols, m.half, m.cols, m.forward);
  packPanels(m.rows, m.rows, m.cols, m.half, m.cols, m.backward);
}

void Model::repackAll() {
  repack(embedding);
  for (Matrix* m : matrices()) repack(*m);
}

std::vector<Matrix*> Model::matrices() {
  std::vector<Matrix*> all;
  for (LayerWeights& l : layers) all.insert(all.end(), {&l.qkv, &l.output, &l.gateUp, &l.down});
  return all;
}

}  // namespace starter
