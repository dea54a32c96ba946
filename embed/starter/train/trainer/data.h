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

// readRecords maps a file of records: little-endian uint16 n, prompt length,
// group, spans, spans × (field, start, end), n tokens. It ends the program with
// a message that names the record if one is impossible.
std::vector<Record> readRecords(const std::string& path, int vocab);

// Part is what one worker computes at a time: records side by side, no padding.
struct Part {
  std::vector<const Record*> records;
  int rows = 0;  // tokens that are fed: the last of a record is only predicted
};

struct Batch {
  std::vector<Part> parts;
  long rows = 0, answers = 0;  // tokens fed, tokens with a loss
};

constexpr int partRows = maxSequence;  // most rows of a part

// Source is a file of records, shuffled anew for every epoch.
class Source {
 public:
  Source(const std::string& path, double weight, uint64_t seed, int vocab);
  const Record& peek();
  void advance();
  void seek(long epoch, size_t cursor, long rows);

  std::string path;
  double weight;
  std::vector<Record> records;
  long epoch = 0;     // complete passes so far
  size_t cursor = 0;  // records used in this pass
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
