#include "options.h"

#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>

namespace starter {

static const char usage[] =
    R"(trainer -init FILE | -resume FILE  -train FILE[:WEIGHT] …  -tokens N  -out FILE [options]
  -init FILE           initial weights, with a fresh optimiser and warm-up
  -resume FILE         checkpoint to continue, with its schedule and place in the records
  -train FILE[:WEIGHT] records; may be given several times
  -test FILE           held-out records; may be given several times
  -fields FILE         names of the fields, a line each; -groups FILE the same for groups
  -out FILE            checkpoint, every -save-minutes (5) and at the end; FILE.constant before the decay
  -tokens N            tokens of the whole run (33e6 is a number)
  -decay-tokens N      of these, tokens of the decay to zero (40 % of -tokens);
                       with -resume and no -tokens: the decay starts now
  -decay-shape S       linear, or root for 1 - √progress (linear)
  -warmup-tokens N     (400e3)
  -max-seconds N       starts the decay early so that the run ends by then
  -matrix-rate R       of Muon (0.02); -embedding-rate (0.01), -gain-rate (0.01) of Adam
  -momentum M          of Muon (0.95); -weight-decay D (0)
  -batch-tokens N      (8192)
  -threads N           (2); one thread repeats a run bit for bit
  -eval-tokens N       evaluates after as many tokens (2e6), on -eval-records N (300, 0 for all)
  -log-steps N         (20); -seed N (1); -stop-at-step N
  -evaluate 1          evaluates and ends
  -gradient FILE       writes the gradient of the first -gradient-records (4) and ends;
                       -gradient-apart 1 does not join those that begin alike
)";

[[noreturn]] static void refuse(const std::string& why) {
  fprintf(stderr, "%s\n%s", why.c_str(), usage);
  exit(2);
}

Options::Options(int argc, char** argv) {
  using Text = const char*;
  auto number = [](Text name, Text text) {
    char* end;
    double v = strtod(text, &end);
    if (*text == 0 || *end != 0 || v < 0) refuse(std::string(name) + " " + text + ": not a number from 0");
    return v;
  };
  schedule.warmup = 400000;
  std::string shape = "linear";
  std::map<std::string, std::function<void(Text, Text)>> known;
  auto texts = [&](Text name, std::string& to) { known[name] = [&to](Text, Text v) { to = v; }; };
  auto lists = [&](Text name, std::vector<std::string>& to) { known[name] = [&to](Text, Text v) { to.push_back(v); }; };
  auto numbers = [&](Text name, auto& to, bool* set = nullptr) {
    known[name] = [&to, set, number](Text n, Text v) {
      to = number(n, v);
      if (set) *set = true;
    };
  };
  texts("-init", init), texts("-resume", resume), texts("-out", out), texts("-fields", fields), texts("-groups", groups);
  texts("-gradient", gradientOut), texts("-decay-shape", shape);
  lists("-train", train), lists("-test", test);
  numbers("-tokens", schedule.total, &totalSet_), numbers("-decay-tokens", schedule.decay, &decaySet_);
  numbers("-warmup-tokens", schedule.warmup), numbers("-max-seconds", schedule.seconds);
  numbers("-matrix-rate", rates.matrix), numbers("-embedding-rate", rates.embedding), numbers("-gain-rate", rates.gain);
  numbers("-momentum", rates.momentum), numbers("-weight-decay", rates.decay);
  numbers("-batch-tokens", batchTokens), numbers("-threads", threads), numbers("-eval-tokens", evalTokens);
  numbers("-eval-records", evalRecords), numbers("-log-steps", logSteps), numbers("-save-minutes", saveMinutes), numbers("-seed", seed);
  numbers("-stop-at-step", stopAtStep), numbers("-evaluate", evaluateOnly), numbers("-gradient-records", gradientRecords);
  numbers("-gradient-apart", gradientApart);
  for (int i = 1; i < argc; i += 2) {
    auto found = known.find(argv[i]);
    if (found == known.end()) refuse(std::string("unknown option ") + argv[i]);
    if (i + 1 >= argc) refuse(std::string(argv[i]) + " needs a value");
    found->second(argv[i], argv[i + 1]);
    if (!strcmp(argv[i], "-decay-shape")) shapeSet_ = true;
  }
  if (init.empty() == resume.empty()) refuse("give either -init or -resume");
  if (train.empty() && !evaluateOnly) refuse("-train is missing");
  if (test.empty() && evaluateOnly) refuse("-test is missing");
  if (threads < 1 || threads > 64 || logSteps < 1 || batchTokens < 1 || evalTokens < 1) refuse("-threads, -log-steps, -batch-tokens and -eval-tokens start at 1");
  // A checkpoint replaces the file of that name; a device must not be replaced.
  struct stat there;
  if (!out.empty() && stat(out.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) refuse("-out " + out + ": is there and is no regular file; leave -out away to keep nothing");
  if (shape != "linear" && shape != "root") refuse("-decay-shape is linear or root");
  schedule.root = shape == "root";
  bool training = gradientOut.empty() && !evaluateOnly;
  if (training && resume.empty() && !totalSet_) refuse("-tokens is missing");
  if (!decaySet_) schedule.decay = schedule.total * 2 / 5;
  if (totalSet_ && schedule.decay > schedule.total) refuse("-decay-tokens is more than -tokens");
  schedule.plan();
}

Schedule Options::continued(Schedule saved, int64_t tokens) const {
  saved.seconds = schedule.seconds;
  if (shapeSet_) saved.root = schedule.root;
  if (decaySet_) saved.decay = schedule.decay;
  if (totalSet_)
    saved.total = schedule.total;
  else if (decaySet_)
    saved.total = tokens + schedule.decay;
  if (totalSet_ || decaySet_) saved.plan();
  return saved;
}

}  // namespace starter
