package exam

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"skerry/appliance/llm"
)

// errand is something that takes tools, and the calls that do it.
type errand struct {
	name string
	text string
	want []string // name and arguments of each call, in any order; none = it is to answer itself
	says string   // what the answer then has in it
}

var toolbox = []llm.Tool{
	{Name: "exchange_rate", Description: "Exchange rate of one currency to the euro on one day", Parameters: json.RawMessage(
		`{"type":"object","properties":{"currency":{"enum":["CHF","GBP","USD"],"description":"code of the currency"},"day":{"type":"string","format":"date","description":"day as YYYY-MM-DD"}},"required":["currency","day"],"additionalProperties":false}`)},
	{Name: "book_entry", Description: "Books one entry with one or more lines on an account", Parameters: json.RawMessage(
		`{"type":"object","properties":{"account":{"type":"integer","minimum":1000,"maximum":9999},"lines":{"type":"array","minItems":1,"maxItems":5,"items":{"type":"object","properties":{"text":{"type":"string","maxLength":40},"amount":{"type":"integer","minimum":0,"maximum":100000}},"required":["text","amount"],"additionalProperties":false}}},"required":["account","lines"],"additionalProperties":false}`)},
}

var errands = []errand{
	{"one call", "What was the exchange rate of the Swiss franc (CHF) on 14 March 2026? Use the tools.", []string{`exchange_rate{"currency":"CHF","day":"2026-03-14"}`}, ""},
	{"two calls at once", "I need two exchange rates of 2 May 2026: the British pound (GBP) and the US dollar (USD). Call the tool once for each, now.",
		[]string{`exchange_rate{"currency":"GBP","day":"2026-05-02"}`, `exchange_rate{"currency":"USD","day":"2026-05-02"}`}, ""},
	{"nested arguments", "Book on account 4400 one entry with two lines: first \"paper\" with amount 12, then \"toner\" with amount 30.",
		[]string{`book_entry{"account":4400,"lines":[{"text":"paper","amount":12},{"text":"toner","amount":30}]}`}, ""},
	{"no call", "No tool is needed for this: how much is two plus two? Answer with the number.", nil, "4"},
}

// conversation is a request of the exam's own, which no profile words.
func (e *examiner) conversation(text string) llm.Request {
	return llm.Request{Model: e.Model.ID, Logprobs: true, MaxTokens: min(600, e.Model.ContextTokens/2),
		Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Text: text}}}}}
}

// tools has errands run that take tools, as far as asking for them goes.
func (e *examiner) tools(ctx context.Context) error {
	for _, q := range errands {
		r := e.conversation(q.text)
		r.Tools = toolbox
		res, err := e.timed(ctx, r)
		if overflow(err) {
			e.unasked(Tools, 1)
			continue
		}
		if err != nil {
			return err
		}
		var got []string
		for _, c := range res.Calls {
			got = append(got, c.Name+string(c.Arguments))
		}
		ok := len(got) == len(q.want) && res.Finish != llm.FinishLength
		for _, want := range q.want {
			ok = ok && slices.ContainsFunc(got, func(g string) bool { return sameCall(g, want) })
		}
		if len(q.want) == 0 {
			ok = ok && strings.Contains(res.Text, q.says)
		}
		e.grade(Tools, ok, "%s: %s", q.name, did(res, got))
	}
	return nil
}

// did is what a model did with tools, in a few words.
func did(res llm.Response, got []string) string {
	switch {
	case res.Finish == llm.FinishLength:
		return "it did not end"
	case len(got) == 0:
		return "it called nothing and wrote " + short(res.Text)
	}
	return "it called " + clipped(strings.Join(got, " "))
}

func sameCall(a, b string) bool {
	nameA, argsA, _ := strings.Cut(a, "{")
	nameB, argsB, _ := strings.Cut(b, "{")
	x, okX := folded([]byte("{" + argsA))
	y, okY := folded([]byte("{" + argsB))
	return nameA == nameB && okX && okY && x == y
}

// mould is a schema and what an answer under it must be.
type mould struct {
	text, schema string
	check        func(json.RawMessage) bool
}

