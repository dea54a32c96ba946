// Checkpoints on disk. The format is documented in package weights, which
// reads and writes the same files.
#pragma once
#include <string>

#include "model.h"
#include "optimiser.h"

namespace starter {

struct Header {
  Shape shape;
  bool hasState = false;
  int64_t steps = 0, tokens = 0, weights = 0, textBytes = 0;
};

// readHeader ends the program with a message if the file is no checkpoint.
Header readHeader(const std::string& path);

// readWeights fills the model and refreshes its bf16 copies.
void readWeights(const std::string& path, Model& m);

// readState fills the optimiser and returns the text of the writer; it ends the
// program with a message if the file has weights only.
std::string readState(const std::string& path, const Model& m, Optimiser& o);

// writeCheckpoint replaces the file in one piece: a crash leaves the old one.
// It returns false, with errno set, if that failed.
bool writeCheckpoint(const std::string& path, const Model& m, const Optimiser& o, int64_t tokens, const std::string& text);

// writeWeights writes numbers laid out like the weights, such as a gradient.
bool writeWeights(const std::string& path, const Model& m, const float* values);

}  // namespace starter
