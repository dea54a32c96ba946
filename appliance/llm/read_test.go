package llm

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// tokens cuts text into tokens of n bytes, each as probable as p says for its
// text; characters are cut too, as byte-level vocabularies do.
func tokens(text string, n int, p func(string) float64) []Token {
	var all []Token
	for len(text) > 0 {
		k := min(n, len(text))
		all = append(all, Token{Bytes: []byte(text[:k]), Logprob: math.Log(p(text[:k]))})
		text = text[k:]
	}
	return all
}

func sure(string) float64 { return 0.99 }

func extract(t testing.TB, text string, answer string, finish FinishReason, fields ...Field) Answer {
	t.Helper()
	prof := Profile{Name: "test", Tasks: map[TaskKind]*TaskProfile{TaskExtract: {
		User: "{document}{fields}", Field: "{name} {type} {about}",
		Types: map[FieldType]string{TypeString: "s", TypeDecimal: "d", TypeInteger: "i", TypeDate: "t", TypeBoolean: "b", TypeEnum: "e", TypeIBAN: "n", TypeList: "l"},
	}}}
	a, err := Adapt(Prompt{Kind: TaskExtract, Text: text, Fields: fields}, Model{ID: "m"}, prof)
	if err != nil {
		t.Fatal(err)
	}
	return a.Read([]Response{{Text: answer, Tokens: tokens(answer, 3, sure), Finish: finish}})
}

