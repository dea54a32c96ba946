package dialect

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"skerry/appliance/llm"
)

// Supplied is a dialect that an administrator supplies for a model whose
// template is not known, as JSON. It describes and computes nothing: no loop,
// no condition, no expression. Control tokens stand between ⟦ and ⟧.
//
//	{"name": "house",
//	 "turns": {"system":    {"before": "⟦<|sys|>⟧",  "after": "⟦<|end|>⟧\n"},
//	           "user":      {"before": "⟦<|user|>⟧", "after": "⟦<|end|>⟧\n"},
//	           "assistant": {"before": "⟦<|bot|>⟧",  "after": "⟦<|end|>⟧\n"}},
//	 "end": ["<|end|>"]}
//
// Without a turn for the system, its text is put before that of the first
// user. Turns must be marked by control tokens: plain words as marks can be
// imitated by any document. Tools are only called in dialects that are built in.
type Supplied struct {
	Name  string                    `json:"name"` // 1 to 40 of a-z, 0-9 and -
	Turns map[llm.Role]SuppliedTurn `json:"turns"`
	End   []string                  `json:"end"` // control tokens that end the model's turn

	ThinkOpen  string `json:"thinkOpen,omitempty"` // where the model begins to think, if it does
	ThinkClose string `json:"thinkClose,omitempty"`
}

// SuppliedTurn is what stands before and after the text of a turn.
type SuppliedTurn struct {
	Before string `json:"before"`
	After  string `json:"after"`
}

// Bounds of a supplied dialect.
const (
	maxSuppliedBytes = 16 << 10
	maxFormBytes     = 512
)

var suppliedName = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// supplied reads a dialect from JSON.
func supplied(text string, isControl func(string) bool) (Dialect, error) {
	d, err := ParseSupplied(text)
	if err != nil {
		return Dialect{}, err
	}
	if m := d.missing(isControl); m != "" {
		return Dialect{}, fmt.Errorf("the chat template %s needs the control token %s, which this model does not have; name its own", d.Name, m)
	}
	return d, nil
}

// ParseSupplied checks a supplied dialect as a whole, but for whether a model
// has its control tokens.
func ParseSupplied(text string) (Dialect, error) {
	refuse := func(format string, a ...any) (Dialect, error) {
		return Dialect{}, fmt.Errorf("the chat template that was supplied: "+format, a...)
	}
	if len(text) > maxSuppliedBytes || !utf8.ValidString(text) {
		return refuse("it must be UTF-8 of at most %d bytes", maxSuppliedBytes)
	}
	var s Supplied
	j := json.NewDecoder(strings.NewReader(text))
	j.DisallowUnknownFields()
	if err := j.Decode(&s); err != nil {
		return refuse("%v", err)
	}
	if _, err := j.Token(); err != io.EOF {
		return refuse("there is more after the JSON value")
	}
	if !suppliedName.MatchString(s.Name) {
		return refuse("name must be 1 to 40 of a-z, 0-9 and -")
	}
	d := Dialect{Name: "own:" + s.Name, before: map[llm.Role]string{}, after: map[llm.Role]string{}, end: s.End}
	for role, t := range s.Turns {
		if role != llm.System && role != llm.User && role != llm.Assistant {
			return refuse("turns has %q; there are system, user and assistant", role)
		}
		for _, form := range []string{t.Before, t.After} {
			if err := checkForm(form); err != nil {
				return refuse("the turn of %s: %v", role, err)
			}
		}
		d.before[role], d.after[role] = t.Before, t.After
	}
	for _, role := range []llm.Role{llm.User, llm.Assistant} {
		if !strings.Contains(d.before[role]+d.after[role], "⟦") {
			return refuse("turns must have one for %s with at least one control token, written as ⟦<|token|>⟧", role)
		}
	}
	if _, ok := s.Turns[llm.System]; !ok {
		d.foldsInto = llm.User
	}
	if len(s.End) == 0 || len(s.End) > 8 {
		return refuse("end must name 1 to 8 control tokens")
	}
	for _, e := range s.End {
		if e == "" || len(e) > maxFormBytes || strings.ContainsAny(e, "⟦⟧") {
			return refuse("end: %q is no control token; write them here without ⟦ and ⟧", e)
		}
	}
	if s.ThinkOpen != "" || s.ThinkClose != "" {
		if s.ThinkOpen == "" || len(s.ThinkClose) < 2 || len(s.ThinkOpen)+len(s.ThinkClose) > maxFormBytes || strings.ContainsAny(s.ThinkOpen+s.ThinkClose, "⟦⟧") {
			return refuse("thinkOpen and thinkClose must both be there, without ⟦ and ⟧")
		}
		d.Think = Think{Open: s.ThinkOpen, Close: s.ThinkClose, Always: true}
	}
	return d, nil
}

// checkForm refuses marks that are not in pairs.
func checkForm(form string) error {
	if len(form) > maxFormBytes {
		return fmt.Errorf("it has %d bytes; %d are possible", len(form), maxFormBytes)
	}
	open := -1
	for i, r := range form {
		switch {
		case r == '⟦' && open < 0:
			open = i + len("⟦")
		case r == '⟧' && open >= 0 && i > open:
			open = -1
		case r == '⟦' || r == '⟧':
			return fmt.Errorf("⟦ and ⟧ in %q are not in pairs around a token", form)
		}
	}
	if open >= 0 {
		return fmt.Errorf("⟦ in %q is not closed", form)
	}
	return nil
}
