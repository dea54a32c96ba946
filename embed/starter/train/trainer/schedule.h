// The learning rate as a function of tokens, so that a run does not depend on
// how fast the machine is: warm-up, constant, decay to zero.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <sstream>
#include <string>

namespace starter {

struct Schedule {
  int64_t total = 0;       // tokens of the run; 0 to evaluate only
  int64_t warmup = 0;      // tokens of the linear warm-up
  int64_t decay = 0;       // tokens of the decay
  int64_t decayStart = 0;  // total - decay, or earlier when time runs out
  bool root = false;       // 1 - √progress instead of 1 - progress (Hägele et al. 2024)
  double seconds = 0;      // most seconds of this process, 0 for no bound

  void plan() { decayStart = total - decay; }
  bool decaying(int64_t tokens) const { return tokens >= decayStart; }

  // hurry starts the decay now, or speeds up one that has started, if otherwise
  // the time bound would cut it off at the given speed. It returns true the
  // once that it does. The speed of the first moments is no measure.
  bool hurry(int64_t tokens, double elapsed, double tokensPerSecond) {
    if (seconds <= 0 || hurriedAt >= 0 || tokensPerSecond <= 0 || elapsed < seconds / 20) return false;
    double left = decaying(tokens) ? decayStart + decay - tokens : decay;
    if (elapsed + left / tokensPerSecond < seconds) return false;
    hurriedFrom = progress(tokens, elapsed);
    decayStart = std::min(decayStart, tokens);
    hurriedAt = elapsed;
    return true;
  }

  // progress of the decay, 0 to 1; by time where that is further, in a run that
  // was hurried.
  double progress(int64_t tokens, double elapsed) const {
    if (!decaying(tokens) || decay <= 0) return tokens >= decayStart + decay ? 1 : 0;
    double p = double(tokens - decayStart) / decay;
    if (hurriedAt >= 0) p = std::max(p, hurriedFrom + (1 - hurriedFrom) * (elapsed - hurriedAt) / std::max(1.0, seconds - hurriedAt));
    return std::min(1.0, p);
  }

  bool finished(int64_t tokens, double elapsed) const { return tokens >= std::min(total, decayStart + decay) || progress(tokens, elapsed) >= 1; }

  double factor(int64_t tokens, double elapsed) const {
    double p = progress(tokens, elapsed), down = root ? 1 - std::sqrt(p) : 1 - p;
    return tokens < warmup ? std::min(down, double(tokens) / warmup) : down;
  }

  std::string text() const {
    std::ostringstream out;
    out << "schedule " << total << ' ' << warmup << ' ' << decay << ' ' << decayStart << ' ' << root << '\n';
    return out.str();
  }

  bool restore(const std::string& text) {
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      std::istringstream fields(line);
      std::string key;
      if (fields >> key && key == "schedule") return bool(fields >> total >> warmup >> decay >> decayStart >> root);
    }
    return false;
  }

 private:
  double hurriedAt = -1;   // seconds; negative as long as there is time
  double hurriedFrom = 0;  // progress then
};

}  // namespace starter
