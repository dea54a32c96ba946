//go:build cgo && !race

package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ollama/ollama/model"
	"github.com/ollama/ollama/tokenizer"

	"skerry/plugins/local/chat"
	"skerry/plugins/local/dialect"
	"skerry/plugins/local/grammar"
)

// vocabulary turns conversations into tokens and tokens into bytes. Untrusted
// text goes through plain, a second tokenizer that has no control tokens at
// all: their entries are replaced by strings that no text can contain, so there
// is no input, however built, that yields one. It is safe for concurrent use.
type vocabulary struct {
	words   *tokenizer.Vocabulary
	full    tokenizer.Tokenizer
	plain   tokenizer.Tokenizer
	special map[string]int32 // text of every control token
	ends    []int32          // tokens that end the model's turn
}

// loadVocabulary builds both tokenizers. path has passed gguf.Check.
func loadVocabulary(path string, m model.Model) (*vocabulary, error) {
	full, ok := m.(tokenizer.Tokenizer)
	if !ok {
		return nil, errors.New("this model has no tokenizer for text")
	}
	plain, err := model.NewTextProcessor(path)
	if err != nil {
		return nil, fmt.Errorf("load the tokenizer: %w", err)
	}
	v := &vocabulary{words: full.Vocabulary(), full: full, plain: plain, special: map[string]int32{}}
	hidden := plain.Vocabulary()
	if len(v.words.Values) != len(v.words.Types) || len(hidden.Values) != len(v.words.Values) {
		return nil, errors.New("the tokens of this model have no types")
	}
	for id, text := range v.words.Values {
		switch v.words.Types[id] {
		case tokenizer.TOKEN_TYPE_CONTROL:
		case tokenizer.TOKEN_TYPE_USER_DEFINED:
			if strings.TrimSpace(text) == "" || strings.Trim(text, "▁") == "" {
				continue // runs of spaces are words of ordinary text
			}
		default:
			continue
		}
		v.special[text] = int32(id)
		// 0xFF occurs in no UTF-8 text, and only UTF-8 is ever encoded.
		hidden.Values[id] = fmt.Sprintf("\xff%d", id)
		hidden.Types[id] = tokenizer.TOKEN_TYPE_UNUSED
	}
	return v, nil
}

func (v *vocabulary) isControl(s string) bool { _, ok := v.special[s]; return ok }

// control returns the id of the control token with the given text.
func (v *vocabulary) control(s string) (int32, bool) { id, ok := v.special[s]; return id, ok }

// mark returns the text of a control token, and "" for others.
func (v *vocabulary) mark(id int32) string {
	if int(id) < len(v.words.Values) {
		if at, ok := v.special[v.words.Values[id]]; ok && at == id {
			return v.words.Values[id]
		}
	}
	return ""
}

// use takes over the end tokens of a dialect and, unless they are only its own,
// of the file.
func (v *vocabulary) use(d dialect.Dialect, own bool) {
	for _, s := range d.Ends() {
		v.ends = append(v.ends, v.special[s])
	}
	if own {
		return
	}
	v.ends = append(v.ends, v.words.EOS...)
}

func (v *vocabulary) isEnd(id int32) bool { return slices.Contains(v.ends, id) }

// text returns the tokens of plain text, without any control token.
func (v *vocabulary) text(s string) ([]int32, error) {
	if s == "" {
		return nil, nil
	}
	return v.plain.Encode(strings.ToValidUTF8(s, "\uFFFD"), false)
}

// encode returns the tokens of a conversation. Neighbouring text is encoded as
// one, wherever it comes from, because models have learnt it so: the only
// borders are control tokens and images. The k-th image, from 0 on, is there as
// the number -1-k.
func (v *vocabulary) encode(spans []dialect.Span) ([]int32, error) {
	var ids []int32
	var run strings.Builder
	flush := func() error {
		more, err := v.text(run.String())
		ids = append(ids, more...)
		run.Reset()
		return err
	}
	control := func(id int32) error {
		err := flush()
		ids = append(ids, id)
		return err
	}
	images := int32(0)
	for _, s := range spans {
		var err error
		switch {
		case len(s.Image) > 0:
			images++
			err = control(-images)
		case s.Control:
			err = control(v.special[s.Text])
		case s.Trusted:
			err = v.split(s.Text, &run, control)
		default:
			run.WriteString(s.Text)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	// Some dialects write the token of the beginning themselves.
	if v.words.AddBOS && len(v.words.BOS) > 0 && (len(ids) == 0 || ids[0] != v.words.BOS[0]) {
		ids = slices.Insert(ids, 0, v.words.BOS[0])
	}
	return ids, nil
}

// split finds the control tokens that an author wrote into trusted text, at
// each place the longest.
func (v *vocabulary) split(s string, run *strings.Builder, control func(int32) error) error {
	for s != "" {
		at, found := len(s), ""
		for name := range v.special {
			if i := strings.Index(s, name); i >= 0 && (i < at || i == at && len(name) > len(found)) {
				at, found = i, name
			}
		}
		run.WriteString(s[:at])
		if found == "" {
			return nil
		}
		if err := control(v.special[found]); err != nil {
			return err
		}
		s = s[at+len(found):]
	}
	return nil
}

// grammar arranges the tokens for constrained decoding. Control tokens are in it
// as what stands for them in package chat, which no text holds; other tokens
// that are not written as text, or could spell that, are in it without bytes.
func (v *vocabulary) grammar() (*grammar.Vocabulary, error) {
	tokens := make([][]byte, len(v.words.Values))
	for id := range v.words.Values {
		if v.mark(int32(id)) != "" {
			tokens[id] = chat.Bytes(int32(id))
			continue
		}
		switch v.words.Types[id] {
		case tokenizer.TOKEN_TYPE_NORMAL, tokenizer.TOKEN_TYPE_BYTE, tokenizer.TOKEN_TYPE_USER_DEFINED:
		default:
			continue
		}
		text, err := v.bytes(int32(id))
		if err != nil {
			return nil, fmt.Errorf("token %d: %w", id, err)
		}
		if bytes.IndexByte(text, 0xff) < 0 && bytes.IndexByte(text, 0xfe) < 0 {
			tokens[id] = text
		}
	}
	encode := func(text string) ([]int32, error) { return chat.Encode(text, v.text) }
	return grammar.NewVocabulary(tokens, v.ends, encode, 0)
}

// bytes returns the output that a token stands for: none for a control token.
func (v *vocabulary) bytes(id int32) ([]byte, error) {
	if int(id) >= len(v.words.Values) {
		return nil, fmt.Errorf("the model chose token %d; its vocabulary has %d", id, len(v.words.Values))
	}
	if _, control := v.special[v.words.Values[id]]; control && v.words.Types[id] == tokenizer.TOKEN_TYPE_CONTROL {
		return nil, nil
	}
	s, err := v.full.Decode([]int32{id})
	return []byte(s), err
}
