// Teacher-forced evaluation on held-out records: every answer token is
// predicted from the right tokens before it. A field is right when every token
// of its value is the most probable one, a record when all its fields are.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "pool.h"
#include "worker.h"

namespace starter {

struct Count {
  long n = 0, right = 0;
  double share() const { return n ? double(right) / n : 0; }
};

struct Evaluation {
  double loss = 0;  // per answer token, in nats
  Count tokens, spans;
  std::map<int, Count> fields, groups;  // groups count whole records
  std::string line(const std::vector<std::string>& fieldNames, const std::vector<std::string>& groupNames) const;
};

// evaluate looks at `most` records spread evenly over the file, or all if it is
// 0. The workers' sums must be clear, and are again afterwards.
Evaluation evaluate(const std::vector<Record>& records, size_t most, std::vector<std::unique_ptr<Worker>>& workers, Pool& pool);

// readNames returns the lines of a file; none for an empty path.
std::vector<std::string> readNames(const std::string& path);

}  // namespace starter
