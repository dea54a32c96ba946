// Muon for the matrices of the layers, Adam for the embedding and the gains.
#pragma once
#include <memory>
#include <vector>

#include "model.h"
#include "pool.h"

namespace starter {

struct Rates {
  float matrix = 0.02f, embedding = 0.01f, gain = 0.01f;  // at the top of the schedule
  float momentum = 0.95f;                                 // of Muon
  float decay = 0;                                        // of weights, Muon only, per unit of learning rate
  float beta1 = 0.9f, beta2 = 0.98f;                      // of Adam
};

// Orthogonaliser replaces a matrix by the nearest one with singular values near
// 1, by Newton-Schulz iterations in bf16.
class Orthogonaliser {
 public:
  explicit Orthogonaliser(long largest);  // entries of the largest matrix
  void run(float* u, int rows, int cols);

 private:
  bf16 *half_, *square_;
  float *x_, *gram_, *poly_, *product_;
  uint32_t* packed_;
};

class Optimiser {
 public:
  Optimiser(Model& m, const Rates& r, Pool& pool);

  // gather adds the threads' gradients into the first and clears the others. It
  // returns the norm of the whole gradient, or -1 if any of it is not finite.
  double gather(const std::vector<float*>& gradients);
  // step updates the weights from the gathered gradient, clears that, and
  // refreshes the bf16 copies. factor scales the learning rates.
  void step(float* gradient, float factor);

  long steps = 0;
  float *first, *second;  // moments; of Muon's matrices only the first is used

 private:
  void adam(float* gradient, long offset, long n, float rate);
  void muon(float* gradient, Matrix& m, int thread, float rate);

  Model& m_;
  Rates rates_;
  Pool& pool_;
  std::vector<std::unique_ptr<Orthogonaliser>> orthogonalisers_;  // one per thread
  std::vector<float*> update_;                                    // one per thread
};

}  // namespace starter
