// One thread's forward and backward pass over a part of a batch, with the
// activations and the scratch memory that needs.
#pragma once
#include <vector>

#include "data.h"
#include "model.h"

namespace starter {

constexpr int queryBlock = 48;  // queries of a head that attention handles at a time
constexpr int logitRows = 256;  // rows whose logits exist at a time

// Activations of a layer that the backward pass needs, a row per token.
struct Activations {
  bf16 *attentionIn, *qkv, *rotated, *attended, *ffnIn, *gateUp;
  float *attentionScale, *ffnScale;  // 1 / root mean square of the row
  float *queryScale, *keyScale;      // the same per head
  float* logSum;                     // of the attention weights, per head
};

// Range is a run of rows of a bundle, counted within it: from, to excluded.
struct Range {
  int from, to;
  int lateRow;  // where the output of its first row goes: among the late rows, or all
};

// Placed is a bundle with its place among the rows. The last layer needs only
// the rows that predict the answers: "late" rows, counted apart.
struct Placed {
  const Bundle* bundle;
  int row, rows;            // first row, number of rows
  std::vector<Range> late;  // one per record
};


// Reach is what a block of queries may attend to, in columns of scores: the
// first `shared` keys of the bundle, then `count` keys from key `from` on.
struct Reach {
  int shared, from, count;
  int columns() const { return shared + count; }
  int gap() const { return from - shared; }  // keys left out between the two
};

class Worker {
 public:
  explicit Worker(const Model& m);

  // train adds the loss of the bundles and, times `scale`, its gradient.
  void train(const std::vector<const Bundle*>& bundles, float scale) { run(bundles, true, scale); }
  // evaluate adds the loss of one record and fills logProbability and correct
  // with a value per answer token.
  void evaluate(const Record& r) {
    Bundle alone{{&r}, 0};
    run({&alone}, false, 0);
  }

  float* gradient;     // as long as the weights; the optimiser clears it
  double loss = 0;     // sum over answer tokens of -log p, in nats
  long answers = 0;    // answer tokens in it
  long right = 0;      // of which the most probable token was the right one
  std::vector<float> logProbability;
  std::vector<char> correct;

 private:
  void run(const std::vector<const Bundle*>& bundles, bool training, float scale);
  void place(const std::vector<const Bundle*>& bundles);
  void placeRow(int token, int position, int own);
  void forwardLayer(int l);
  void outputLayer(bool training, float scale);
  void lossRow(int row, float* logits, bf16* out, bool training, float scale);
  void backwardOutput();
  void backwardLayer(int l);
  void addWeightGradient(int m, int n, int k, const bf16* out, long strideOut, const bf16* in, long strideIn, float* g);

  void normaliseHeads(int l);
  void attend(int l, const Placed& p, const std::vector<Range>& queries);
  void attendBackward(int l, const Placed& p, const std::vector<Range>& queries);
  Reach reach(const Placed& p, int first, int end) const;
  void hideOthers(const Placed& p, const Reach& reach, int query, float* score) const;
  void softmaxBlock(int l, int head, const Placed& p, const Reach& reach, int first, int count);
  void softmaxBlockBackward(int l, int head, const Placed& p, const Reach& reach, int first, int count, const bf16* dOut, const bf16* out);

  const Model& m_;
  const Shape s_;
  std::vector<Placed> placed_;
  int rows_ = 0, lateRows_ = 0;
  std::vector<int> token_, position_;  // of every row
  std::vector<int> own_;               // where the own part of its record begins in the bundle
  std::vector<int> target_;            // of every late row

  std::vector<Activations> act_;
  float *stream_, *lateStream_, *dStream_, *dLateStream_, *outputScale_;
  bf16 *hidden_, *dHidden_, *dGateUp_, *dIn_, *dQkv_, *dAttended_, *normed_, *gained_, *dStreamHalf_;
  float* logits_;
  bf16* dLogits_;
  uint32_t *strips_, *panels_;  // operands of weight gradients

  float *scores_, *dScores_;  // [queryBlock][keys], keys padded to 64
  bf16 *weights_, *dWeights_;
  uint32_t *keysT_, *valuesT_, *keys_, *values_;  // panels; T: summed along the head
  uint32_t *dOutPanels_, *queryPanels_, *weightStrips_, *dWeightStrips_;
  float *dKeys_, *dValues_, *dQueries_;
};

}  // namespace starter
