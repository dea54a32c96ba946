// The model's weights, laid out as in a checkpoint (package weights documents
// the order), with the bf16 copies that the products read.
#pragma once
#include <utility>
#include <vector>

#include "kernels.h"

namespace starter {

constexpr int headWidth = 64;      // the attention kernels work on four vectors
constexpr int maxSequence = 2048;  // tokens of a record
constexpr float epsilon = 1e-6f;   // of every norm

struct Shape {
  int vocab = 0, width = 0, layers = 0, heads = 0, kvHeads = 0, ffn = 0, ropeBase = 0;

  int queryWidth() const { return heads * headWidth; }
  int kvWidth() const { return kvHeads * headWidth; }
  int rotaryWidth() const { return queryWidth() + kvWidth(); }     // queries and keys
  int qkvWidth() const { return queryWidth() + 2 * kvWidth(); }
  const char* problem() const;  // why the trainer cannot run it, null if it can
};

// Matrix is W[rows][cols] with a row per output.
struct Matrix {
  int rows = 0, cols = 0;
  long offset = 0;                         // in the weights
  std::vector<std::pair<int, int>> parts;  // first row and rows of what the optimiser treats as one matrix
  bf16* half = nullptr;                    // [rows][cols]
  uint32_t* forward = nullptr;             // panels for X Wᵀ
  uint32_t* backward = nullptr;            // panels for dY W

  long size() const { return (long)rows * cols; }
};

struct LayerWeights {
  Matrix qkv, output, gateUp, down;
  long queryGain = 0, keyGain = 0;  // offsets of headWidth gains each
};

class Model {
 public:
  explicit Model(const Shape& s);

  Shape shape;
  long size = 0;             // weights
  float* weights = nullptr;  // float32 masters
  Matrix embedding;          // [vocab][width]; also the output matrix
  long outputGain = 0;       // offset of width gains
  std::vector<LayerWeights> layers;
  float* cosine = nullptr;  // [maxSequence][headWidth/2], rotary
  float* sine = nullptr;

  // repack refreshes the bf16 copies of a matrix after its weights changed.
  void repack(Matrix& m);
  void repackAll();
  std::vector<Matrix*> matrices();  // of the layers, in the order of the weights

 private:
  Matrix addMatrix(int rows, int cols, std::vector<std::pair<int, int>> parts);
  long addGain(int n);
};

}  // namespace starter
