package llmtest

import (
	"encoding/json"
	"strings"

	"skerry/appliance/llm"
)

// RulesLogprob is the log probability that [Rules] gives each token: a model
// that is 99 % sure.
const RulesLogprob = -0.01005

// Rules is the default behaviour of [Fake]. A last user message that ends in a
// list like
//
//	Fields:
//	invoice_number: string
//	total_amount: number
//
// is answered with a JSON object holding, for each name, what follows a line
// that begins with that name ("invoice number", "Invoice-Number" and
// "invoice_number" are the same) and a colon in the text before; null where
// there is none. Any other message is answered with its own first line.
func Rules(r llm.Request) (string, float64, error) {
	text := lastUser(r)
	at := strings.LastIndex(text, "Fields:\n")
	if at < 0 {
		line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
		return line, RulesLogprob, nil
	}
	values := map[string]string{}
	for line := range strings.Lines(text[:at]) {
		label, value, ok := strings.Cut(line, ":")
		if _, seen := values[plain(label)]; ok && !seen {
			values[plain(label)] = strings.TrimSpace(value)
		}
	}
	var b strings.Builder
	b.WriteByte('{')
	for line := range strings.Lines(text[at+len("Fields:\n"):]) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		kind, _, _ := strings.Cut(strings.TrimSpace(rest), " ") // a description may follow
		b.WriteString(quote(name) + ":" + literal(values[plain(name)], kind))
	}
	b.WriteByte('}')
	return b.String(), RulesLogprob, nil
}

// Script returns an Answer for [Fake] that says the reply of the first rule
// whose key occurs in any message, and answers by [Rules] where none does.
// Replies are tried in the order given: key, reply, key, reply, …
func Script(rules ...string) func(llm.Request) (string, float64, error) {
	return func(r llm.Request) (string, float64, error) {
		all := Text(r)
		for i := 0; i+1 < len(rules); i += 2 {
			if strings.Contains(all, rules[i]) {
				return rules[i+1], RulesLogprob, nil
			}
		}
		return Rules(r)
	}
}

// Text returns all text of r, messages separated by newlines.
func Text(r llm.Request) string {
	var b strings.Builder
	for _, m := range r.Messages {
		for _, p := range m.Parts {
			b.WriteString(p.Text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func lastUser(r llm.Request) string {
	for i := len(r.Messages) - 1; i >= 0; i-- {
		if r.Messages[i].Role == llm.User {
			return Text(llm.Request{Messages: r.Messages[i : i+1]})
		}
	}
	return ""
}

// plain reduces a label to its letters and digits in lower case.
func plain(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			return c
		}
		return -1
	}, s)
}

func literal(value, kind string) string {
	switch kind {
	case "number", "decimal", "integer", "boolean":
		if json.Valid([]byte(value)) && !strings.HasPrefix(value, `"`) {
			return value
		}
		return "null"
	}
	if value == "" {
		return "null"
	}
	return quote(value)
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil { // a string always marshals
		return `""`
	}
	return string(b)
}