// TestReadTypes: what a model writes for a value, beside what the document
// says, becomes this value or this problem.
func TestReadTypes(t *testing.T) {
	const isThere = "The document: INV-77, 1.234,50 EUR, 06.04.2026, IBAN DE89 3704 0044 0532 0130 00, ACME  Steel\nGmbH & Co."
	for _, row := range []struct {
		says, text string
		field      Field
		raw        string
		want       string
		problem    string
		evidence   string // what the span covers
	}{
		{"a decimal keeps its digits", isThere, Field{Type: TypeDecimal}, `1234.50`, `"1234.50"`, "", "1.234,50"},
		{"a decimal in a string", isThere, Field{Type: TypeDecimal}, `"1234.5"`, `"1234.5"`, "", "1.234,50"},
		{"a decimal as the document writes it", isThere, Field{Type: TypeDecimal}, `"EUR 1.234,50"`, `"1234.50"`, "", "1.234,50"},
		{"a decimal that can be read in two ways", isThere, Field{Type: TypeDecimal}, `"1,234"`, `null`, "“1,234” is no decimal number, or can be read in two ways", ""},
		{"a decimal with a leading zero", "007.5", Field{Type: TypeDecimal}, `007.5`, `"7.5"`, "", "007.5"},
		{"an exponent", isThere, Field{Type: TypeDecimal}, `1.2e3`, `null`, "“1.2e3” is no decimal number", ""},
		{"words for a decimal", isThere, Field{Type: TypeDecimal}, `"a lot"`, `null`, "“a lot” is no decimal number, or can be read in two ways", ""},
		{"a decimal that stands nowhere", isThere, Field{Type: TypeDecimal}, `1234.51`, `"1234.51"`, "not found in the document", ""},
		{"part of a number", isThere, Field{Type: TypeDecimal}, `234.50`, `"234.50"`, "not found in the document", ""},
		{"a negative decimal", "credit of -5,00", Field{Type: TypeDecimal}, `-5`, `"-5"`, "", "5,00"},
		{"a negative decimal behind its currency", "− EUR 5.00", Field{Type: TypeDecimal}, `-5`, `"-5"`, "", "5.00"},
		{"a minus that the document lacks", "5,00", Field{Type: TypeDecimal}, `-5`, `"-5"`, "not found in the document", ""},
		{"a Swiss number", "CHF 1'234.50", Field{Type: TypeDecimal}, `1234.50`, `"1234.50"`, "", "1'234.50"},
		{"a French number", "12 345 678,90 €", Field{Type: TypeDecimal}, `12345678.90`, `"12345678.90"`, "", "12 345 678,90"},
		{"a number in a row of numbers", "2 1 234,50 19", Field{Type: TypeDecimal}, `1234.50`, `"1234.50"`, "", "1 234,50"},
		{"two numbers beside each other", "1234 567,00", Field{Type: TypeDecimal}, `1234567.00`, `"1234567.00"`, "not found in the document", ""},
		{"a group too long for thousands", "1234.567,00", Field{Type: TypeDecimal}, `1234567.00`, `"1234567.00"`, "not found in the document", ""},
		{"a date is no number", "06.04.2026", Field{Type: TypeDecimal}, `6.04`, `"6.04"`, "not found in the document", ""},
		{"the reading with as many digits", "5 and 5,00", Field{Type: TypeDecimal}, `5.00`, `"5.00"`, "", "5,00"},
		{"an integer", "3 pieces", Field{Type: TypeInteger}, `3`, `3`, "", "3"},
		{"an integer with a point", "3 pieces", Field{Type: TypeInteger}, `3.0`, `3`, "", "3"},
		{"an integer that was counted", "one and one", Field{Type: TypeInteger}, `2`, `2`, "", ""},
		{"a fraction for an integer", "", Field{Type: TypeInteger}, `2.5`, `null`, "“2.5” is no whole number", ""},
		{"an integer beyond exactness", "", Field{Type: TypeInteger}, `1234567890123456`, `null`, "“1234567890123456” has too many digits", ""},
		{"a date", isThere, Field{Type: TypeDate}, `"2026-04-06"`, `"2026-04-06"`, "", "06.04.2026"},
		{"a date in another spelling", isThere, Field{Type: TypeDate}, `"6 April 2026"`, `"2026-04-06"`, "", "06.04.2026"},
		{"a date that can be two", isThere, Field{Type: TypeDate}, `"06/04/2026"`, `null`, "“06/04/2026” can be read as two different days", ""},
		{"a date that there is not", "2026-02-29", Field{Type: TypeDate}, `"2026-02-29"`, `null`, "“2026-02-29” is no date that there is", ""},
		{"a date that stands nowhere", isThere, Field{Type: TypeDate}, `"2026-06-05"`, `"2026-06-05"`, "not found in the document", ""},
		{"an American date", "Date: 4/6/26", Field{Type: TypeDate}, `"2026-04-06"`, `"2026-04-06"`, "", "4/6/26"},
		{"with points never month first", "01.09.2026", Field{Type: TypeDate}, `"2026-01-09"`, `"2026-01-09"`, "not found in the document", ""},
		{"a German month", "den 6. März 2026", Field{Type: TypeDate}, `"2026-03-06"`, `"2026-03-06"`, "", "6. März 2026"},
		{"a French month", "le 1er août 2026", Field{Type: TypeDate}, `"2026-08-01"`, `"2026-08-01"`, "", "1er août 2026"},
		{"an English month first", "AUGUST 1st, 2026", Field{Type: TypeDate}, `"2026-08-01"`, `"2026-08-01"`, "", "AUGUST 1st, 2026"},
		{"an abbreviated month", "01-Aug-26", Field{Type: TypeDate}, `"2026-08-01"`, `"2026-08-01"`, "", "01-Aug-26"},
		{"an enum in other letters", isThere, Field{Type: TypeEnum, Values: []string{"USD", "EUR"}}, `"eur"`, `"EUR"`, "", "EUR"},
		{"a currency sign", "total 5 €", Field{Type: TypeEnum, Values: []string{"USD", "EUR"}}, `"€"`, `"EUR"`, "", "€"},
		{"a code for a currency sign", "EUROPE: €5", Field{Type: TypeEnum, Values: []string{"USD", "EUR"}}, `"EUR"`, `"EUR"`, "", "€"},
		{"a code beside a number", "EUR5", Field{Type: TypeEnum, Values: []string{"USD", "EUR"}}, `"EUR"`, `"EUR"`, "", "EUR"},
		{"an enum value that was concluded", "all fine", Field{Type: TypeEnum, Values: []string{"good", "bad"}}, `"good"`, `"good"`, "", ""},
		{"no value of the enum", "", Field{Type: TypeEnum, Values: []string{"USD", "EUR"}}, `"CHF"`, `null`, "“CHF” is none of USD, EUR", ""},
		{"an IBAN", isThere, Field{Type: TypeIBAN}, `"DE89370400440532013000"`, `"DE89370400440532013000"`, "", "DE89 3704 0044 0532 0130 00"},
		{"an IBAN with spaces", isThere, Field{Type: TypeIBAN}, `"de89 3704 0044 0532 0130 00"`, `"DE89370400440532013000"`, "", "DE89 3704 0044 0532 0130 00"},
		{"an IBAN with a wrong digit", isThere, Field{Type: TypeIBAN}, `"DE89370400440532013001"`, `"DE89370400440532013001"`, "“DE89370400440532013001” is no IBAN: its check sum is wrong, so at least one character is", ""},
		{"an IBAN of a wrong length", isThere, Field{Type: TypeIBAN}, `"DE8937040044053201300"`, `"DE8937040044053201300"`, "“DE8937040044053201300” is no IBAN: those of DE have 22 characters, this has 21", ""},
		{"an IBAN of no country", isThere, Field{Type: TypeIBAN}, `"XX89370400440532013000"`, `"XX89370400440532013000"`, "“XX89370400440532013000” is no IBAN: no country has the code XX", ""},
		{"a correct IBAN that stands nowhere", isThere, Field{Type: TypeIBAN}, `"GB82WEST12345698765432"`, `"GB82WEST12345698765432"`, "not found in the document", ""},
		{"a string over a line break", isThere, Field{Type: TypeString}, `" acme steel GmbH & Co. "`, `"acme steel GmbH & Co."`, "", "ACME  Steel\nGmbH & Co."},
		{"a string without the spaces", "VAT DE 123 456 789.", Field{Type: TypeString}, `"DE123456789"`, `"DE123456789"`, "", "DE 123 456 789"},
		{"a string over a hyphen", "Nord-\n  licht GmbH", Field{Type: TypeString}, `"Nordlicht GmbH"`, `"Nordlicht GmbH"`, "", "Nord-\n  licht GmbH"},
		{"a string with other quotation marks", "the “O’Neill” order", Field{Type: TypeString}, `"\"O'Neill\""`, `"\"O'Neill\""`, "", "“O’Neill”"},
		{"a number for a string", "No. 4711", Field{Type: TypeString}, `4711`, `"4711"`, "", "4711"},
		{"half a string", isThere, Field{Type: TypeString}, `"INV-7"`, `"INV-7"`, "not found in the document", ""},
		{"the end of a string", isThere, Field{Type: TypeString}, `"CME Steel"`, `"CME Steel"`, "not found in the document", ""},
		{"a list for a string", "", Field{Type: TypeString}, `[1]`, `null`, "a list is no text", ""},
		{"a boolean", "", Field{Type: TypeBoolean}, `true`, `true`, "", ""},
		{"a boolean in a string", "", Field{Type: TypeBoolean}, `"FALSE"`, `false`, "", ""},
		{"a maybe", "", Field{Type: TypeBoolean}, `"maybe"`, `null`, "“maybe” is neither true nor false", ""},
		{"null where it is fine", "", Field{Type: TypeDecimal, Nullable: true}, `null`, `null`, "", ""},
		{"an empty string where null is fine", "", Field{Type: TypeString, Nullable: true}, `" "`, `null`, "", ""},
		{"null where it is not", "", Field{Type: TypeDecimal}, `null`, `null`, "missing", ""},
	} {
		t.Run(row.says, func(t *testing.T) {
			row.field.Name = "f"
			v := extract(t, row.text, `{"f":`+row.raw+`}`, FinishStop, row.field).Values["f"]
			if string(v.JSON) != row.want || v.Problem != row.problem {
				t.Errorf("got %s, problem %q; want %s, %q", v.JSON, v.Problem, row.want, row.problem)
			}
			switch {
			case row.problem != "" && (v.Confidence != 0 || v.Source != FromValidator):
				t.Errorf("a failed check has confidence %v from %s", v.Confidence, v.Source)
			case row.problem == "" && row.field.Type == TypeIBAN: // see TestIBANCheckSumRaisesConfidence
				if v.Confidence <= 0.99 || v.Source != FromValidator {
					t.Errorf("got confidence %v from %s, want more than 0.99 from the check sum", v.Confidence, v.Source)
				}
			case row.problem == "" && (math.Abs(float64(v.Confidence)-0.99) > 1e-9 || v.Source != FromTokens):
				t.Errorf("got confidence %v from %s, want 0.99 from tokens", v.Confidence, v.Source)
			}
			got := ""
			if v.Evidence != nil {
				got = row.text[v.Evidence.Start:v.Evidence.End]
			}
			if got != row.evidence {
				t.Errorf("evidence: got %q, want %q", got, row.evidence)
			}
		})
	}
}

