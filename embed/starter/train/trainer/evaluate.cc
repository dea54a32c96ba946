#include "evaluate.h"

#include <atomic>
#include <cstdio>
#include <fstream>

namespace starter {

static void add(std::map<int, Count>& to, const std::map<int, Count>& from) {
  for (auto& [key, c] : from) {
    to[key].n += c.n;
    to[key].right += c.right;
  }
}

// score adds a record that the worker has just evaluated.
static void score(const Record& r, const Worker& w, Evaluation& e) {
  bool all = true;
  for (const Span& span : r.spans) {
    bool right = true;
    for (int i = span.start; i < span.end; i++) right &= w.correct[i - r.promptLength] != 0;
    Count& c = e.fields[span.field];
    c.n++;
    c.right += right;
    all &= right;
  }
  if (r.spans.empty())
    for (char c : w.correct) all &= c != 0;
  Count& g = e.groups[r.group];
  g.n++;
  g.right += all;
}

Evaluation evaluate(const std::vector<Record>& records, size_t most, std::vector<std::unique_ptr<Worker>>& workers, Pool& pool) {
  size_t n = most && most < records.size() ? most : records.size();
  std::vector<Evaluation> parts(workers.size());
  std::atomic<size_t> next{0};
  pool.run([&](int t) {
    for (size_t i; (i = next++) < n;) {
      const Record& r = records[i * records.size() / n];
      workers[t]->evaluate(r);
      score(r, *workers[t], parts[t]);
    }
  });
  Evaluation all;
  for (size_t t = 0; t < workers.size(); t++) {
    Worker& w = *workers[t];
    all.loss += w.loss;
    all.tokens.n += w.answers;
    all.tokens.right += w.right;
    w.loss = w.answers = w.right = 0;
    add(all.fields, parts[t].fields);
    add(all.groups, parts[t].groups);
  }
  if (all.tokens.n) all.loss /= all.tokens.n;
  for (auto& [field, c] : all.fields) {
    all.spans.n += c.n;
    all.spans.right += c.right;
  }
  return all;
}

static std::string list(const std::map<int, Count>& counts, const std::vector<std::string>& names) {
  std::string out;
  char text[160];
  for (auto& [key, c] : counts) {
    std::string name = key < (int)names.size() ? names[key] : std::to_string(key);
    snprintf(text, sizeof text, " %s=%.3f(%ld)", name.c_str(), c.share(), c.n);
    out += text;
  }
  return out;
}

std::string Evaluation::line(const std::vector<std::string>& fieldNames, const std::vector<std::string>& groupNames) const {
  char head[200];
  snprintf(head, sizeof head, "loss %.6f token accuracy %.4f fields exact %.4f of %ld | records", loss, tokens.share(), spans.share(), spans.n);
  return head + list(groups, groupNames) + " | fields" + list(fields, fieldNames);
}

std::vector<std::string> readNames(const std::string& path) {
  std::vector<std::string> names;
  if (path.empty()) return names;
  std::ifstream in(path);
  if (!in) {
    perror(path.c_str());
    exit(2);
  }
  for (std::string line; std::getline(in, line);) names.push_back(line);
  return names;
}

}  // namespace starter
