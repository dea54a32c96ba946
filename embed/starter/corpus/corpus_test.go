package corpus

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"skerry/appliance/llm"
	"skerry/embed/starter/paper"
	"skerry/embed/starter/tokenizer"
)

// examples is how many examples of each split a property is tested on.
const examples = 500

// each calls f for the first examples of every split with text.
func each(t *testing.T, f func(t *testing.T, e *Encoder, x Example)) {
	t.Helper()
	e, err := NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	for _, split := range Splits {
		if split == paper.Page {
			continue // has no text before a reader has read it
		}
		t.Run(string(split), func(t *testing.T) {
			for i := range examples {
				f(t, e, Make(3, split, i, Option{Short: i%10 == 0}))
				if t.Failed() {
					t.Fatalf("seed 3, split %s, example %d", split, i)
				}
			}
		})
	}
}

// perfect is the response of a model that answers x as it should.
func perfect(x Example) []llm.Response {
	return []llm.Response{{Text: x.Answer, Finish: llm.FinishStop}}
}

// TestAnswersAreRead: whatever is asked, the right answer comes back from the
// appliance's own reader as it is, without a problem. Noise may damage a value
// in a few documents, which are then left out of the records.
func TestAnswersAreRead(t *testing.T) {
	damaged := 0
	each(t, func(t *testing.T, e *Encoder, x Example) {
		if x.Group == Chat {
			return
		}
		if err := e.Check(x); err != nil {
			if damaged++; x.Document.Noise == 0 || damaged > examples/25 {
				t.Fatalf("%v\nanswer %s\ndocument\n%s", err, x.Answer, x.Prompt.Text)
			}
			return
		}
		a, err := e.Adapt(x)
		if err != nil {
			t.Fatal(err)
		}
		got := a.Read(perfect(x))
		for _, target := range x.Targets {
			if target.Row > 0 || target.Type == llm.TypeList {
				continue
			}
			if v := got.Values[target.Name]; !same(string(v.JSON), target.JSON) {
				t.Errorf("%s: read %s, want %s", target.Name, v.JSON, target.JSON)
			}
		}
	})
}

// same compares a value as read, whose decimals are strings, with an answer.
func same(got, want string) bool {
	var g, w any
	if json.Unmarshal([]byte(got), &g) != nil || json.Unmarshal([]byte(want), &w) != nil {
		return false
	}
	if _, number := w.(float64); number {
		return strings.Trim(got, `"`) == want
	}
	return reflect.DeepEqual(g, w)
}

// TestAnswersAreReadNegativeControl: the reader refuses an answer that is off.
func TestAnswersAreReadNegativeControl(t *testing.T) {
	e, err := NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	refused, changed := 0, 0
	for i := range 200 {
		x := Make(3, paper.Clean, i, Option{})
		if x.Group != Extract {
			continue
		}
		wrong := strings.NewReplacer("1", "7", "e", "o").Replace(x.Answer[strings.Index(x.Answer, ":"):])
		a, err := e.Adapt(x)
		if err != nil {
			t.Fatal(err)
		}
		changed++
		for _, v := range a.Read([]llm.Response{{Text: x.Answer[:strings.Index(x.Answer, ":")] + wrong, Finish: llm.FinishStop}}).Values {
			if v.Problem != "" {
				refused++
				break
			}
		}
	}
	if refused < changed/2 {
		t.Errorf("%d of %d spoilt answers were refused, want most", refused, changed)
	}
}

// TestAnswersFitTheSchema: the answer is what constrained decoding allows, and
// is written without spaces. Where noise has damaged a value, the document no
// longer says it, and the schema does not offer it.
func TestAnswersFitTheSchema(t *testing.T) {
	each(t, func(t *testing.T, e *Encoder, x Example) {
		if x.Group == Chat || errors.Is(e.Check(x), ErrUnreadable) {
			return
		}
		a, err := e.Adapt(x)
		if err != nil {
			t.Fatal(err)
		}
		schema, err := jsonschema.UnmarshalJSON(strings.NewReader(string(a.Requests[0].Schema)))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("answer.json", schema); err != nil {
			t.Fatal(err)
		}
		s, err := c.Compile("answer.json")
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(x.Answer))
		if err != nil {
			t.Fatalf("%v: %s", err, x.Answer)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", x.Answer, err)
		}
		var compact strings.Builder
		if err := compactJSON(&compact, x.Answer); err != nil || compact.String() != x.Answer {
			t.Errorf("%s is not compact", x.Answer)
		}
	})
}