func TestReadLists(t *testing.T) {
	lines := Field{Name: "lines", Type: TypeList, Of: []Field{{Name: "what", Type: TypeString}, {Name: "amount", Type: TypeDecimal}}}
	const text = "Bolts 5,00\nNuts 6,00"
	for _, row := range []struct {
		says, answer, want, problem string
		confidence                  float64 // NaN = unknown
	}{
		{"all is there", `{"lines":[{"what":"Bolts","amount":5.00},{"what":"Nuts","amount":"6"}]}`, `[{"what":"Bolts","amount":"5.00"},{"what":"Nuts","amount":"6"}]`, "", 0.99},
		{"an empty list", `{"lines":[]}`, `[]`, "", 0.99},
		{"one value is wrong", `{"lines":[{"what":"Bolts","amount":5.00},{"what":"Nuts","amount":7}]}`, `[{"what":"Bolts","amount":"5.00"},{"what":"Nuts","amount":"7"}]`, "element 2, amount: not found in the document", 0},
		{"a key is missing", `{"lines":[{"what":"Bolts"}]}`, `[{"what":"Bolts","amount":null}]`, "element 1, amount: the model did not answer this field", 0},
		{"an element is no object", `{"lines":["Bolts"]}`, `[{"what":null,"amount":null}]`, "element 1 is no object", 0},
		{"no list", `{"lines":"Bolts"}`, `null`, "“Bolts” is no list", 0},
		{"cut inside an element", `{"lines":[{"what":"Bolts","amount":5.00},{"what":"Nu`, `[{"what":"Bolts","amount":"5.00"}]`, "the answer breaks off inside this list, after 1 elements", math.NaN()},
		{"cut between elements", `{"lines":[{"what":"Bolts","amount":5.00},`, `[{"what":"Bolts","amount":"5.00"}]`, "the answer breaks off inside this list, after 1 elements", math.NaN()},
	} {
		t.Run(row.says, func(t *testing.T) {
			v := extract(t, text, row.answer, FinishLength, lines).Values["lines"]
			c := float64(v.Confidence)
			if string(v.JSON) != row.want || v.Problem != row.problem || !(math.Abs(c-row.confidence) < 1e-9 || math.IsNaN(c) && math.IsNaN(row.confidence)) {
				t.Errorf("got %s, problem %q, confidence %v\nwant %s, %q, %v", v.JSON, v.Problem, c, row.want, row.problem, row.confidence)
			}
		})
	}
}

