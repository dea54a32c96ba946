package weights

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"skerry/plugins/local/gguf"
)

func vocabularyFor(m *Model) *Vocabulary {
	v := &Vocabulary{Types: slices.Repeat([]int32{1}, m.Vocab), Merges: []string{"a b"}}
	for i := range m.Vocab {
		v.Tokens = append(v.Tokens, fmt.Sprintf("t%d", i))
	}
	return v
}

func exported(t *testing.T, m *Model, kind Type) []byte {
	t.Helper()
	var b bytes.Buffer
	about := About{Name: "tiny", Description: "a test", Languages: []string{"en", "de"}, ContextTokens: 2048}
	if err := m.WriteGGUF(&b, kind, vocabularyFor(m), about); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGGUFRoundTrip(t *testing.T) {
	m := trained(t, tinyShape)
	for _, row := range []struct {
		kind Type
		most float64 // relative error of the loss
	}{{F32, 0}, {F16, 1e-3}, {Q8, 2e-2}} {
		file := exported(t, m, row.kind)
		got, v, err := FromGGUF(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatalf("type %d: %v", row.kind, err)
		}
		if want := vocabularyFor(m); !slices.Equal(v.Tokens, want.Tokens) || !slices.Equal(v.Types, want.Types) || !slices.Equal(v.Merges, want.Merges) {
			t.Errorf("type %d: the vocabulary read back is not the one written", row.kind)
		}
		want, loss := m.Loss(answer(m.Vocab), 10), got.Loss(answer(m.Vocab), 10)
		if math.Abs(loss-want) > row.most*want {
			t.Errorf("type %d: loss %v, want %v within %v", row.kind, loss, want, row.most)
		}
		// What was once quantised loses nothing more.
		again, _, err := FromGGUF(bytes.NewReader(exported(t, got, row.kind)), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		if !equal(got, again) {
			t.Errorf("type %d: a second round trip changes the weights", row.kind)
		}
		if row.kind != F32 && equal(m, got) {
			t.Errorf("type %d: nothing was rounded; the comparison is blind", row.kind)
		}
	}
}

func TestGGUFSaysWhatItIs(t *testing.T) {
	file := exported(t, trained(t, tinyShape), Q8)
	f, err := gguf.Check(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"general.name": "tiny", "general.author": "Skerry", "general.license": "apache-2.0", "general.architecture": "qwen3",
		"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "qwen2", "tokenizer.chat_template": chatTemplate,
	} {
		if got := f.Values[key].String; got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if got := f.ContextTokens(); got != 2048 {
		t.Errorf("context %d, want 2048", got)
	}
	if got := f.Values["general.languages"].Strings; !slices.Equal(got, []string{"en", "de"}) {
		t.Errorf("languages %q", got)
	}
	for _, tn := range f.Tensors {
		if want := map[bool]uint32{true: uint32(F32), false: uint32(Q8)}[len(tn.Shape) == 1]; tn.Type != want {
			t.Errorf("%s has type %d, want %d", tn.Name, tn.Type, want)
		}
	}
	if _, _, err := FromGGUF(bytes.NewReader(file[:len(file)-64]), int64(len(file)-64)); err == nil {
		t.Error("a file that is cut off was taken")
	}
}

// TestFromGGUFFoldsGains: a file of another maker may have gains other than
// one before its matrices.
func TestFromGGUFFoldsGains(t *testing.T) {
	m := trained(t, tinyShape)
	file := exported(t, m, F32)
	f, err := gguf.Check(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	const column = 5
	for _, tn := range f.Tensors {
		if tn.Name == "blk.1.ffn_norm.weight" {
			binary.LittleEndian.PutUint32(file[f.DataStart+int64(tn.Offset)+4*column:], math.Float32bits(3))
		}
	}
	got, _, err := FromGGUF(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got.Layer[1].GateUp {
		want := m.Layer[1].GateUp[i]
		if i%m.Width == column {
			want *= 3
		}
		if v != want {
			t.Fatalf("gate and up, entry %d: %v, want %v", i, v, want)
		}
	}
	if !slices.Equal(got.Layer[0].GateUp, m.Layer[0].GateUp) || !slices.Equal(got.Layer[1].QKV, m.Layer[1].QKV) {
		t.Error("a matrix behind a gain of one changed")
	}
}

func TestWriteGGUFRefusesAnotherVocabulary(t *testing.T) {
	m := trained(t, tinyShape)
	v := vocabularyFor(m)
	v.Tokens = v.Tokens[1:]
	if err := m.WriteGGUF(&bytes.Buffer{}, Q8, v, About{}); err == nil {
		t.Error("a vocabulary of another size was taken")
	}
}

// TestHalf goes through every float16: each stands for itself, and a float32
// beside it goes to the nearer one, ties to the even one.
func TestHalf(t *testing.T) {
	for h := range uint16(0x7c00) {
		v := fromHalf(h)
		if got := toHalf(v); got != h {
			t.Fatalf("%#04x stands for %v, which becomes %#04x", h, v, got)
		}
		if got := toHalf(-v); got != h|0x8000 {
			t.Fatalf("%v becomes %#04x, want %#04x", -v, got, h|0x8000)
		}
		if h+1 == 0x7c00 {
			break
		}
		next := fromHalf(h + 1)
		tie := float32((float64(v) + float64(next)) / 2) // 12 bits: exact
		even := h + h&1
		for _, row := range []struct {
			f    float32
			want uint16
		}{{tie, even}, {math.Nextafter32(tie, 0), h}, {math.Nextafter32(tie, next), h + 1}} {
			if got := toHalf(row.f); got != row.want {
				t.Fatalf("%v between %#04x and %#04x becomes %#04x, want %#04x", row.f, h, h+1, got, row.want)
			}
		}
	}
	for f, want := range map[float32]uint16{65504: 0x7bff, 65519.99: 0x7bff, 65520: 0x7c00, float32(math.Inf(-1)): 0xfc00, float32(math.NaN()): 0x7e00} {
		if got := toHalf(f); got != want {
			t.Errorf("%v becomes %#04x, want %#04x", f, got, want)
		}
	}
}

func TestQ8(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]float32, 64)
	for i := range values {
		values[i] = float32(r.NormFloat64())
	}
	clear(values[32:]) // a block of zeros has scale 0 and must not divide by it
	data := Q8.encode(values)
	if len(data) != 2*q8Bytes {
		t.Fatalf("%d bytes, want %d", len(data), 2*q8Bytes)
	}
	got, err := Q8.decode(data, len(values))
	if err != nil {
		t.Fatal(err)
	}
	step := float64(slices.Max(values[:32])-slices.Min(values[:32])) / 127
	for i := range values {
		if math.Abs(float64(got[i]-values[i])) > step/2 {
			t.Errorf("number %d: %v, want %v within %v", i, got[i], values[i], step/2)
		}
	}
	if _, err := Q8.decode(data[:len(data)-1], len(values)); err == nil {
		t.Error("a block that is cut off was taken")
	}
	if _, err := Type(2).decode(data, len(values)); err == nil {
		t.Error("an unknown type was taken")
	}
}
