// Trains a starter model on CPU: see README.md beside this folder. Exits with
// 0 when the schedule is finished, 2 for wrong arguments or files, 3 when a
// signal ended it after a checkpoint was written, 4 for a bad gradient or weights
// that are not finite.
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>

#include "checkpoint.h"
#include "data.h"
#include "evaluate.h"
#include "optimiser.h"
#include "options.h"
#include "schedule.h"
#include "worker.h"

namespace starter {

static volatile sig_atomic_t interrupted = 0;

static double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Run is a training run in progress.
class Run {
 public:
  Run(const Options& o, Model& m) : options(o), model(m), pool(o.threads), optimiser(m, o.rates, pool), schedule(o.schedule) {
    for (int t = 0; t < o.threads; t++) workers.push_back(std::make_unique<Worker>(m));
    for (auto& w : workers) gradients.push_back(w->gradient);
    for (const std::string& path : o.train) mixture.add(path, o.seed, m.shape.vocab);
    for (const std::string& path : o.test) {
      std::vector<Record> more = readRecords(path, m.shape.vocab);
      test.insert(test.end(), more.begin(), more.end());
    }
    fieldNames = readNames(o.fields);
    groupNames = readNames(o.groups);
  }

  void resume();
  int train();
  void report();
  int dumpGradient();

 private:
  double computeGradient(const Batch& b);
  bool save(const std::string& path);
  void printStep(double factor, double norm);
  int stopForBadGradient(const Batch& b);

  const Options& options;
  Model& model;
  Pool pool;
  Optimiser optimiser;
  Schedule schedule;
  Mixture mixture;
  std::vector<Record> test;
  std::vector<std::string> fieldNames, groupNames;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<float*> gradients;
  int64_t tokens = 0;