func compactJSON(b *strings.Builder, s string) error {
	var raw json.RawMessage
	if err := json.Unmarshal([]byte(s), &raw); err != nil {
		return err
	}
	inside, escaped := false, false
	for _, r := range s {
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r == '"':
			inside = !inside
		}
		if inside || r != ' ' && r != '\n' && r != '\t' {
			b.WriteRune(r)
		}
	}
	return nil
}

// TestTargetsStandInTheAnswer: every target's range holds its value, in order.
func TestTargetsStandInTheAnswer(t *testing.T) {
	each(t, func(t *testing.T, _ *Encoder, x Example) {
		if len(x.Targets) == 0 {
			t.Fatal("nothing is asked")
		}
		at := 0
		for _, target := range x.Targets {
			if x.Group != Chat && x.Answer[target.Start:target.End] != target.JSON || target.Start < at {
				t.Errorf("%s stands at %d to %d: %q, want %q", target.Name, target.Start, target.End, x.Answer[target.Start:target.End], target.JSON)
			}
			at = target.End
			if target.Absent != (target.JSON == "null") {
				t.Errorf("%s is %s and absent %v", target.Name, target.JSON, target.Absent)
			}
		}
	})
}

// TestHeldOutNamesAreNeverInTraining: no name, description or concept that the
// split Unseen asks for is ever asked for in training.
func TestHeldOutNamesAreNeverInTraining(t *testing.T) {
	held := map[string]string{}
	for _, c := range concepts {
		for _, p := range slices.Concat(c.names.held, c.abouts.held) {
			held[plainName(p.text)] = p.text
		}
		for _, p := range slices.Concat(c.names.seen, c.abouts.seen) {
			if s, ok := held[plainName(p.text)]; ok {
				t.Errorf("%s: %q is both held out and not", c.canonical, s)
			}
		}
	}
	asked := 0
	for i := range 4000 {
		x := Make(3, paper.Train, i, Option{})
		for _, target := range x.Targets {
			if target.Concept != "" && paper.HeldOut(target.Concept) || !target.Seen {
				t.Fatalf("example %d asks for %s of the held-out concept %q", i, target.Name, target.Concept)
			}
		}
		for _, f := range x.Prompt.Fields {
			asked++
			for _, s := range []string{f.Name, f.About} {
				if h, ok := held[plainName(s)]; ok && s != "" {
					t.Fatalf("example %d asks for %q, %q, which is held out", i, f.Name, h)
				}
			}
		}
	}
	if asked < 10000 {
		t.Errorf("only %d fields were asked for", asked)
	}
}

// TestUnseenAsksOnlyForWhatIsHeldOut: and the detector of the test above sees it.
func TestUnseenAsksOnlyForWhatIsHeldOut(t *testing.T) {
	absent, fields := 0, 0
	for i := range examples {
		x := Make(3, Unseen, i, Option{})
		if x.Group != Extract {
			t.Fatalf("example %d is of group %d", i, x.Group)
		}
		for _, target := range x.Targets {
			fields++
			if target.Absent {
				absent++
			}
			if target.Seen {
				t.Errorf("example %d asks for %s, which training has seen", i, target.Name)
			}
			if target.Canonical == "extra" && !paper.HeldOut(target.Concept) {
				t.Errorf("example %d asks for the concept %s, which is not held out", i, target.Concept)
			}
		}
	}
	if fields < examples || absent < fields/10 || absent > fields/2 {
		t.Errorf("%d fields, %d of them absent", fields, absent)
	}
}

// TestMakeIsDeterministic: the same arguments make the same example, in any
// order.
func TestMakeIsDeterministic(t *testing.T) {
	for _, split := range []paper.Split{paper.Train, paper.Noisy, Unseen} {
		for i := 39; i >= 0; i-- {
			a, b := Make(5, split, i, Option{Short: i%2 == 0}), Make(5, split, i, Option{Short: i%2 == 0})
			if !reflect.DeepEqual(a, b) {
				t.Fatalf("%s %d differs:\n%s\n%s", split, i, a.Answer, b.Answer)
			}
		}
	}
	if Make(5, paper.Train, 1, Option{}).Answer == Make(6, paper.Train, 1, Option{}).Answer {
		t.Error("the seed makes no difference")
	}
}

