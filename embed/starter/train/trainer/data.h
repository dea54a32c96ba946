// Training records and the order in which they are used. The order depends on
// nothing but the seed, so that a run can be repeated and resumed.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "model.h"

namespace starter {

// Span is where the value of a field lies in the answer: tokens start to end-1.
struct Span {
  uint16_t field, start, end;
};

// Record is a prompt of promptLength tokens and the answer behind it.
struct Record {
  const uint16_t* tokens;
  int length, promptLength, group;
  std::vector<Span> spans;
};

// Bundle is a group of records that begin with the same tokens: questions about
// one document. The beginning is computed once, and every record's own part
// attends to it and to itself alone, so that the result is that of the records
// one by one. A record by itself is a bundle that shares nothing.
struct Bundle {
  std::vector<const Record*> records;
  int shared = 0;  // tokens at the beginning, all of them within every prompt
  // rows is the number of tokens that are fed.
  int rows() const {
    int n = shared;
    for (const Record* r : records) n += r->length - 1 - shared;
    return n;
  }
  int answers() const {
    int n = 0;
    for (const Record* r : records) n += r->length - r->promptLength;
    return n;
  }
};

// readRecords maps a file of records: little-endian uint16 n, prompt length,
// group, spans, spans × (field, start, end), n tokens. It ends the program with
// a message that names the record if one is impossible.
std::vector<Record> readRecords(const std::string& path, int vocab);

constexpr int leastShared = 64;  // tokens; less is not worth a bundle

// bundle joins neighbouring records that begin alike, as long as the whole is
// no longer than a sequence may be.
std::vector<Bundle> bundle(const std::vector<Record>& records);

// Part is what one worker computes at a time: bundles side by side, no padding.
struct Part {
  std::vector<const Bundle*> bundles;
  int rows = 0;  // tokens that are fed: the last of a record is only predicted
};

struct Batch {
  std::vector<Part> parts;
  long rows = 0, answers = 0;  // tokens fed, tokens with a loss
};

constexpr int partRows = maxSequence;  // most rows of a part

// Source is a file of records, its bundles shuffled anew for every epoch.
class Source {
 public:
  Source(const std::string& path, double weight, uint64_t seed, int vocab);
  const Bundle& peek();
  void advance();
  void seek(long epoch, size_t cursor, long rows);

  std::string path;
  double weight;
  std::vector<Record> records;
  std::vector<Bundle> bundles;
  long epoch = 0;     // complete passes so far
  size_t cursor = 0;  // bundles used in this pass
  long rows = 0;      // tokens fed so far

 private:
  void shuffle();
  uint64_t seed_;
  std::vector<uint32_t> order_;
};

// Mixture takes records from several sources so that the tokens taken stay in
// the proportion of their weights.
class Mixture {
 public:
  // add takes "PATH" or "PATH:WEIGHT".
  void add(const std::string& argument, uint64_t seed, int vocab);
  // next returns about `rows` rows in whole parts, where possible a multiple of
  // `threads` of them, so that no thread waits for another's last part.
  Batch next(long rows, int threads);
  // position and restore carry where every source stands through a checkpoint.
  // restore returns false, and starts from the beginning, if the sources are
  // not the ones of the checkpoint.
  std::string position() const;
  bool restore(const std::string& text);
  double epochs() const;  // of the source that was repeated most

  std::vector<Source> sources;

 private:
  Source& choose();
};

}  // namespace starter
