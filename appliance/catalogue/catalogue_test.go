package catalogue

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"skerry/plugins/local/gguf/gguftest"
)

func inspected(b []byte, template string) (Card, error) {
	return Inspect(bytes.NewReader(b), int64(len(b)), template)
}

func TestInspect(t *testing.T) {
	c, err := inspected(gguftest.Tiny().Bytes(), "")
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "tiny" || c.Architecture != "qwen3" || c.Quantisation != "F32" || c.Template != "chatml" || c.ContextTokens != 512 || c.Vocabulary != 261 {
		t.Errorf("got %+v", c)
	}
	// Two layers of one key-value head of 32, keys and values.
	if want := (Shape{WeightBytes: 4*c.Parameters + 4*64*261, Layers: 2, Width: 64, FeedForward: 128, Heads: 2, CacheWidth: 2 * 1 * (32 + 32)}); c.Shape != want {
		t.Errorf("shape %+v, want %+v", c.Shape, want)
	}
}

// TestInspectKnowsEncoders: what makes vectors has no chat template, keeps no
// cache, and reads a text in one pass.
func TestInspectKnowsEncoders(t *testing.T) {
	for _, arch := range []string{"bert", "nomic-bert"} {
		m := gguftest.TinyOf(arch)
		c, err := inspected(m.Bytes(), "")
		if err != nil {
			t.Fatal(err)
		}
		if c.Generates() || c.Embeddings != 64 || c.Template != "" || c.Shape.CacheWidth != 0 || c.ContextTokens != 512 {
			t.Errorf("%s: %+v", arch, c)
		}
		if n := c.CacheTokens(CacheF16, 512, 4, 1<<40); n != 512 {
			t.Errorf("%s: %d tokens at once", arch, n)
		}
		if e := c.Estimate(CacheF16, 512); e.Cache != 0 || e.Work < processBytes+3*4*512*2*512 {
			t.Errorf("%s: %+v", arch, e)
		}
		if _, err := inspected(m.Bytes(), "chatml"); err == nil || !strings.Contains(err.Error(), "no chat template; leave it out (--template)") {
			t.Errorf("%s with a chat template: %v", arch, err)
		}
	}
	if c, err := inspected(gguftest.TinyOf("llama").Bytes(), ""); err != nil || !c.Generates() || c.Embeddings != 0 {
		t.Errorf("a model that generates: %+v, %v", c, err)
	}
}

func TestInspectRefuses(t *testing.T) {
	tiny := gguftest.Tiny()
	whole := tiny.Bytes()
	with := func(change func(*gguftest.Model)) []byte {
		m := gguftest.Tiny()
		change(&m)
		return m.Bytes()
	}
	for _, row := range []struct {
		name     string
		file     []byte
		template string
		want     []string
	}{
		{"nothing", nil, "", []string{"not a GGUF file"}},
		{"a text", []byte("hello, I am a model"), "", []string{"not a GGUF file"}},
		{"Safetensors", append([]byte{80, 0, 0, 0, 0, 0, 0, 0}, `{"__metadata__":{}}`...), "", []string{"Safetensors", "convert_hf_to_gguf.py"}},
		{"a PyTorch checkpoint", []byte("PK\x03\x04 archive/data.pkl"), "", []string{"PyTorch", "never opened"}},
		{"a pointer of Git LFS", []byte("version https://git-lfs.github.com/spec/v1\n"), "", []string{"git lfs pull"}},
		{"a web page", []byte("<!doctype html><title>404"), "", []string{"web page"}},
		{"a file that is cut off", whole[:len(whole)-100], "", []string{"cut off", "get the file again"}},
		{"a part of a split model", with(func(m *gguftest.Model) { m.Extra = map[string]uint32{"split.count": 3, "split.no": 1} }), "", []string{"part 2 of a model in 3 parts", "all parts together"}},
		{"an unknown chat template", with(func(m *gguftest.Model) { m.Template = "{% for i in range(9**9) %}x{% endfor %}" }), "", []string{"templates from model files are not run", "chatml", "--template"}},
		{"a template whose tokens are missing", whole, "llama3", []string{"needs the control token"}},
		{"a template that does not exist", whole, "vicuna", []string{`no chat template named "vicuna"`}},
	} {
		_, err := inspected(row.file, row.template)
		for _, want := range row.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", row.name, err, want)
			}
		}
	}
	if _, err := inspected(with(func(m *gguftest.Model) { m.Template = "something else" }), "chatml"); err != nil {
		t.Errorf("a template that the caller names: %v", err)
	}
}

// TestInspectSeesTheHead: a file whose weights are still on their way is
// judged by its head.
func TestInspectSeesTheHead(t *testing.T) {
	whole := gguftest.Tiny().Bytes()
	head := whole[:len(whole)-(300<<10)]
	if _, err := Inspect(bytes.NewReader(head), int64(len(whole)), ""); err != nil {
		t.Error(err)
	}
	if _, err := Inspect(bytes.NewReader(head), int64(len(head)), ""); err == nil {
		t.Error("a file that is cut off was accepted")
	}
}

