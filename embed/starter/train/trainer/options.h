// The command line.
#pragma once
#include <string>
#include <vector>

#include "optimiser.h"
#include "schedule.h"

namespace starter {

struct Options {
  Options(int argc, char** argv);  // ends the program with a message for wrong arguments

  std::string init, resume, out, fields, groups, gradientOut;
  std::vector<std::string> train, test;
  Schedule schedule;
  Rates rates;
  long batchTokens = 8192, stopAtStep = -1;
  int threads = 2, logSteps = 20;
  int64_t evalTokens = 2000000;
  size_t evalRecords = 300, gradientRecords = 4;
  bool gradientApart = false;
  double saveMinutes = 5;
  uint64_t seed = 1;
  bool evaluateOnly = false;

  const std::string& start() const { return resume.empty() ? init : resume; }
  // continued returns the schedule of a run resumed at `tokens`: the saved one,
  // changed by what the command line says.
  Schedule continued(Schedule saved, int64_t tokens) const;

 private:
  bool totalSet_ = false, decaySet_ = false, shapeSet_ = false;
};

}  // namespace starter
