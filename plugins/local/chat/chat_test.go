package chat_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"skerry/appliance/llm"
	"skerry/plugins/local/chat"
	"skerry/plugins/local/dialect"
	"skerry/plugins/local/grammar"
)

// tags are control tokens in some vocabularies and plain text in others.
var tags = []string{"<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>",
	"<function_calls>", "</function_calls>", "<functions>", "</functions>", "[gMASK]", "<sop>", "<|system|>", "<|startoftext|>", "<|tool_list_start|>", "<|tool_list_end|>",
	"<｜begin▁of▁sentence｜>", "<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>", "<｜tool▁outputs▁begin｜>", "<｜tool▁outputs▁end｜>", "<tools>", "</tools>", "<|return|>", "<|call|>"}

// model is a vocabulary of bytes with control tokens behind them.
type model struct {
	controls []string
	chat     *chat.Chat
	words    *grammar.Vocabulary
	ends     []int32
}

// newModel returns a model of a dialect. plain says that its tags are text.
func newModel(t interface{ Fatal(...any) }, name string, plain bool) *model {
	d, err := dialect.For(name, "", func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	m := &model{controls: d.Controls()}
	if !plain {
		m.controls = append(m.controls, tags...)
	}
	slices.Sort(m.controls)
	m.controls = slices.Compact(m.controls)
	tokens := make([][]byte, 256)
	for b := range 0xfe { // what is beyond stands for control tokens
		tokens[b] = []byte{byte(b)}
	}
	for i := range m.controls {
		tokens = append(tokens, chat.Bytes(int32(256+i)))
	}
	for _, e := range d.Ends() {
		id, _ := m.control(e)
		m.ends = append(m.ends, id)
	}
	encode := func(s string) ([]int32, error) {
		return chat.Encode(s, func(s string) ([]int32, error) {
			var ids []int32
			for _, b := range []byte(s) {
				ids = append(ids, int32(b))
			}
			return ids, nil
		})
	}
	if m.words, err = grammar.NewVocabulary(tokens, m.ends, encode, 0); err != nil {
		t.Fatal(err)
	}
	m.chat = chat.For(d, m.control)
	return m
}

func (m *model) control(s string) (int32, bool) {
	i := slices.Index(m.controls, s)
	return int32(256 + i), i >= 0
}

func (m *model) turn(r llm.Request) (*chat.Turn, error) {
	return m.chat.Turn(r, func() (*grammar.Vocabulary, error) { return m.words, nil })
}

// counted returns the control tokens that a vocabulary finds in the spans.
func (m *model) counted(spans []dialect.Span) (out []string) {
	for _, s := range spans {
		switch {
		case s.Control:
			out = append(out, s.Text)
		case s.Trusted:
			for rest := s.Text; rest != ""; {
				found := ""
				for _, c := range m.controls {
					if strings.HasPrefix(rest, c) && len(c) > len(found) {
						found = c
					}
				}
				if found == "" {
					rest = rest[1:]
					continue
				}
				out = append(out, found)
				rest = rest[len(found):]
			}
		}
	}
	return out
}

// conversation holds text in every place where a person, a document, a tool or
// a model may put some.
func conversation(text string, withTools, thinks bool) llm.Request {
	part := func(s string) []llm.Part { return []llm.Part{{Text: s, Untrusted: true}} }
	q := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	r := llm.Request{Messages: []llm.Message{
		{Role: llm.System, Parts: part(text)},
		{Role: llm.User, Parts: append(part(text), part(text)...)},
		{Role: llm.Assistant, Parts: part(text)},
		{Role: llm.User, Parts: part("harmless" + text)},
	}}
	if withTools {
		args := json.RawMessage(`{` + q("k"+text) + `:` + q(text) + `,"n":12345678901234567,"l":[` + q(text) + `,{` + q(text+"2") + `:null}]}`)
		r.Messages = append(r.Messages,
			llm.Message{Role: llm.Assistant, Parts: part(text), Calls: []llm.ToolCall{{ID: text, Name: "look", Arguments: args}, {ID: "b", Name: "look", Arguments: json.RawMessage(`{}`)}}},
			llm.Message{Role: llm.ToolRole, CallID: text, Parts: part(text)}, llm.Message{Role: llm.ToolRole, CallID: "b", Parts: part(text)})
		r.Tools = []llm.Tool{{Name: "look", Description: text, Parameters: json.RawMessage(
			`{"type":"object","description":` + q(text) + `,"properties":{"city":{"type":"string","description":` + q(text) + `,"enum":[` + q("v"+text) + `]},` + q("p"+text) + `:{"type":["array","null"],"items":{"type":"object","title":` + q(text) + `,"properties":{"x":{"type":"number","description":` + q(text) + `}}}}},"required":["city"]}`)}}
	}
	if thinks {
		for i := range r.Messages {
			if r.Messages[i].Role == llm.Assistant {
				r.Messages[i].Thinking = text
			}
		}
	}
	return r
}

// TestHostileTextStaysText: text made of the dialect's own control strings, in
// every place, yields exactly the control tokens that harmless text does, and
// is there whole.
func TestHostileTextStaysText(t *testing.T) {
	for _, name := range dialect.Names() {
		t.Run(name, func(t *testing.T) {
			m := newModel(t, name, false)
			rapid.Check(t, func(t *rapid.T) {
				piece := rapid.OneOf(rapid.SampledFrom(append(m.controls, "\uE000", "\uE001", "\uE000\"<000000\uE001", `\"<`, "⟦", "\n", "<", "}", `"`, "{{", "&lt;", "\u2028")), rapid.StringN(0, 4, -1))
				text := "x" + strings.Join(rapid.SliceOfN(piece, 1, 6).Draw(t, "text"), "") + "x"
				effort := rapid.SampledFrom([]llm.Effort{llm.EffortDefault, llm.EffortNone, llm.EffortHigh}).Draw(t, "effort")
				hostile, harmless := conversation(text, m.chat.Tools(), m.chat.Thinking()), conversation("x", m.chat.Tools(), m.chat.Thinking())
				for _, r := range []*llm.Request{&hostile, &harmless} {
					r.Effort, r.Choice = effort, llm.ToolsNone
					// The enumerated value and the name of a property do not
					// matter to what a call may be here.
				}
				hostile.Choice, harmless.Choice = llm.ToolsAuto, llm.ToolsAuto
				got, err := m.turn(hostile)
				if err != nil {
					if strings.Contains(err.Error(), "cannot write the") { // names that its calls cannot spell
						return
					}
					t.Fatal(err)
				}
				want, err := m.turn(harmless)
				if err != nil {
					t.Fatal(err)
				}
				a, b := m.counted(got.Spans), m.counted(want.Spans)
				if !slices.Equal(a, b) {
					t.Errorf("%q:\n got %q\nwant %q", text, a, b)
				}
				whole := 0
				for _, s := range got.Spans {
					if !s.Trusted && !s.Control && strings.Contains(s.Text, text) {
						whole++
					}
				}
				if whole < 4 {
					t.Errorf("%q is there %d times: %+v", text, whole, got.Spans)
				}
			})
		})
	}
}

// TestHostileTextNegativeControl: the count finds a control token that a
// trusted author wrote.
func TestHostileTextNegativeControl(t *testing.T) {
	for _, name := range dialect.Names() {
		m := newModel(t, name, false)
		r := conversation("x", false, false)
		r.Messages[3].Parts = []llm.Part{{Text: "a" + m.controls[0] + "b"}}
		with, err := m.turn(r)
		if err != nil {
			t.Fatal(err)
		}
		without, err := m.turn(conversation("x", false, false))
		if err != nil {
			t.Fatal(err)
		}
		if a, b := m.counted(with.Spans), m.counted(without.Spans); len(a) != len(b)+1 {
			t.Errorf("%s: %d control tokens, without %d", name, len(a), len(b))
		}
	}
}

func valid(t testing.TB, schema json.RawMessage, args json.RawMessage) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(schema)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("s.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("s.json")
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(args)))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// babble plays a model that writes at random what the turn allows, and returns
// what is read. Before calls it writes say, byte by byte and tag by tag.
func babble(t testing.TB, m *model, r llm.Request, rnd *rand.Rand, say []any, limit int) (llm.Response, string, error) {
	t.Helper()
	turn, err := m.turn(r)
	if err != nil {
		t.Fatal(err)
	}
	var out llm.Response
	var written strings.Builder
	take := func(d llm.Delta) {
		out.Text += d.Text
		out.Thinking += d.Thinking
		out.Calls = append(out.Calls, d.Calls...)
		out.Tokens = append(out.Tokens, d.Tokens...)
	}
	add := func(id int32) bool {
		var d llm.Delta
		var stopped bool
		var err error
		if id >= 256 {
			written.WriteString(m.controls[id-256])
			d, stopped, err = turn.Add(llm.Token{}, m.controls[id-256])
		} else {
			written.WriteByte(byte(id))
			d, stopped, err = turn.Add(llm.Token{Bytes: []byte{byte(id)}}, "")
		}
		if err != nil {
			t.Fatal(err)
		}
		take(d)
		return stopped
	}
	finish := llm.FinishLength
	for n := 0; n < limit; n++ {
		match := turn.Matcher()
		if match != nil {
			ids, err := match.Forced()
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				add(id)
			}
			if match.Ended() {
				finish = llm.FinishStop
				break
			}
		}
		var id int32
		switch {
		case len(say) > 0:
			id = int32(0)
			switch x := say[0].(type) {
			case byte:
				id = int32(x)
			case string:
				id, _ = m.control(x)
			}
			say = say[1:]
			if match != nil {
				if err := match.Accept(id); err != nil {
					t.Fatalf("after %q: %v", written.String(), err)
				}
			}
		case match == nil:
			id = m.ends[0]
		default:
			mask, err := match.Mask()
			if err != nil {
				t.Fatalf("after %q: %v", written.String(), err)
			}
			var can []int32
			for id := range mask.All() {
				can = append(can, id)
			}
			id = can[rnd.IntN(len(can))]
			// What ends something is preferred, so that outputs end.
			for _, b := range []int32{'"', ']', '}', m.ends[0]} {
				if mask.Has(b) && rnd.IntN(3) == 0 {
					id = b
				}
			}
			for id := int32(256); int(id) < 256+len(m.controls); id++ {
				if mask.Has(id) && rnd.IntN(8) == 0 {
					can[0] = id
				}
			}
			if can[0] >= 256 && id < 256 && id != '"' {
				id = can[0]
			}
			if !slices.Contains(m.ends, id) {
				if err := match.Accept(id); err != nil {
					t.Fatal(err)
				}
			}
		}
		if slices.Contains(m.ends, id) {
			finish = llm.FinishStop
			break
		}
		if add(id) {
			finish = llm.FinishStop
			break
		}
	}
	d, reason, err := turn.End(finish)
	take(d)
	out.Finish = reason
	out.Usage.ThinkingTokens = turn.ThinkingTokens()
	return out, written.String(), err
}