func TestVerdict(t *testing.T) {
	var refused *RefusedError
	if _, err := Verdict([]byte(`{"problem":"it is damaged"}`)); !errors.As(err, &refused) || refused.Why != "it is damaged" {
		t.Errorf("got %v", err)
	}
	if c, err := Verdict([]byte(`{"card":{"architecture":"llama"}}`)); err != nil || c.Architecture != "llama" {
		t.Errorf("got %+v, %v", c, err)
	}
	for _, out := range []string{"", "{}", `{"card":`, "panic: x"} {
		if _, err := Verdict([]byte(out)); err == nil {
			t.Errorf("%q was taken for a card", out)
		}
	}
}

func TestEstimate(t *testing.T) {
	// Llama 3.1 8B at Q4_K_M: 32 layers, 8 of 32 heads for keys and values, 128
	// wide. Its cache is 128 KiB a token, which llama.cpp reports as 1024 MiB
	// at 8192 tokens.
	c := Card{Template: "llama3", Vocabulary: 128256, Shape: Shape{WeightBytes: 4_920_000_000, Layers: 32, Width: 4096, FeedForward: 14336, Heads: 32, CacheWidth: 32 * 8 * (128 + 128)}}
	m := c.Estimate(CacheF16, 8192)
	if m.Cache != 1<<30 || m.Weights != 4_920_000_000 || m.Work < 300<<20 || m.Work > 1<<30 {
		t.Errorf("got %+v", m)
	}
	if q := c.Estimate(CacheQ80, 8192); q.Cache != m.Cache/64*34 || q.Work != m.Work {
		t.Errorf("with numbers of 8 bits %+v, with 16 %+v", q, m)
	}
	if half := c.Estimate(CacheF16, 4096); half.Cache != m.Cache/2 || half.Total() >= m.Total() {
		t.Errorf("half the context: %+v", half)
	}
	for _, row := range []struct {
		context, parallel int
		bytes             int64
		want              int
	}{{1024, 4, 1 << 30, 4096}, {8192, 4, 1 << 30, 8192}, {4096, 4, 1 << 30, 8192}, {32768, 4, 1 << 30, 32768}, {1024, 1, 0, 1024}} {
		if got := c.CacheTokens(CacheF16, row.context, row.parallel, row.bytes); got != row.want {
			t.Errorf("%+v: a cache of %d tokens", row, got)
		}
	}
	if got := (Card{Template: "chatml"}).CacheTokens(CacheF16, 512, 4, 0); got != 2048 {
		t.Errorf("a model of unknown shape gets a cache of %d tokens", got)
	}
}