var moulds = []mould{
	{"Describe a wooden chair as JSON.", `{"type":"object","properties":{"name":{"type":"string","minLength":1,"maxLength":40},"legs":{"type":"integer","minimum":3,"maximum":5},"tags":{"type":"array","items":{"enum":["wood","metal","plastic"]},"minItems":1,"maxItems":2}},"required":["name","legs","tags"],"additionalProperties":false}`,
		func(raw json.RawMessage) bool {
			var v struct {
				Name string   `json:"name"`
				Legs int      `json:"legs"`
				Tags []string `json:"tags"`
			}
			fits := strictly(raw, &v) && v.Name != "" && len([]rune(v.Name)) <= 40 && v.Legs >= 3 && v.Legs <= 5 && len(v.Tags) > 0 && len(v.Tags) < 3
			for _, t := range v.Tags {
				fits = fits && slices.Contains([]string{"wood", "metal", "plastic"}, t)
			}
			return fits
		}},
	{"Write down a journey from Kiel to Bristol as JSON with two stages.", `{"type":"object","properties":{"stages":{"type":"array","minItems":2,"maxItems":2,"items":{"type":"object","properties":{"from":{"type":"string","maxLength":30},"to":{"type":"string","maxLength":30},"day":{"type":"string","pattern":"^2026-0[1-9]-[012][0-9]$"}},"required":["from","to","day"],"additionalProperties":false}},"note":{"type":["string","null"],"maxLength":60}},"required":["stages","note"],"additionalProperties":false}`,
		func(raw json.RawMessage) bool {
			var v struct {
				Stages []struct{ From, To, Day string } `json:"stages"`
				Note   *string                          `json:"note"`
			}
			return strictly(raw, &v) && len(v.Stages) == 2 && len(v.Stages[0].Day) == len("2026-01-01") && strings.HasPrefix(v.Stages[1].Day, "2026-0")
		}},
}

func strictly(raw json.RawMessage, v any) bool {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	return d.Decode(v) == nil && !d.More()
}

// schemas asks for answers under schemas of several kinds, greedily and hot.
func (e *examiner) schemas(ctx context.Context) error {
	for _, m := range moulds {
		for _, temperature := range []float64{0, 1.5} {
			r := e.conversation(m.text)
			r.Schema, r.Sampling = json.RawMessage(m.schema), llm.Sampling{Temperature: temperature, Seed: 1}
			res, err := e.timed(ctx, r)
			if overflow(err) {
				e.unasked(Schemas, 1)
				continue
			}
			if err != nil {
				return err
			}
			e.grade(Schemas, res.Finish == llm.FinishStop && m.check(json.RawMessage(res.Text)), "at temperature %g: %s", temperature, short(res.Text))
		}
	}
	return nil
}

// unanswerable are questions that a text does not answer.
var unanswerable = []struct{ text, ask string }{
	{"Minutes of 3 June: Marta Oduya reported on the mooring lines. The next meeting is on Friday.", "What is Marta Oduya's telephone number?"},
	{"Die Kantine bleibt am Freitag geschlossen, weil der Boden erneuert wird.", "What does the new floor cost?"},
}

const notStated = "NOT STATED"

// refusal finds out whether a model makes up what it is not told. One that writes
// nothing by itself, as the starter models, passes by saying so.
func (e *examiner) refusal(ctx context.Context) error {
	for _, q := range unanswerable {
		p := llm.Prompt{Kind: llm.TaskGenerate, Text: q.text, MaxTokens: 200,
			Instructions: fmt.Sprintf("%s Answer from the text alone. If the text does not say, write exactly %s and nothing else.", q.ask, notStated)}
		if !e.Model.Capabilities.Can(llm.TaskGenerate) {
			_, err := llm.Adapt(p, e.Model, e.Profile)
			e.grade(Refusal, llm.KindOf(err) == llm.Invalid && err != nil, "it is asked to write, although it says that it cannot")
			continue
		}
		answer, _, err := e.ask(ctx, p)
		if overflow(err) {
			e.unasked(Refusal, 1)
			continue
		}
		if err != nil {
			return err
		}
		var text string
		v := answer.Values["text"]
		if json.Unmarshal(v.JSON, &text) != nil {
			text = string(v.JSON)
		}
		e.grade(Refusal, strings.Contains(strings.ToUpper(text), notStated), "it wrote %s", short(text))
	}
	return nil
}