// TestReadKeepsWhatIsWhole: a broken answer loses what is broken and no more.
func TestReadKeepsWhatIsWhole(t *testing.T) {
	fields := []Field{{Name: "a", Type: TypeString}, {Name: "b", Type: TypeDecimal}, {Name: "c", Type: TypeString}}
	for _, row := range []struct {
		says, answer string
		finish       FinishReason
		a, b, c      string // value, or the problem after an exclamation mark
	}{
		{"whole", `{"a":"x","b":12,"c":"y"}`, FinishStop, `"x"`, `"12"`, `"y"`},
		{"in a code fence", "Here you are:\n```json\n{ \"a\": \"x\",\n \"b\": 12, \"c\": \"y\", }\n```", FinishStop, `"x"`, `"12"`, `"y"`},
		{"after other braces", `Using {curly} words: {"a":"x","b":12,"c":"y"}`, FinishStop, `"x"`, `"12"`, `"y"`},
		{"cut inside a string", `{"a":"x","b":12,"c":"y`, FinishLength, `"x"`, `"12"`, `!the answer breaks off inside this value`},
		{"cut inside a number, perhaps", `{"a":"x","b":12`, FinishLength, `"x"`, `!the answer breaks off inside this value`, `!the answer was cut before this field`},
		{"ended after a number", `{"a":"x","b":12`, FinishStop, `"x"`, `"12"`, `!the answer breaks off before this field`},
		{"a key left out", `{"a":"x","c":"y"}`, FinishStop, `"x"`, `!the model did not answer this field`, `"y"`},
		{"a key twice", `{"a":"x","a":"z","b":12,"c":"y"}`, FinishStop, `!the model answered this twice, differently`, `"12"`, `"y"`},
		{"a key twice with the same value", `{"a":"x","a":"x","b":12,"c":"y"}`, FinishStop, `"x"`, `"12"`, `"y"`},
		{"keys in capitals", `{"A":"x","B":12,"C":"y"}`, FinishStop, `"x"`, `"12"`, `"y"`},
		{"garbage for a value", `{"a":"x","b":twelve,"c":"y"}`, FinishStop, `"x"`, `!the answer breaks off inside this value`, `!the answer breaks off before this field`},
		{"prose", `I cannot do that.`, FinishStop, `!the answer holds no JSON object`, `!the answer holds no JSON object`, `!the answer holds no JSON object`},
		{"nothing", ``, FinishStop, `!the answer holds no JSON object`, `!the answer holds no JSON object`, `!the answer holds no JSON object`},
		{"escapes", `{"a":"\u0078","b":12,"c":"\ud83d\ude00\/y"}`, FinishStop, `"x"`, `"12"`, `"😀/y"`},
	} {
		t.Run(row.says, func(t *testing.T) {
			got := extract(t, "x 12 y z 😀/y", row.answer, row.finish, fields...)
			for name, want := range map[string]string{"a": row.a, "b": row.b, "c": row.c} {
				v := got.Values[name]
				have := string(v.JSON)
				if v.Problem != "" {
					have = "!" + v.Problem
					if v.Source == FromNothing && (v.Confidence.Known() || !v.Null()) {
						t.Errorf("%s: a value that was not answered: %+v", name, v)
					}
				}
				if have != want {
					t.Errorf("%s: got %s, want %s", name, have, want)
				}
			}
		})
	}
}

