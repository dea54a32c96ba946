package llm

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// ParseProfile reads a prompt profile from JSON. It is strict: an unknown key,
// an unknown placeholder or a text that lacks the placeholder it cannot do
// without is an error, because a profile that is slightly wrong makes a model
// that is slightly wrong. Braces that hold no lower-case word, as JSON in a
// text does, are ordinary text.
func ParseProfile(data []byte) (Profile, error) {
	var p Profile
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Profile{}, fmt.Errorf("profile: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Profile{}, fmt.Errorf("profile %s: there is something after the end of the object", p.Name)
	}
	if err := p.check(); err != nil {
		return Profile{}, fmt.Errorf("profile %s: %w", p.Name, err)
	}
	sum := sha256.Sum256(data)
	p.Digest = hex.EncodeToString(sum[:])
	return p, nil
}

func (p *Profile) check() error {
	s := p.Sampling
	switch {
	case p.Name == "":
		return fmt.Errorf("it has no name")
	case len(p.Tasks) == 0:
		return fmt.Errorf("it has no tasks")
	case s.Temperature < 0 || s.TopK < 0 || s.TopP < 0 || s.TopP > 1:
		return fmt.Errorf("sampling is out of range: temperature and topK from 0, topP from 0 to 1")
	case slices.Contains(p.Stop, ""):
		return fmt.Errorf("an empty stop string would end every answer at once")
	}
	for _, kind := range slices.Sorted(maps.Keys(p.Tasks)) {
		if err := p.Tasks[kind].check(kind); err != nil {
			return fmt.Errorf("tasks.%s: %w", kind, err)
		}
	}
	return nil
}

func (t *TaskProfile) check(kind TaskKind) error {
	if t == nil {
		return fmt.Errorf("it is null; leave the task out if the model cannot do it")
	}
	// The document never goes into the system message, where models take
	// everything for an order.
	must := map[TaskKind]string{TaskExtract: "fields", TaskClassify: "labels", TaskGenerate: "instructions"}[kind]
	if must == "" {
		return fmt.Errorf("there is no such task; tasks are extract, classify, generate")
	}
	for _, text := range []struct {
		name, text string
		may, must  []string
	}{
		{"system", t.System, []string{"instructions"}, nil},
		{"user", t.User, []string{"document", "instructions", must}, []string{"document", must}},
		{"prefill", t.Prefill, nil, nil},
		{"field", t.Field, []string{"name", "type", "about"}, only(kind == TaskExtract, "name", "type")},
		{"key", t.Key, []string{"name", "about"}, only(kind == TaskExtract && t.Key != "", "name")},
		{"label", t.Label, []string{"name", "about"}, only(kind == TaskClassify, "name")},
	} {
		var found []string
		for _, s := range segments(text.text) {
			if s.name == "" {
				continue
			}
			if !slices.Contains(text.may, s.name) {
				return fmt.Errorf("%s: there is no placeholder {%s} here; %s", text.name, s.name, allowed(text.may))
			}
			found = append(found, s.name)
		}
		for _, name := range text.must {
			if !slices.Contains(found, name) {
				return fmt.Errorf("%s: the placeholder {%s} is missing", text.name, name)
			}
		}
	}
	if t.View != "" && t.View != ViewLines {
		return fmt.Errorf("view: there is no view %q; it is %q or left out", t.View, ViewLines)
	}
	if t.PerAsk < 0 || t.MaxTokens < 0 {
		return fmt.Errorf("perAsk and maxTokens cannot be negative")
	}
	for typ, word := range t.Types {
		if !slices.Contains(fieldTypes, typ) || word == "" {
			return fmt.Errorf("types: %q: %q is no type with a word for it; types are %v", typ, word, fieldTypes)
		}
	}
	for name, word := range t.Names {
		if name == "" || word == "" || strings.ContainsAny(word, "\"\\\n") {
			return fmt.Errorf("names: %q cannot be asked as %q", name, word)
		}
	}
	return nil
}

var fieldTypes = []FieldType{TypeString, TypeDecimal, TypeInteger, TypeDate, TypeBoolean, TypeEnum, TypeIBAN, TypeList}

func only(yes bool, names ...string) []string {
	if yes {
		return names
	}
	return nil
}

func allowed(names []string) string {
	if len(names) == 0 {
		return "this text has none"
	}
	return "it may hold {" + strings.Join(names, "}, {") + "}"
}

// segment is a piece of a profile's text: a literal, or a placeholder's name.
type segment struct{ literal, name string }

// segments cuts a text of a profile at its placeholders: a lower-case word in
// braces. It is never applied to anything but profiles.
func segments(text string) []segment {
	var all []segment
	for text != "" {
		start, end := placeholder(text)
		if start > 0 {
			all = append(all, segment{literal: text[:start]})
		}
		if start < end {
			all = append(all, segment{name: text[start+1 : end-1]})
		}
		text = text[end:]
	}
	return all
}

// placeholder returns where the first placeholder of text stands, or the end of
// text twice.
func placeholder(text string) (start, end int) {
	for i := 0; i < len(text); i++ {
		if text[i] != '{' {
			continue
		}
		j := i + 1
		for j < len(text) && 'a' <= text[j] && text[j] <= 'z' {
			j++
		}
		if j > i+1 && j < len(text) && text[j] == '}' {
			return i, j + 1
		}
	}
	return len(text), len(text)
}
