package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"skerry/appliance/llm"
)

// exactDecimal is how a decimal is written: no exponent, no thousands
// separator, at most 28 digits before the point and 18 after.
var exactDecimal = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,27})(\.[0-9]{1,18})?$`)

var wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,17})$`)

// maxText bounds a string that a person or program gives for a field.
const maxText = 64 << 10

func null(b json.RawMessage) bool {
	b = bytes.TrimSpace(b)
	return len(b) == 0 || string(b) == "null"
}

// normalise checks that raw is a value of the field's type and returns it in
// the form in which values travel; else it says what is wrong and how to write
// it.
func normalise(f llm.Field, raw json.RawMessage) (normal json.RawMessage, why string) {
	if null(raw) {
		if f.Nullable {
			return json.RawMessage("null"), ""
		}
		return nil, "must not be empty"
	}
	if !json.Valid(raw) {
		return nil, "is not valid JSON"
	}
	switch f.Type {
	case llm.TypeList:
		return normaliseList(f, raw)
	case llm.TypeBoolean:
		if s := string(bytes.TrimSpace(raw)); s == "true" || s == "false" {
			return json.RawMessage(s), ""
		}
		return nil, "must be true or false"
	case llm.TypeInteger:
		if s := string(bytes.TrimSpace(raw)); wholeNumber.MatchString(s) {
			return json.RawMessage(s), ""
		}
		return nil, "must be a whole number of at most 18 digits, for example 42"
	case llm.TypeDecimal:
		s := strings.Trim(string(bytes.TrimSpace(raw)), `"`)
		if !exactDecimal.MatchString(s) {
			return nil, `must be a decimal with a point and no separators, for example "1234.50"`
		}
		return json.RawMessage(`"` + s + `"`), ""
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return nil, "must be text in quotation marks"
	}
	switch f.Type {
	case llm.TypeString:
		if len(s) > maxText {
			return nil, fmt.Sprintf("is longer than %d bytes; give a document instead", maxText)
		}
	case llm.TypeDate:
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return nil, "must be a date as in 2026-11-22"
		}
	case llm.TypeEnum:
		if !slices.Contains(f.Values, s) {
			return nil, "must be one of " + strings.Join(f.Values, ", ")
		}
	case llm.TypeIBAN:
		s = strings.ToUpper(strings.Join(strings.Fields(s), ""))
		if !validIBAN(s) {
			return nil, "is not an IBAN: its check digits do not fit"
		}
	default:
		return nil, fmt.Sprintf("has the type %q, which cannot be given", f.Type)
	}
	b, err := json.Marshal(s)
	if err != nil { // a string always marshals
		return nil, err.Error()
	}
	return b, ""
}

func normaliseList(f llm.Field, raw json.RawMessage) (json.RawMessage, string) {
	var rows []map[string]json.RawMessage
	if json.Unmarshal(raw, &rows) != nil {
		return nil, "must be a list of objects"
	}
	for i, row := range rows {
		for _, of := range f.Of {
			v, ok := row[of.Name]
			if !ok {
				v = json.RawMessage("null")
			}
			of.Nullable = true // an element may lack what the document lacks
			normal, why := normalise(of, v)
			if why != "" {
				return nil, fmt.Sprintf("element %d: %s %s", i+1, of.Name, why)
			}
			row[of.Name] = normal
		}
		for _, name := range slices.Sorted(maps.Keys(row)) {
			if !slices.ContainsFunc(f.Of, func(of llm.Field) bool { return of.Name == name }) {
				return nil, fmt.Sprintf("element %d: there is no %q", i+1, name)
			}
		}
	}
	if rows == nil {
		rows = []map[string]json.RawMessage{}
	}
	b, err := json.Marshal(rows)
	if err != nil {
		return nil, err.Error()
	}
	return b, ""
}

// validIBAN checks form and check digits (ISO 13616, ISO 7064 mod 97-10).
func validIBAN(s string) bool {
	if len(s) < 15 || len(s) > 34 {
		return false
	}
	rest := 0
	for i := range len(s) {
		c := s[(i+4)%len(s)]
		switch {
		case c >= '0' && c <= '9':
			rest = (rest*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			rest = (rest*100 + int(c-'A') + 10) % 97
		default:
			return false
		}
	}
	return rest == 1
}