// TestEstimateDoesNotWrap: numbers beyond reason make a model large, never
// small.
func TestEstimateDoesNotWrap(t *testing.T) {
	for _, s := range []Shape{
		{WeightBytes: math.MaxInt64}, {Heads: math.MaxUint32, CacheWidth: math.MaxInt64}, {FeedForward: math.MaxUint32, Width: math.MaxInt64},
		{CacheWidth: 1 << 40, Layers: 1024},
	} {
		if got := (Card{Template: "chatml", Shape: s, Vocabulary: 1 << 21}).Estimate(CacheF16, 1<<28).Total(); got < 1<<40 {
			t.Errorf("%+v is estimated at %s", s, Bytes(got))
		}
	}
	b := gguftest.Tiny()
	b.Heads = math.MaxUint32
	b.Extra = map[string]uint32{"qwen3.attention.head_count_kv": math.MaxUint32, "qwen3.attention.key_length": math.MaxUint32, "qwen3.context_length": 1 << 28}
	c, err := inspected(b.Bytes(), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Estimate(CacheF16, 8192); got.Cache != math.MaxInt64 || got.Total() != math.MaxInt64 {
		t.Errorf("got %+v", got)
	}
}

func TestReadMeminfo(t *testing.T) {
	const text = "MemTotal:       24601500 kB\nMemFree:          123 kB\nMemAvailable:   23601500 kB\n"
	for name, want := range map[string]int64{"MemTotal": 24601500 << 10, "MemAvailable": 23601500 << 10, "SwapTotal": 0} {
		if got := readMeminfo(strings.NewReader(text), name); got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
	if Available() <= 0 || Installed() < Available() {
		t.Errorf("this host: %d of %d bytes are available", Available(), Installed())
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1024: "1.00 KiB", 5_651_232: "5.39 MiB", 4_920_000_000: "4.58 GiB", 200 << 30: "200 GiB", math.MaxInt64: "more than any host has"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func files(t *testing.T) *Files {
	t.Helper()
	f, err := OpenFiles(filepath.Join(t.TempDir(), "models"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func anything(context.Context, *os.File) error { return nil }

func names(t *testing.T, f *Files) []string {
	t.Helper()
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestKeep(t *testing.T) {
	f := files(t)
	content := []byte("weights")
	sum := sha256.Sum256(content)
	want := hex.EncodeToString(sum[:])
	for range 2 { // the second time finds it there
		got, err := f.Keep(t.Context(), Incoming{Body: bytes.NewReader(append(content, "and more"...)), Size: int64(len(content)), Digest: want, Accept: anything})
		if err != nil || got != want {
			t.Fatalf("got %s, %v; want %s", got, err, want)
		}
	}
	if list := names(t, f); !slices.Equal(list, []string{"sha256-" + want}) {
		t.Errorf("the directory holds %q", list)
	}
	info, err := os.Stat(f.Path(want))
	if err != nil || info.Mode().Perm() != 0o400 {
		t.Errorf("mode %v, %v; want read-only", info.Mode(), err)
	}
	if digests, err := f.Digests(); err != nil || !slices.Equal(digests, []string{want}) {
		t.Errorf("got %q, %v", digests, err)
	}
	if n, err := f.Size(want); n != 7 || err != nil {
		t.Errorf("size %d, %v", n, err)
	}
	for range 2 {
		if err := f.Remove(want); err != nil {
			t.Error(err)
		}
	}
	if list := names(t, f); len(list) != 0 {
		t.Errorf("after removal: %q", list)
	}
}

// TestKeepLeavesNothing: whatever goes wrong, nothing of the file stays.
func TestKeepLeavesNothing(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	broken := errors.New("the wire is cut")
	for _, row := range []struct {
		name string
		ctx  context.Context
		in   Incoming
		want error
	}{
		{"it ends early", t.Context(), Incoming{Body: strings.NewReader("abc"), Size: 4}, ErrIncomplete},
		{"it is another file", t.Context(), Incoming{Body: strings.NewReader("abcd"), Size: 4, Digest: strings.Repeat("0", 64)}, ErrOtherDigest},
		{"it breaks off", t.Context(), Incoming{Body: io.MultiReader(strings.NewReader("ab"), failing{broken}), Size: 4}, broken},
		{"nobody wants it any more", gone, Incoming{Body: strings.NewReader("abcd"), Size: 4}, context.Canceled},
		{"it is refused", t.Context(), Incoming{Body: strings.NewReader("abcd"), Size: 4, Accept: func(context.Context, *os.File) error { return broken }}, broken},
	} {
		f := files(t)
		if row.in.Accept == nil {
			row.in.Accept = anything
		}
		if _, err := f.Keep(row.ctx, row.in); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.want)
		}
		if list := names(t, f); len(list) != 0 {
			t.Errorf("%s: left %q", row.name, list)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestOpenFilesSweeps: what a killed import left is gone at the next start, what
// was kept stays.
func TestOpenFilesSweeps(t *testing.T) {
	f := files(t)
	digest, err := f.Keep(t.Context(), Incoming{Body: strings.NewReader("abc"), Size: 3, Accept: anything})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.dir, tempPrefix+"123"), make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err = OpenFiles(f.dir); err != nil {
		t.Fatal(err)
	}
	if list := names(t, f); !slices.Equal(list, []string{"sha256-" + digest}) {
		t.Errorf("the directory holds %q", list)
	}
}

// TestKeepLooksEarly: a large file is looked at when its head is there, and
// refused before the rest has come.
func TestKeepLooksEarly(t *testing.T) {
	if got := parts(10 << 30); !slices.Equal(got, []int64{headBytes, 10<<30 - headBytes}) {
		t.Errorf("parts of 10 GiB: %v", got)
	}
	if got := parts(5 << 20); !slices.Equal(got, []int64{5 << 20}) {
		t.Errorf("parts of 5 MiB: %v", got)
	}
}

// TestInspectKnowsEyes: a model whose images the runner can show says so and is
// estimated with the work on one; the same without its tower does not.
func TestInspectKnowsEyes(t *testing.T) {
	card := func(m gguftest.Model) Card {
		t.Helper()
		b := m.Bytes()
		c, err := Inspect(bytes.NewReader(b), int64(len(b)), "chatml")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	sees := gguftest.TinyOf("mistral3")
	blind := sees
	blind.Extra = map[string]uint32{"mistral3.vision.block_count": 0}
	with, without := card(sees), card(blind)
	if !with.Vision || without.Vision || card(gguftest.Tiny()).Vision {
		t.Errorf("%+v, %+v", with, without)
	}
	if a, b := with.Estimate(CacheF16, 512).Work, without.Estimate(CacheF16, 512).Work; a < b+imageBytes {
		t.Errorf("work %d with eyes, %d without", a, b)
	}
}