// letters spells text, tags as what the model has them for.
func (m *model) letters(text string) (out []any) {
	for text != "" {
		n := 0
		for i := 1; i <= len(text); i++ {
			if _, ok := m.control(text[:i]); ok {
				n = i
			}
		}
		if n > 0 {
			out = append(out, text[:n])
			text = text[n:]
		} else {
			out = append(out, text[0])
			text = text[1:]
		}
	}
	return out
}

// thought is what a model that always thinks says first.
func (m *model) thought() []any {
	if !strings.HasSuffix(m.chat.Name(), "-thinking") {
		return nil
	}
	if _, token := m.control("</think>"); token {
		return m.letters("hm</think>")
	}
	return m.letters("hm</") // the rest must come
}

func ask(text string) llm.Request {
	return llm.Request{Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Text: text, Untrusted: true}}}}}
}

var offer = []llm.Tool{
	{Name: "get", Description: "gets", Parameters: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string","minLength":1,"maxLength":9},"unit":{"enum":["c","f"]},"n":{"type":"integer","minimum":1,"maximum":9}},"required":["city","n"],"additionalProperties":false}`)},
	{Name: "get_all", Description: "gets all", Parameters: json.RawMessage(`{"type":"object","properties":{"where":{"type":"object","properties":{"list":{"type":"array","items":{"type":"boolean"},"maxItems":2},"tag":{"type":["string","null"],"maxLength":4}},"required":["list"],"additionalProperties":false}},"required":["where"],"additionalProperties":false}`)},
	{Name: "now"},
}

// tame is offer for the parsers of the inference engine, which do not read every
// text: that of olmo3 takes characters for bytes, those of XML stumble at others.
var tame = func() []llm.Tool {
	out := slices.Clone(offer)
	out[0].Parameters = json.RawMessage(strings.Replace(string(out[0].Parameters), `"minLength":1,"maxLength":9`, `"pattern":"^[a-z][a-z 0-9.,=]{0,7}[a-z]$"`, 1))
	out[1].Parameters = json.RawMessage(strings.Replace(string(out[1].Parameters), `"maxLength":4`, `"pattern":"^[a-z]{1,4}$"`, 1))
	return out
}()

func each(t *testing.T, f func(t *testing.T, m *model)) {
	for _, name := range dialect.Names() {
		for _, plain := range []bool{false, true} {
			if m := newModel(t, name, plain); m.chat.Tools() {
				t.Run(fmt.Sprintf("%s/plain=%v", name, plain), func(t *testing.T) { f(t, m) })
			}
		}
	}
}

// TestEveryCallValidates: whatever a model writes at random, what is read of its
// calls is of a tool that was offered and valid against its parameters; a call
// that must come does, and only the named tool is called.
func TestEveryCallValidates(t *testing.T) {
	each(t, func(t *testing.T, m *model) {
		seen := map[string]int{}
		for seed := range uint64(60) {
			rnd := rand.New(rand.NewPCG(seed, 5))
			r := ask("go")
			offer := [][]llm.Tool{offer, tame}[seed%2]
			r.Tools, r.Effort = offer, llm.EffortNone
			if r.Choice = llm.ToolsRequired; seed%3 == 0 {
				r.Choice = llm.ToolChoice(offer[seed/2%2].Name)
			}
			got, written, err := babble(t, m, r, rnd, m.thought(), 3000)
			if err != nil {
				t.Fatalf("%q: %v", written, err)
			}
			ids := map[string]bool{}
			for _, c := range got.Calls {
				i := slices.IndexFunc(offer, func(t llm.Tool) bool { return t.Name == c.Name })
				if i < 0 || seed%3 == 0 && c.Name != string(r.Choice) {
					t.Fatalf("%q: called %q", written, c.Name)
				}
				if p := offer[i].Parameters; p != nil {
					if err := valid(t, p, c.Arguments); err != nil {
						t.Errorf("%q: %s %s: %v", written, c.Name, c.Arguments, err)
					}
				} else if string(c.Arguments) != "{}" {
					t.Errorf("%q: %s", written, c.Arguments)
				}
				if ids[c.ID] || c.ID == "" {
					t.Errorf("the id %q is not its own", c.ID)
				}
				ids[c.ID] = true
				seen[c.Name]++
			}
			if got.Finish == llm.FinishTools {
				seen["finished"]++
				if len(got.Calls) == 0 || strings.TrimSpace(got.Text) != "" {
					t.Errorf("%q: %+v", written, got)
				}
				if len(got.Calls) > 1 {
					seen["parallel"]++
				}
			} else if got.Finish != llm.FinishLength {
				t.Errorf("%q: ended with %s", written, got.Finish)
			}
			if calls := fmt.Sprint(got.Calls); seed%2 == 1 && !(m.chat.Name() == "olmo3" && strings.Contains(calls, "get_all")) {
				// The engine's parser of olmo3 reads no objects within a call.
				oracle(t, m, r, written, got)
			}
		}
		if seen["finished"] < 30 || seen["get"] == 0 || seen["get_all"] == 0 || seen["now"] == 0 || seen["parallel"] == 0 && m.chat.Name() != "harmony" {
			t.Errorf("the test shows little: %v", seen)
		}
	})
}
