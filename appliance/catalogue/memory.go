package catalogue

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
	"strings"

	"skerry/plugins/local/gguf"
)

// Memory is an estimate of what a model needs while it runs, in bytes. It is
// made to be rather too high than too low: sliding windows and shared layers,
// which save cache, are not looked for.
type Memory struct {
	Weights int64 `json:"weights"`
	Cache   int64 `json:"cache"` // keys and values of all calls at once
	Work    int64 `json:"work"`  // intermediate results, tokenizer and process
}

// Total returns the sum.
func (m Memory) Total() int64 { return add(m.Weights, add(m.Cache, m.Work)) }

// Constants of the estimate. Cache and batch are those of the local runner.
const (
	batch      = 128 // tokens in one forward pass (flag -batch of the runner)
	floatBytes = 4   // of an intermediate number

	// What the runner takes whatever it serves: its code, Go's heap and the
	// buffers of the connection. Measured 17 MiB at rest and 70 MiB more than
	// weights, cache and scores while it reads a document of 3,800 tokens.
	processBytes = 96 << 20

	// An image of the greatest size while it is decoded (package picture).
	imageBytes = 250 << 20

	// Of one token in two tokenizers: text, table entries and merge. Measured
	// 0.14 KiB on a vocabulary of 150,000 short made-up words.
	tokenBytes = 512
)

// Kinds of numbers in the key-value cache of the runner (its flag -cache-type).
const (
	CacheF16 = "f16"
	CacheQ80 = "q8_0" // blocks of 32 numbers of 8 bits with a scale of 16
)

// cacheBytes returns the bytes of n numbers in a cache of that kind.
func cacheBytes(kind string, n int64) int64 {
	if kind == CacheQ80 {
		return add(n, n/16)
	}
	return multiply(2, n)
}

// CacheTokens returns how many tokens the key-value cache of the model should
// hold: a whole context for each of parallel calls, as far as mostBytes go, and
// one context in any case. Calls that do not fit beside each other wait.
func (c Card) CacheTokens(kind string, contextTokens, parallel int, mostBytes int64) int {
	if !c.Generates() {
		return contextTokens
	}
	all := multiply(int64(contextTokens), int64(parallel))
	if each := cacheBytes(kind, c.Shape.CacheWidth); each > 0 {
		all = min(all, mostBytes/each)
	}
	return int(max(all, int64(contextTokens)))
}

// Estimate returns the memory with a key-value cache of a kind and of
// cacheTokens, which are those of all calls at once.
//
// The cache holds keys and values of every layer for every token. The largest
// intermediate results are the attention scores (heads × context × batch),
// present three times as product, masked and normalised, and the feed-forward
// layer, present three times as gate, up and their product; both are freed
// before the other is made, but the allocator does not always reuse the space.
//
// A model that makes vectors keeps no cache; its cacheTokens are those of the
// longest text, which is one pass.
func (c Card) Estimate(kind string, cacheTokens int) Memory {
	s, n := c.Shape, int64(cacheTokens)
	pass := int64(batch)
	if !c.Generates() {
		pass = n
	}
	scores := multiply(3*floatBytes, multiply(pass, multiply(s.Heads, n)))
	between := multiply(3*floatBytes, multiply(pass, max(s.FeedForward, multiply(4, s.Width))))
	if p := s.VisionPatches; p > 0 {
		// The tower compares each patch with each, between two passes over tokens.
		scores = max(scores, multiply(3*floatBytes, multiply(s.VisionHeads, multiply(p, p))))
		scores = add(scores, imageBytes)
	}
	logits := multiply(2*floatBytes, int64(c.Vocabulary))
	return Memory{
		Weights: s.WeightBytes,
		Cache:   cacheBytes(kind, multiply(s.CacheWidth, n)),
		Work:    add(processBytes, add(multiply(tokenBytes, int64(c.Vocabulary)), add(scores, add(between, logits)))),
	}
}

// shape reads what the estimate needs. Missing numbers are taken for what the
// engine takes them for.
func shape(f *gguf.File) Shape {
	number := func(key string) int64 {
		v := f.Values[f.Architecture+"."+key]
		return int64(min(v.Uint, math.MaxInt64))
	}
	s := Shape{Layers: number("block_count"), Width: number("embedding_length"), FeedForward: number("feed_forward_length"), Heads: number("attention.head_count")}
	tied := true
	for _, t := range f.Tensors {
		s.WeightBytes = add(s.WeightBytes, int64(t.Size))
		tied = tied && t.Name != "output.weight"
	}
	if tied { // the engine holds the embeddings a second time, as output
		for _, t := range f.Tensors {
			if t.Name == "token_embd.weight" {
				s.WeightBytes = add(s.WeightBytes, int64(t.Size))
			}
		}
	}
	if v := f.Values[f.Architecture+".attention.head_count"]; v.Array {
		for _, n := range v.Ints {
			s.Heads = max(s.Heads, int64(n))
		}
	}
	head := int64(0)
	if s.Heads > 0 {
		head = s.Width / s.Heads
	}
	perHead := add(orElse(number("attention.key_length"), head), orElse(number("attention.value_length"), head))
	heads := multiply(orElse(number("attention.head_count_kv"), s.Heads), s.Layers)
	if v := f.Values[f.Architecture+".attention.head_count_kv"]; v.Array {
		heads = 0
		for _, n := range v.Ints {
			heads = add(heads, max(int64(n), 0))
		}
	}
	if !f.Encoder() { // which keeps nothing from one text to the next
		s.CacheWidth = multiply(heads, perHead)
	}
	return s
}

func orElse(n, otherwise int64) int64 {
	if n == 0 {
		return otherwise
	}
	return n
}

// multiply and add stop at the largest number instead of wrapping around: a
// hostile file must not make itself small. They take no negative numbers.
func multiply(a, b int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi != 0 || lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(lo)
}

func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// Available returns how much memory the host could give to a new process now
// without swapping (MemAvailable of proc(5)), 0 if it does not say.
func Available() int64 { return meminfo("MemAvailable") }

// Installed returns the memory of the host in bytes, 0 if it does not say.
func Installed() int64 { return meminfo("MemTotal") }

func meminfo(name string) int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	return readMeminfo(f, name)
}

func readMeminfo(r io.Reader, name string) int64 {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), name+":"); ok {
			var kib int64
			if _, err := fmt.Sscanf(rest, "%d kB", &kib); err == nil {
				return multiply(max(kib, 0), 1<<10)
			}
		}
	}
	return 0
}

// Bytes writes a size for people, in binary units with three digits.
func Bytes(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	v, u := float64(n), 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	switch {
	case u == 0:
		return fmt.Sprintf("%d bytes", n)
	case n == math.MaxInt64:
		return "more than any host has"
	case v < 10:
		return fmt.Sprintf("%.2f %s", v, units[u])
	case v < 100:
		return fmt.Sprintf("%.1f %s", v, units[u])
	}
	return fmt.Sprintf("%.0f %s", v, units[u])
}