func TestReadWithoutProbabilities(t *testing.T) {
	a, err := Adapt(Prompt{Kind: TaskExtract, Text: "x", Fields: []Field{{Name: "a", Type: TypeString}}}, starter, profile(t, "named"))
	if err != nil {
		t.Fatal(err)
	}
	const text = `{"a":"x"}`
	for name, r := range map[string]Response{
		"no tokens":              {Text: text, Finish: FinishStop},
		"tokens of another text": {Text: text, Tokens: tokens(`{"a":"y"}`, 2, sure), Finish: FinishStop},
		"no number":              {Text: text, Tokens: tokens(text, 2, func(string) float64 { return math.NaN() }), Finish: FinishStop},
	} {
		if v := a.Read([]Response{r}).Values["a"]; string(v.JSON) != `"x"` || v.Confidence.Known() || v.Source != FromNothing {
			t.Errorf("%s: got %+v, want \"x\" with unknown confidence", name, v)
		}
	}
	// The control: tokens that go on after the text, as with a stop string.
	r := Response{Text: text, Tokens: tokens(text+"\nmore", 2, sure), Finish: FinishStop}
	if v := a.Read([]Response{r}).Values["a"]; v.Source != FromTokens {
		t.Errorf("tokens beyond the text: got %+v", v)
	}
}

func TestReadMergesAnswers(t *testing.T) {
	var fields []Field
	for _, n := range []string{"a", "b", "c", "d", "e"} {
		fields = append(fields, Field{Name: n, Type: TypeString})
	}
	a, err := Adapt(Prompt{Kind: TaskExtract, Text: "one two", Fields: fields}, starter, profile(t, "named-careful"))
	if err != nil {
		t.Fatal(err)
	}
	first := Response{Text: `{"a":"one","b":"two","c":"one"}`, Finish: FinishStop, Usage: Usage{InputTokens: 10, OutputTokens: 2, DurationMicros: 7}}
	second := Response{Text: `{"d":"two","e":"one"}`, Finish: FinishStop, Usage: Usage{InputTokens: 8, OutputTokens: 1, DurationMicros: 5}}
	got := a.Read([]Response{first, second})
	if len(got.Values) != 5 || string(got.Values["e"].JSON) != `"one"` {
		t.Errorf("got %+v", got.Values)
	}
	if want := (Usage{InputTokens: 18, OutputTokens: 3, DurationMicros: 12}); got.Usage != want {
		t.Errorf("usage: got %+v, want %+v", got.Usage, want)
	}
	if v := a.Read([]Response{first}).Values["e"]; v.Problem != "there was no response to this question" || v.Confidence.Known() {
		t.Errorf("without the second response: got %+v", v)
	}
}

