package corpus

import (
	"slices"
	"testing"

	engine "github.com/ollama/ollama/tokenizer"

	"skerry/embed/starter/paper"
	"skerry/embed/starter/tokenizer"
)

// qwen2 is the engine's expression for models of the architecture qwen3
// (model/models/qwen3/model.go).
const qwen2 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

// TestRecordsHaveTheEnginesTokens: what the engine makes of the whole written
// conversation is what the record holds.
func TestRecordsHaveTheEnginesTokens(t *testing.T) {
	e, err := NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	v := e.Tokenizer().Vocabulary()
	bpe := engine.NewBytePairEncoding(&engine.Vocabulary{Values: v.Tokens, Types: v.Types, Merges: v.Merges}, qwen2)
	same := func(ids []tokenizer.ID, text string) bool {
		want, err := bpe.Encode(text, false)
		if err != nil {
			t.Fatal(err)
		}
		return slices.EqualFunc(ids, want, func(a tokenizer.ID, b int32) bool { return int32(a) == b })
	}
	for i := range 60 {
		x := Make(9, []paper.Split{paper.Train, paper.Noisy, Unseen}[i%3], i, Option{})
		r, err := e.Encode(x)
		if err != nil {
			t.Fatal(err)
		}
		whole := asked(t, e, x)
		if !same(r.Tokens[:r.Prompt], whole) {
			t.Errorf("%s %d: the question has other tokens than\n%s", x.Split, i, whole)
		}
		if !same(r.Tokens[r.Prompt:], x.Answer+"<|im_end|>") {
			t.Errorf("%s %d: the answer has other tokens than %s", x.Split, i, x.Answer)
		}
		if same(r.Tokens[:r.Prompt], whole+" ") { // the comparison sees a difference
			t.Error("a space more makes no difference")
		}
	}
}