  double started = now(), windowStarted = now(), windowNorm = 0;
  int64_t startTokens = 0, windowTokens = 0;
};

void Run::resume() {
  std::string text = readState(options.resume, model, optimiser);
  tokens = startTokens = readHeader(options.resume).tokens;
  Schedule saved;
  if (!saved.restore(text)) {
    fprintf(stderr, "%s: has no schedule; start from it with -init\n", options.resume.c_str());
    exit(2);
  }
  schedule = options.continued(saved, tokens);
  if (!mixture.restore(text)) printf("the records are not those of the checkpoint: they are used from their beginning\n");
  printf("resumed at step %ld, %.2f M tokens\n", optimiser.steps, tokens / 1e6);
}

double Run::computeGradient(const Batch& b) {
  std::atomic<size_t> next{0};
  pool.run([&](int t) {
    for (size_t i; (i = next++) < b.parts.size();) workers[t]->train(b.parts[i].bundles, 1.f / b.answers);
  });
  return optimiser.gather(gradients);
}

// save returns false if the weights are not finite: an update spoiled them, and
// the checkpoint before must stay. A full disk does not end the training.
bool Run::save(const std::string& path) {
  if (path.empty()) return true;
  if (hasNonFinite(model.weights, model.size)) {
    fprintf(stderr, "the weights after step %ld are not finite; the last checkpoint stays. Resume from it with lower rates.\n", optimiser.steps);
    return false;
  }
  if (!writeCheckpoint(path, model, optimiser, tokens, schedule.text() + mixture.position()))
    fprintf(stderr, "%s: checkpoint not written: %s; training goes on\n", path.c_str(), strerror(errno));
  return true;
}

void Run::report() {
  if (test.empty()) return;
  double began = now();
  Evaluation e = evaluate(test, options.evalRecords, workers, pool);
  printf("EVAL step %ld tokens %.2fM %s\n", optimiser.steps, tokens / 1e6, e.line(fieldNames, groupNames).c_str());
  windowStarted += now() - began;  // not counted as training time
}

void Run::printStep(double factor, double norm) {
  double loss = 0, t = now();
  long answers = 0, right = 0;
  for (auto& w : workers) {
    loss += w->loss;
    answers += w->answers;
    right += w->right;
    w->loss = w->answers = w->right = 0;
  }
  printf("step %ld tokens %.2fM loss %.4f accuracy %.4f rate %.4f norm %.4f epoch %.2f %.0f tok/s %.0f s\n", optimiser.steps, tokens / 1e6,
         loss / answers, double(right) / answers, factor, norm, mixture.epochs(), windowTokens / (t - windowStarted), t - started);
  windowStarted = t;
  windowTokens = 0;
}

// stopForBadGradient finds the records to blame, one by one, and says so. The
// weights are those before the step; the last checkpoint stays as it is.
int Run::stopForBadGradient(const Batch& b) {
  fprintf(stderr, "the gradient of step %ld is not finite; nothing was updated and no checkpoint written.\n", optimiser.steps + 1);
  fprintf(stderr, "Resume from the last checkpoint with a lower -matrix-rate, or start the decay there with -decay-tokens.\n");
  for (const Part& p : b.parts)
    for (const Bundle* bundle : p.bundles) {
      memset(gradients[0], 0, sizeof(float) * model.size);
      workers[0]->train({bundle}, 1e-3f);
      if (!hasNonFinite(gradients[0], model.size)) continue;
      for (const Record* r : bundle->records) fprintf(stderr, "  a record of %d tokens, prompt %d, group %d\n", r->length, r->promptLength, r->group);
    }
  if (hasNonFinite(model.weights, model.size)) fprintf(stderr, "  the weights themselves are not finite\n");
  return 4;
}

int Run::train() {
  double lastSave = now(), speed = 0;
  int64_t nextEval = tokens + options.evalTokens;
  bool savedConstant = schedule.decaying(tokens);
  report();
  started = windowStarted = now();
  while (!schedule.finished(tokens, now() - started)) {
    double elapsed = now() - started;
    if (schedule.hurry(tokens, elapsed, speed))
      printf("time is running out at %.2fM tokens: the decay was to start at %.2fM and to end at %.2fM\n", tokens / 1e6,
             (schedule.total - schedule.decay) / 1e6, schedule.total / 1e6);
    if (schedule.decaying(tokens) && !savedConstant && !options.out.empty() && !save(options.out + ".constant")) return 4;
    savedConstant = savedConstant || schedule.decaying(tokens);
    Batch batch = mixture.next(options.batchTokens, pool.size());
    double norm = computeGradient(batch);
    if (norm < 0) return stopForBadGradient(batch);
    double factor = schedule.factor(tokens + batch.rows / 2, elapsed);
    optimiser.step(gradients[0], factor);
    tokens += batch.rows;
    windowTokens += batch.rows;
    speed = (tokens - startTokens) / (now() - started);
    bool last = schedule.finished(tokens, now() - started) || interrupted || optimiser.steps == options.stopAtStep;
    bool evaluating = tokens >= nextEval && !last;
    if (optimiser.steps % options.logSteps == 0 || last || evaluating) printStep(factor, norm);
    if (evaluating) {
      report();
      nextEval = tokens + options.evalTokens;
    }
    if (last || now() - lastSave > options.saveMinutes * 60) {
      if (!save(options.out)) return 4;
      lastSave = now();
    }
    if (interrupted) {
      printf("stopped by a signal; continue with -resume %s\n", options.out.c_str());
      return 3;
    }
    if (optimiser.steps == options.stopAtStep) return 0;
  }
  report();
  return 0;
}

// dumpGradient writes the gradient of the first records, for the checks.
int Run::dumpGradient() {
  const std::vector<Record>& all = mixture.sources[0].records;
  size_t n = std::min(all.size(), (size_t)options.gradientRecords);
  std::vector<Record> first(all.begin(), all.begin() + n);
  std::vector<Bundle> bundles = bundle(first);
  if (options.gradientApart) {
    bundles.clear();
    for (const Record& r : first) bundles.push_back({{&r}, 0});
  }
  Batch batch;
  for (const Bundle& b : bundles) {
    batch.parts.push_back({{&b}, b.rows()});
    batch.answers += b.answers();
  }
  double norm = computeGradient(batch), loss = 0;
  for (auto& w : workers) loss += w->loss;
  printf("loss %.6f norm %.6f answers %ld\n", loss / batch.answers, norm, batch.answers);
  if (writeWeights(options.gradientOut, model, gradients[0])) return 0;
  perror(options.gradientOut.c_str());
  return 2;
}

}  // namespace starter

int main(int argc, char** argv) {
  using namespace starter;
  setvbuf(stdout, nullptr, _IOLBF, 0);
  Options options(argc, argv);
  Header header = readHeader(options.start());
  Model model(header.shape);
  readWeights(options.start(), model);
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  Run run(options, model);
  if (!options.gradientOut.empty()) return run.dumpGradient();
  if (!options.resume.empty()) run.resume();
  printf("%.3f M weights, %d layers, width %d, %d hidden units; %d threads\n", model.size / 1e6, header.shape.layers, header.shape.width,
         header.shape.ffn, options.threads);
  if (options.evaluateOnly) {
    run.report();
    return 0;
  }
  return run.train();
}
