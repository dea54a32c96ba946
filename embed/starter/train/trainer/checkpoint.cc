#include "checkpoint.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace starter {

constexpr int headerBytes = 128;
constexpr char magic[] = "SKT2";
constexpr int version = 1;

[[noreturn]] static void refuse(const std::string& path, const char* why) {
  fprintf(stderr, "%s: %s\n", path.c_str(), why);
  exit(2);
}

static Header parse(const std::string& path, FILE* f) {
  char raw[headerBytes];
  if (fread(raw, 1, headerBytes, f) != headerBytes || memcmp(raw, magic, 4) != 0)
    refuse(path, "no checkpoint; make one with `checkpoint from-gguf` or `checkpoint fresh`");
  auto word = [&](int at) {
    int32_t v;
    memcpy(&v, raw + at, 4);
    return v;
  };
  auto wide = [&](int at) {
    int64_t v;
    memcpy(&v, raw + at, 8);
    return v;
  };
  if (word(4) != version) refuse(path, "a checkpoint of another version; make it again");
  Header h;
  h.shape = {word(8), word(12), word(16), word(20), word(24), word(28), word(32)};
  if (word(36) != headWidth) refuse(path, "only heads of width 64 can be trained");
  if (const char* why = h.shape.problem()) refuse(path, why);
  h.hasState = word(40) == 1;
  h.steps = wide(64);
  h.tokens = wide(72);
  h.weights = wide(80);
  h.textBytes = wide(88);
  return h;
}

static FILE* openOrEnd(const std::string& path) {
  FILE* f = fopen(path.c_str(), "rb");
  if (f == nullptr) {
    perror(path.c_str());
    exit(2);
  }
  return f;
}

Header readHeader(const std::string& path) {
  FILE* f = openOrEnd(path);
  Header h = parse(path, f);
  fclose(f);
  return h;
}

static void readNumbers(const std::string& path, FILE* f, float* to, long n) {
  if (fread(to, sizeof(float), n, f) != (size_t)n) refuse(path, "cut off");
  if (hasNonFinite(to, n)) refuse(path, "holds infinite numbers; take an older checkpoint");
}

void readWeights(const std::string& path, Model& m) {
  FILE* f = openOrEnd(path);
  Header h = parse(path, f);
  if (h.weights != m.size) refuse(path, "another number of weights than its shape has");
  readNumbers(path, f, m.weights, m.size);
  fclose(f);
  m.repackAll();
}

std::string readState(const std::string& path, const Model& m, Optimiser& o) {
  FILE* f = openOrEnd(path);
  Header h = parse(path, f);
  if (!h.hasState) refuse(path, "has weights only; start from it with -init");
  fseek(f, headerBytes + (long)sizeof(float) * m.size, SEEK_SET);
  readNumbers(path, f, o.first, m.size);
  readNumbers(path, f, o.second, m.size);
  if (h.textBytes < 0 || h.textBytes > 1 << 20) refuse(path, "an impossible length");
  std::string text(h.textBytes, 0);
  if (fread(&text[0], 1, text.size(), f) != text.size()) refuse(path, "cut off");
  fclose(f);
  o.steps = h.steps;
  return text;
}

static bool write(const std::string& path, const Model& m, const float* weights, const Optimiser* o, int64_t tokens, const std::string& text) {
  const Shape& s = m.shape;
  char raw[headerBytes] = {};
  int32_t words[] = {version, s.vocab, s.width, s.layers, s.heads, s.kvHeads, s.ffn, s.ropeBase, headWidth, o != nullptr};
  int64_t wides[] = {o ? o->steps : 0, tokens, m.size, (int64_t)text.size()};
  memcpy(raw, magic, 4);
  memcpy(raw + 4, words, sizeof words);
  memcpy(raw + 64, wides, sizeof wides);
  std::string temporary = path + ".tmp";
  FILE* f = fopen(temporary.c_str(), "wb");
  if (f == nullptr) return false;
  size_t n = m.size;
  bool ok = fwrite(raw, 1, headerBytes, f) == headerBytes && fwrite(weights, sizeof(float), n, f) == n;
  if (o != nullptr)
    ok = ok && fwrite(o->first, sizeof(float), n, f) == n && fwrite(o->second, sizeof(float), n, f) == n &&
         fwrite(text.data(), 1, text.size(), f) == text.size();
  ok = ok && fflush(f) == 0 && fsync(fileno(f)) == 0;
  ok = (fclose(f) == 0) && ok;
  if (ok && rename(temporary.c_str(), path.c_str()) == 0) return true;
  int why = errno;
  unlink(temporary.c_str());
  errno = why;
  return false;
}

bool writeCheckpoint(const std::string& path, const Model& m, const Optimiser& o, int64_t tokens, const std::string& text) {
  return write(path, m, m.weights, &o, tokens, text);
}

bool writeWeights(const std::string& path, const Model& m, const float* values) { return write(path, m, values, nullptr, 0, ""); }

}  // namespace starter