func TestReadLabelsAndTexts(t *testing.T) {
	chat := Model{ID: "chat", Capabilities: Capabilities{Probabilities: true}}
	classify, err := Adapt(Prompt{Kind: TaskClassify, Text: "x", Labels: []Label{{Name: "usual"}, {Name: "unusual"}}}, chat, profile(t, "generic-json"))
	if err != nil {
		t.Fatal(err)
	}
	generate, err := Adapt(Prompt{Kind: TaskGenerate, Text: "x", Instructions: "Write."}, chat, profile(t, "generic-json"))
	if err != nil {
		t.Fatal(err)
	}
	plain := classify
	plain.Requests = []Request{{}}
	half := func(string) float64 { return 0.5 }
	for _, row := range []struct {
		says       string
		a          Adapted
		r          Response
		want       string
		problem    string
		confidence float64
	}{
		{"a label after the prefill", classify, Response{Text: `unusual"}`, Tokens: tokens(`unusual"}`, 3, half), Finish: FinishStop}, `"unusual"`, "", 0.5},
		{"a label that a stop string ended", classify, Response{Text: `Unusual`, Tokens: tokens(`Unusual`, 3, half), Finish: FinishStop}, `"unusual"`, "", 0.5},
		{"half a label", classify, Response{Text: `unus`, Finish: FinishLength}, `null`, "the answer breaks off inside the label", math.NaN()},
		{"no label", classify, Response{Text: `odd"}`, Finish: FinishStop}, `null`, "“odd” is none of the labels", 0},
		{"an empty label", classify, Response{Text: `"}`, Finish: FinishStop}, `null`, "missing", 0},
		{"nothing but the label", plain, Response{Text: "\nusual.\n", Tokens: tokens("\nusual.\n", 2, half), Finish: FinishStop}, `"usual"`, "", 0.5},
		{"a text", generate, Response{Text: " Dear <you> ", Tokens: tokens(" Dear <you> ", 4, half), Finish: FinishStop}, `"Dear <you>"`, "", 0.5},
		{"a text without probabilities", generate, Response{Text: "Dear", Finish: FinishStop}, `"Dear"`, "", math.NaN()},
		{"a cut text", generate, Response{Text: "Dear", Tokens: tokens("Dear", 4, half), Finish: FinishLength}, `"Dear"`, "the text is cut: it reached the bound of its length", math.NaN()},
		{"no text", generate, Response{Text: " ", Finish: FinishStop}, `null`, "missing", 0},
	} {
		t.Run(row.says, func(t *testing.T) {
			values := row.a.Read([]Response{row.r}).Values
			v := values["label"]
			if row.a.prompt.Kind == TaskGenerate {
				v = values["text"]
			}
			c := float64(v.Confidence)
			if len(values) != 1 || string(v.JSON) != row.want || v.Problem != row.problem || !(math.Abs(c-row.confidence) < 1e-9 || math.IsNaN(c) && math.IsNaN(row.confidence)) {
				t.Errorf("got %s, problem %q, confidence %v; want %s, %q, %v", v.JSON, v.Problem, c, row.want, row.problem, row.confidence)
			}
		})
	}
}

