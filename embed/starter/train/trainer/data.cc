#include "data.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <sstream>

namespace starter {

[[noreturn]] static void refuse(const std::string& path, size_t record, const char* why) {
  fprintf(stderr, "%s: record %zu: %s; make the file again\n", path.c_str(), record, why);
  exit(2);
}

std::vector<Record> readRecords(const std::string& path, int vocab) {
  int fd = open(path.c_str(), O_RDONLY);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) < 0) {
    perror(path.c_str());
    exit(2);
  }
  std::vector<Record> records;
  if (st.st_size == 0) refuse(path, 0, "the file is empty");
  void* mapped = mmap(nullptr, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);  // stays for the life of the process
  close(fd);
  if (mapped == MAP_FAILED) {
    perror(path.c_str());
    exit(2);
  }
  const uint16_t *p = (const uint16_t*)mapped, *end = p + st.st_size / 2;
  while (p < end) {
    size_t n = records.size();
    if (end - p < 4) refuse(path, n, "cut off");
    Record r{nullptr, p[0], p[1], p[2], {}};
    int spans = p[3];
    p += 4;
    if (end - p < 3L * spans + r.length) refuse(path, n, "cut off");
    if (r.length > maxSequence) refuse(path, n, "longer than the longest sequence");
    if (r.promptLength < 1 || r.promptLength >= r.length) refuse(path, n, "no prompt or no answer");
    for (int i = 0; i < spans; i++, p += 3) {
      if (p[1] < r.promptLength || p[1] > p[2] || p[2] > r.length) refuse(path, n, "a span outside the answer");
      r.spans.push_back({p[0], p[1], p[2]});
    }
    r.tokens = p;
    for (int i = 0; i < r.length; i++)
      if (p[i] >= vocab) refuse(path, n, "a token outside the vocabulary");
    p += r.length;
    records.push_back(std::move(r));
  }
  return records;
}

std::vector<Bundle> bundle(const std::vector<Record>& records) {
  std::vector<Bundle> all;
  for (const Record& r : records) {
    if (!all.empty()) {
      Bundle& b = all.back();
      const Record& first = *b.records[0];
      int limit = std::min({b.records.size() > 1 ? b.shared : first.promptLength - 1, r.promptLength - 1}), same = 0;
      while (same < limit && r.tokens[same] == first.tokens[same]) same++;
      Bundle more = b;
      more.records.push_back(&r);
      more.shared = same;
      if (same >= leastShared && more.rows() <= maxSequence) {
        // A record that shares less with the others than they do among
        // themselves would cost them more than it saves.
        int alone = r.length - 1;
        if (more.rows() < b.rows() + alone) {
          b = more;
          continue;
        }
      }
    }
    all.push_back({{&r}, 0});
  }
  return all;
}

// mix is the output function of splitmix64 (Steele, Lea and Flood 2014). The
// order of records must not depend on a standard library's shuffle.
static uint64_t mix(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

Source::Source(const std::string& path, double weight, uint64_t seed, int vocab)
    : path(path), weight(weight), records(readRecords(path, vocab)), bundles(bundle(records)), seed_(seed) {
  shuffle();
}

void Source::shuffle() {
  uint64_t state = seed_ + 0x100000001b3u * (uint64_t)epoch;
  mix(state);
  order_.resize(bundles.size());
  for (size_t i = 0; i < order_.size(); i++) order_[i] = i;
  for (size_t i = order_.size(); i > 1; i--) std::swap(order_[i - 1], order_[mix(state) % i]);
}

const Bundle& Source::peek() {
  if (cursor >= order_.size()) {
    cursor = 0;
    epoch++;
    shuffle();
  }
  return bundles[order_[cursor]];
}

void Source::advance() {
  rows += peek().rows();
  cursor++;
}

void Source::seek(long e, size_t c, long r) {
  epoch = e;
  cursor = c;
  rows = r;
  shuffle();
}

void Mixture::add(const std::string& argument, uint64_t seed, int vocab) {
  std::string path = argument;
  double weight = 1;
  size_t colon = argument.rfind(':');
  if (colon != std::string::npos) {
    char* end;
    weight = strtod(argument.c_str() + colon + 1, &end);
    if (*end != 0 || !(weight > 0)) {
      fprintf(stderr, "%s: the weight behind the colon is not a number above 0\n", argument.c_str());
      exit(2);
    }
    path = argument.substr(0, colon);
  }
  sources.emplace_back(path, weight, seed + 7919 * sources.size(), vocab);
}

Source& Mixture::choose() {
  size_t best = 0;
  for (size_t i = 1; i < sources.size(); i++)
    if (sources[i].rows / sources[i].weight < sources[best].rows / sources[best].weight) best = i;
  return sources[best];
}

Batch Mixture::next(long rows, int threads) {
  Batch batch;
  Part part;
  while (batch.rows < rows) {
    Source& source = choose();
    const Bundle& b = source.peek();
    int n = b.rows();
    if (part.rows + n > partRows) {
      batch.parts.push_back(std::move(part));
      part = Part();
      if (batch.rows >= rows - partRows / 4 && batch.parts.size() % threads == 0) break;
    }
    part.bundles.push_back(&b);
    part.rows += n;
    batch.rows += n;
    batch.answers += b.answers();
    source.advance();
  }
  if (!part.bundles.empty()) batch.parts.push_back(std::move(part));
  return batch;
}

std::string Mixture::position() const {
  std::ostringstream out;
  for (const Source& s : sources) out << "source " << s.bundles.size() << ' ' << s.epoch << ' ' << s.cursor << ' ' << s.rows << '\n';
  return out.str();
}

bool Mixture::restore(const std::string& text) {
  std::istringstream in(text);
  std::string line;
  struct Position {
    size_t bundles, cursor;
    long epoch, rows;
  };
  std::vector<Position> saved;
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string key;
    Position p;
    if (fields >> key && key == "source" && fields >> p.bundles >> p.epoch >> p.cursor >> p.rows) saved.push_back(p);
  }
  if (saved.size() != sources.size()) return false;
  for (size_t i = 0; i < saved.size(); i++)
    if (saved[i].bundles != sources[i].bundles.size()) return false;
  for (size_t i = 0; i < saved.size(); i++) sources[i].seek(saved[i].epoch, saved[i].cursor, saved[i].rows);
  return true;
}

double Mixture::epochs() const {
  double most = 0;
  for (const Source& s : sources) most = std::max(most, s.epoch + (double)s.cursor / s.bundles.size());
  return most;
}

}  // namespace starter
