// Package dialect knows how chat models want a conversation to be written
// down. The forms are built in and chosen by name; a template inside a model
// file is only compared with what is known and never run, because it is a
// program by a stranger. Start with [For] and [Dialect.Render].
package dialect

import (
	"fmt"
	"slices"
	"strings"

	"skerry/appliance/llm"
)

// Span is a piece of a rendered conversation.
type Span struct {
	Text    string
	Control bool // Text is one control token of the dialect; anything else is text
	Trusted bool // special-token strings in Text are control tokens, as its author meant them

	// Image stands here instead of Text: an encoded PNG or JPEG.
	Image []byte
}

// Dialect is the way a family of models writes conversations. Strings between
// the marks ⟦ and ⟧ are control tokens.
type Dialect struct {
	Name  string
	Tools bool // it has a way to call tools
	// Think says where thinking begins and ends. Models of a dialect without it
	// do not think.
	Think     Think
	marks     []string            // that all occur in a template of this kind
	without   []string            // that do not
	needs     []string            // control tokens that must be there, beside those of the forms
	complex   bool                // it is more than forms of turns: package chat writes it
	before    map[llm.Role]string // what opens a turn of the role
	after     map[llm.Role]string // what closes it
	end       []string            // tokens that end the model's turn
	foldsInto llm.Role            // where system text goes if the dialect has no system turn
}

// Think says how a family of models thinks before it answers.
type Think struct {
	Open, Close string // around what is thought; control tokens where the vocabulary has them
	Always      bool   // it cannot be kept from it
}

func turns(open, close string, names [3]string) (before, after map[llm.Role]string) {
	before, after = map[llm.Role]string{}, map[llm.Role]string{}
	for i, r := range []llm.Role{llm.System, llm.User, llm.Assistant} {
		before[r], after[r] = strings.ReplaceAll(open, "ROLE", names[i]), close
	}
	return before, after
}