// TestConfidenceIsOfTheRightTokens: one doubtful byte makes its value doubtful
// and no other, wherever the borders of tokens lie, inside characters too. What
// a schema makes of the probabilities among the allowed tokens changes nothing.
func TestConfidenceIsOfTheRightTokens(t *testing.T) {
	values := rapid.StringMatching(`[a-zäöü€😀]{1,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := values.Draw(t, "a"), values.Draw(t, "b")
		answer := fmt.Sprintf(`{"a":"%s","b":"%s"}`, a, b)
		doubt := rapid.IntRange(0, len(answer)-1).Draw(t, "doubtful byte")
		var ts []Token
		for at := 0; at < len(answer); {
			n := min(rapid.IntRange(0, 4).Draw(t, "bytes"), len(answer)-at) // tokens without bytes happen
			p := 0.9
			switch {
			case n == 0:
				p = 0.01 // doubt about nothing is no doubt
			case at <= doubt && doubt < at+n:
				p = 0.1
			}
			k := Token{Bytes: []byte(answer[at : at+n]), Logprob: math.Log(p)}
			if rapid.Bool().Draw(t, "under a schema") {
				k.Mass = rapid.Float64Range(p, 1).Draw(t, "mass")
				k.Logprob = math.Log(p / k.Mass)
			}
			ts = append(ts, k)
			at += n
		}
		m, err := Adapt(Prompt{Kind: TaskExtract, Text: a + " " + b, Fields: []Field{{Name: "a", Type: TypeString}, {Name: "b", Type: TypeString}}}, starter, Profile{Tasks: map[TaskKind]*TaskProfile{
			TaskExtract: {User: "{document}{fields}", Field: "{name}{type}", Types: map[FieldType]string{TypeString: "s"}}}})
		if err != nil {
			t.Fatal(err)
		}
		got := m.Read([]Response{{Text: answer, Tokens: ts, Finish: FinishStop}})
		for name, value := range map[string]string{"a": a, "b": b} {
			start := strings.Index(answer, `"`+name+`":`) + 3 // the colon
			end := start + len(value) + 3
			want := 0.9
			for i, at := 0, 0; i < len(ts); i++ {
				next := at + len(ts[i].Bytes)
				if at < end && next > start && len(ts[i].Bytes) > 0 {
					want = min(want, math.Exp(ts[i].Raw()))
				}
				at = next
			}
			if c := got.Values[name].Confidence; math.Abs(float64(c)-want) > 1e-9 {
				t.Fatalf("%s in %s: got %v, want %v", name, answer, c, want)
			}
		}
	})
}

// TestConfidenceHoldsEveryChoice: what decides a value may lie in a token beside
// it: the colon that is one with a quotation mark, or is not, before null; the
// comma that ends a number; the bracket that ends a list.
func TestConfidenceHoldsEveryChoice(t *testing.T) {
	a, err := Adapt(Prompt{Kind: TaskExtract, Text: "1: 14 a b c", Fields: []Field{
		{Name: "s", Type: TypeString, Nullable: true}, {Name: "n", Type: TypeDecimal, Nullable: true},
		{Name: "l", Type: TypeList, Of: []Field{{Name: "k", Type: TypeString}}}, {Name: "z", Type: TypeString, Nullable: true},
	}}, starter, Profile{Tasks: map[TaskKind]*TaskProfile{TaskExtract: {User: "{document}{fields}", Field: "{name}{type}{about}",
		Types: map[FieldType]string{TypeString: "s", TypeDecimal: "n", TypeList: "l"}}}})
	if err != nil {
		t.Fatal(err)
	}
	pieces := []string{`{"`, `s`, `":`, ` null`, `,"`, `n`, `" : `, `1`, `4`, `, "`, `l`, `":`, `[{"k`, `":"`, `a`, `"}`, `,{"k":"`, `b"`, `}]`, `,"`, `z`, `":"`, `c`, `"`, `}`}
	for doubtful, field := range map[int]string{1: "", 2: "s", 3: "s", 4: "", 5: "", 6: "n", 7: "n", 8: "n", 9: "n", 11: "l", 14: "l", 16: "l", 18: "l", 19: "", 20: "", 21: "z", 23: "z", 24: ""} {
		r := Response{Finish: FinishStop}
		for i, piece := range pieces {
			p := 0.9
			if i == doubtful {
				p = 0.1
			}
			r.Text += piece
			r.Tokens = append(r.Tokens, Token{Bytes: []byte(piece), Logprob: math.Log(p)})
		}
		for name, v := range a.Read([]Response{r}).Values {
			if doubt := v.Confidence < 0.5; doubt != (name == field) {
				t.Errorf("doubt about %q of %s: %s has confidence %v (%s), want doubt about %q alone", pieces[doubtful], r.Text, name, v.Confidence, v.Problem, field)
			}
		}
	}
}

// TestNumbersAreFoundAsWritten: a number written in any convention is found
// with its exact value, and not when one digit differs.
func TestNumbersAreFoundAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.IntRange(0, 99_999_999).Draw(t, "whole")
		cents := rapid.IntRange(0, 99).Draw(t, "cents")
		style := rapid.SampledFrom([][2]string{{".", ","}, {",", "."}, {"'", "."}, {"’", "."}, {" ", ","}, {"\u00a0", ","}, {"\u202f", "."}, {"", "."}, {"", ","}}).Draw(t, "style")
		digits := fmt.Sprint(whole)
		var grouped string
		for len(digits) > 3 {
			grouped = style[0] + digits[len(digits)-3:] + grouped
			digits = digits[:len(digits)-3]
		}
		written := digits + grouped + style[1] + fmt.Sprintf("%02d", cents)
		before := rapid.SampledFrom([]string{"", "EUR ", "€", "total: ", "("}).Draw(t, "before")
		s := newSource(before + written + rapid.SampledFrom([]string{"", " EUR", "€", ".", ", due", ")", "\n7"}).Draw(t, "after"))
		span, ok := s.findNumber(fmt.Sprintf("%d.%02d", whole, cents))
		if !ok || s.text[span.Start:span.End] != written {
			t.Fatalf("%q in %q: got %v, %t", written, s.text, span, ok)
		}
		if other := fmt.Sprintf("%d.%02d", whole+1, cents); whole > 10 {
			if at, ok := s.findNumber(other); ok {
				t.Fatalf("%s found in %q at %v", other, s.text, at)
			}
		}
	})
}

// TestDatesAreFoundAsWritten, in every spelling.
func TestDatesAreFoundAsWritten(t *testing.T) {
	for _, written := range []string{
		"2026-09-01", "2026/9/1", "2026.09.01", "20260901", "01.09.2026", "1.9.26", "01. 09. 2026", "01/09/2026", "9/1/2026", "1-9-2026",
		"1 September 2026", "1. September 2026", "1st of September 2026", "Sept. 1, 2026", "September 1st 2026", "1-Sep-2026", "01SEP2026",
		"1er septembre 2026", "1 sept. 2026", "2026-Sep-01", "1.Sept.2026", "1 September '26",
	} {
		s := newSource("Datum " + written + ", fällig sofort")
		span, ok := s.findDate("2026-09-01")
		if !ok || s.text[span.Start:span.End] != written {
			t.Errorf("%q: got %v, %t", written, span, ok)
		}
		if _, ok := s.findDate("2026-09-02"); ok { // the control
			t.Errorf("%q also says the second", written)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("doc 12,5", `{"a":"x","b":1}`, 3, true)
	f.Add("", `{"a":[{"b":"\ud800`, 1, false)
	f.Add("ü", "{\"a\":\"\xc3", 1, false)
	f.Add("1.1.26", `{"t":"1.1.26","n":"DE","l":[[[[[[`, 2, true)
	all := []Field{
		{Name: "a", Type: TypeString}, {Name: "b", Type: TypeDecimal}, {Name: "i", Type: TypeInteger}, {Name: "t", Type: TypeDate}, {Name: "o", Type: TypeBoolean},
		{Name: "e", Type: TypeEnum, Values: []string{"EUR"}}, {Name: "n", Type: TypeIBAN}, {Name: "l", Type: TypeList, Of: []Field{{Name: "b", Type: TypeDecimal}}},
	}
	chat := Model{ID: "chat", Capabilities: Capabilities{Probabilities: true}}
	f.Fuzz(func(t *testing.T, doc, said string, size int, ended bool) {
		finish := FinishLength
		if ended {
			finish = FinishStop
		}
		responses := []Response{{Text: said, Tokens: tokens(said, max(1, size%8), sure), Finish: finish}}
		for _, p := range []Prompt{
			{Kind: TaskExtract, Text: doc, Fields: all}, {Kind: TaskClassify, Text: doc, Labels: []Label{{Name: "a"}}}, {Kind: TaskGenerate, Text: doc, Instructions: "x"},
		} {
			a, err := Adapt(p, chat, profile(t, "generic-json"))
			if err != nil {
				t.Fatal(err)
			}
			for name, v := range a.Read(responses).Values {
				if !json.Valid(v.JSON) || !utf8.Valid(v.JSON) {
					t.Errorf("%s: %q is no JSON", name, v.JSON)
				}
				if v.Problem != "" && v.Confidence.Known() && v.Confidence != 0 {
					t.Errorf("%s: a problem and yet confidence: %+v", name, v)
				}
				if e := v.Evidence; e != nil && (e.Start < 0 || e.Start >= e.End || e.End > len(doc)) {
					t.Errorf("%s: evidence %v is outside the document", name, *e)
				}
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	text := strings.Repeat("Invoice INV-77 of 06.04.2026, total 1.234,50 EUR, IBAN DE89 3704 0044 0532 0130 00. ", 40)
	a, err := Adapt(Prompt{Kind: TaskExtract, Text: text, Fields: []Field{
		{Name: "number", Type: TypeString}, {Name: "issued", Type: TypeDate}, {Name: "total", Type: TypeDecimal}, {Name: "iban", Type: TypeIBAN},
	}}, Model{ID: "m"}, profile(b, "named"))
	if err != nil {
		b.Fatal(err)
	}
	const said = `{"invoice_number":"INV-77","invoice_date":"2026-04-06","total_amount":1234.50,"iban":"DE89370400440532013000"}`
	r := []Response{{Text: said, Tokens: tokens(said, 3, sure), Finish: FinishStop}}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		a.Read(r)
	}
}