// TestSharesOfWork: examples are of the kinds that training needs.
func TestSharesOfWork(t *testing.T) {
	const n = 4000
	var groups [4]int
	fields, absent := 0, 0
	for i := range n {
		x := Make(4, paper.Train, i, Option{})
		groups[x.Group]++
		for _, target := range x.Targets {
			if x.Group == Extract {
				fields++
				if target.Absent {
					absent++
				}
			}
		}
	}
	for g, want := range [4][2]float64{{.66, .78}, {.10, .16}, {.10, .16}, {.01, .03}} {
		if share := float64(groups[g]) / n; share < want[0] || share > want[1] {
			t.Errorf("group %d has a share of %.3f, want %v", g, share, want)
		}
	}
	if share := float64(absent) / float64(fields); share < .18 || share > .28 {
		t.Errorf("%.3f of the fields are absent, want .18 to .28", share)
	}
}

// asked writes the conversation of an example as ChatML, up to the answer.
func asked(t *testing.T, e *Encoder, x Example) string {
	t.Helper()
	messages, err := e.Messages(x)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, m := range messages {
		b.WriteString("<|im_start|>" + string(m.Role) + "\n")
		for _, p := range m.Parts {
			b.WriteString(p.Text)
		}
		b.WriteString("<|im_end|>\n")
	}
	return b.String() + "<|im_start|>assistant\n"
}

// TestRecordsAreWhatTheRunnerReads: the tokens of a record are those of the
// whole conversation written in one piece, answer included, and its spans
// cover the values.
func TestRecordsAreWhatTheRunnerReads(t *testing.T) {
	each(t, func(t *testing.T, e *Encoder, x Example) {
		r, err := e.Encode(x)
		if errors.Is(err, ErrTooLong) {
			return // it is left out of the records
		}
		if err != nil {
			t.Fatal(err)
		}
		want := asked(t, e, x) + x.Answer + "<|im_end|>"
		if got := e.Tokenizer().Decode(r.Tokens); got != want {
			t.Fatalf("got %q\nwant %q", got, want)
		}
		if r.Tokens[len(r.Tokens)-1] != tokenizer.TurnEnd || e.Tokenizer().Decode(r.Tokens[:r.Prompt])+x.Answer+"<|im_end|>" != want {
			t.Fatal("the question does not end where the answer begins")
		}
		if len(r.Spans) != len(x.Targets) {
			t.Fatalf("%d spans for %d values", len(r.Spans), len(x.Targets))
		}
		for i, s := range r.Spans {
			if got := e.Tokenizer().Decode(r.Tokens[s.Start:s.End]); !strings.Contains(got, strings.Trim(x.Targets[i].JSON, `"`)) && x.Group != Chat || int(s.Start) < r.Prompt {
				t.Errorf("%s: the span says %q, want %q", x.Targets[i].Name, got, x.Targets[i].JSON)
			}
		}
	})
}

func TestRecordFormat(t *testing.T) {
	r := Record{Tokens: []tokenizer.ID{1, 300, 2}, Prompt: 2, Group: Classify, Spans: []Span{{7, 2, 3}}}
	got, err := r.AppendBinary(nil)
	want := []byte{3, 0, 2, 0, 2, 0, 1, 0, 7, 0, 2, 0, 3, 0, 1, 0, 44, 1, 2, 0}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// TestEveryCanonicalFactHasNames: whatever paper states can be asked for, in
// training and in new words.
func TestEveryCanonicalFactHasNames(t *testing.T) {
	for name := range paper.Names {
		c := conceptOf[name]
		if c == nil || len(c.names.seen) == 0 || len(c.abouts.seen) == 0 || len(c.names.held) == 0 {
			t.Errorf("%s has no names, no descriptions or none that are held out", name)
		}
	}
	for topic := range paper.Topics {
		if _, ok := topics[topic]; !ok {
			t.Errorf("no question for the topic %s", topic)
		}
	}
}