var dialects = func() []Dialect {
	usual := [3]string{"system", "user", "assistant"}
	chatml := Dialect{Name: "chatml", marks: []string{"<|im_start|>", "<|im_end|>"}, end: []string{"<|im_end|>"}}
	chatml.before, chatml.after = turns("⟦<|im_start|>⟧ROLE\n", "⟦<|im_end|>⟧\n", usual)
	llama3 := Dialect{Name: "llama3", marks: []string{"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}, end: []string{"<|eot_id|>"}}
	llama3.before, llama3.after = turns("⟦<|start_header_id|>⟧ROLE⟦<|end_header_id|>⟧\n\n", "⟦<|eot_id|>⟧", usual)
	gemma := Dialect{Name: "gemma", marks: []string{"<start_of_turn>", "<end_of_turn>"}, end: []string{"<end_of_turn>"}, foldsInto: llm.User}
	gemma.before, gemma.after = turns("⟦<start_of_turn>⟧ROLE\n", "⟦<end_of_turn>⟧\n", [3]string{"user", "user", "model"})
	phi := Dialect{Name: "phi3", marks: []string{"<|user|>", "<|assistant|>", "<|end|>"}, end: []string{"<|end|>"}}
	phi.before, phi.after = turns("⟦<|ROLE|>⟧\n", "⟦<|end|>⟧\n", usual)
	mistral := Dialect{
		Name: "mistral", marks: []string{"[INST]", "[/INST]"}, end: []string{"</s>"}, foldsInto: llm.User,
		before: map[llm.Role]string{llm.User: "⟦[INST]⟧ ", llm.Assistant: ""},
		after:  map[llm.Role]string{llm.User: "⟦[/INST]⟧", llm.Assistant: "⟦</s>⟧"},
	}
	mistral7 := Dialect{
		Name: "mistral-v7", marks: []string{"[SYSTEM_PROMPT]", "[INST]", "[/INST]"}, end: []string{"</s>"},
		before: map[llm.Role]string{llm.System: "⟦[SYSTEM_PROMPT]⟧", llm.User: "⟦[INST]⟧", llm.Assistant: ""},
		after:  map[llm.Role]string{llm.System: "⟦[/SYSTEM_PROMPT]⟧", llm.User: "⟦[/INST]⟧", llm.Assistant: "⟦</s>⟧"},
	}
	deepseek := Dialect{
		Name: "deepseek", marks: []string{"<｜User｜>", "<｜Assistant｜>"}, end: []string{"<｜end▁of▁sentence｜>"},
		before: map[llm.Role]string{llm.System: "", llm.User: "⟦<｜User｜>⟧", llm.Assistant: "⟦<｜Assistant｜>⟧"},
		after:  map[llm.Role]string{llm.System: "", llm.User: "", llm.Assistant: "⟦<｜end▁of▁sentence｜>⟧"},
	}
	r1 := deepseek
	r1.Name, r1.marks, r1.Think = "deepseek-r1", append(slices.Clone(deepseek.marks), "</think>"), Think{"<think>", "</think>", true}
	// In the order of recognition: the more particular first.
	return append(families(), chatml, llama3, gemma, mistral7, mistral, r1, deepseek, phi)
}()

// Names returns the names of all dialects.
func Names() []string {
	var out []string
	for _, d := range dialects {
		out = append(out, d.Name)
	}
	return out
}

// For returns the dialect of the given name, the one that name describes (see
// [Supplied]), or, for "auto" or "", the one
// that the template of a model file is recognised as. isControl reports
// whether the vocabulary has a string as control token; a dialect whose
// control tokens are missing is refused, because the model would read them as
// plain words.
func For(name, template string, isControl func(string) bool) (Dialect, error) {
	if strings.HasPrefix(name, "{") {
		return supplied(name, isControl)
	}
	if name != "" && name != "auto" {
		i := slices.IndexFunc(dialects, func(d Dialect) bool { return d.Name == name })
		if i < 0 {
			return Dialect{}, fmt.Errorf("there is no chat template named %q; known are auto, %s", name, strings.Join(Names(), ", "))
		}
		if m := dialects[i].missing(isControl); m != "" {
			return Dialect{}, fmt.Errorf("the chat template %s needs the control token %s, which this model does not have; choose another template", name, m)
		}
		return dialects[i], nil
	}
	for _, d := range dialects {
		if d.recognises(template) && d.missing(isControl) == "" {
			return d, nil
		}
	}
	return Dialect{}, fmt.Errorf("the chat template of this model is not one that is known, and templates from model files are not run; name the right one of %s, if there is one", strings.Join(Names(), ", "))
}

// recognises reports whether a template is of the kind of d. Where a file has
// none, only its control tokens decide, among the plain forms.
func (d Dialect) recognises(template string) bool {
	if template == "" {
		return !d.complex && d.Think == Think{}
	}
	in := func(m string) bool { return strings.Contains(template, m) }
	return !slices.ContainsFunc(d.marks, func(m string) bool { return !in(m) }) && !slices.ContainsFunc(d.without, in)
}

func (d Dialect) missing(isControl func(string) bool) string {
	for _, c := range d.Controls() {
		if !isControl(c) {
			return c
		}
	}
	return ""
}

// Controls returns all control tokens that the dialect uses, sorted.
func (d Dialect) Controls() []string {
	out := slices.Concat(d.end, d.needs)
	for _, m := range []map[llm.Role]string{d.before, d.after} {
		for _, s := range m {
			for _, sp := range spans(s) {
				if sp.Control {
					out = append(out, sp.Text)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Complex reports whether the dialect is more than forms of turns, and package
// chat writes it.
func (d Dialect) Complex() bool { return d.complex }

// Ends returns the tokens that end the model's turn.
func (d Dialect) Ends() []string { return slices.Clone(d.end) }

// Render writes a conversation down up to the place where the model's answer
// begins, prefill included. It returns an *llm.Error of kind invalid for a
// conversation that cannot be written.
func (d Dialect) Render(messages []llm.Message, prefill string) ([]Span, error) {
	if d.complex {
		return nil, fmt.Errorf("the dialect %s is written by package chat", d.Name)
	}
	if len(messages) == 0 {
		return nil, invalid("the request has no messages")
	}
	var out []Span
	var held []llm.Part // system text that waits for a user turn
	for i, m := range messages {
		switch {
		case m.Role == llm.System && i != 0:
			return nil, invalid("a system message can only be the first")
		case m.Role == llm.System && d.foldsInto != "":
			held = m.Parts
			continue
		case m.Role != llm.System && m.Role != llm.User && m.Role != llm.Assistant:
			return nil, invalid(fmt.Sprintf("there is no role %q", m.Role))
		}
		out = append(out, spans(d.before[m.Role])...)
		if m.Role == d.foldsInto && held != nil {
			out = append(append(out, parts(held)...), Span{Text: "\n\n"})
			held = nil
		}
		out = append(append(out, parts(m.Parts)...), spans(d.after[m.Role])...)
	}
	if last := messages[len(messages)-1].Role; last != llm.User {
		return nil, invalid(fmt.Sprintf("the last message is from %q; it must be from the user (the beginning of an answer goes into prefill)", last))
	}
	out = append(out, spans(d.before[llm.Assistant])...)
	if prefill != "" {
		out = append(out, Span{Text: prefill})
	}
	return out, nil
}

func parts(ps []llm.Part) []Span {
	var out []Span
	for _, p := range ps {
		out = append(out, Span{Text: p.Text, Trusted: !p.Untrusted, Image: p.Image})
	}
	return out
}

// spans splits a form at its marks.
func spans(form string) []Span {
	var out []Span
	for form != "" {
		text, rest, found := strings.Cut(form, "⟦")
		if text != "" {
			out = append(out, Span{Text: text})
		}
		if !found {
			break
		}
		control, after, _ := strings.Cut(rest, "⟧")
		out = append(out, Span{Text: control, Control: true})
		form = after
	}
	return out
}

func invalid(s string) error { return &llm.Error{Kind: llm.Invalid, Message: s} }
