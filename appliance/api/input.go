package api

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"skerry/appliance/llm"
	"skerry/appliance/mission"
)

var (
	decimal = regexp.MustCompile(`^-?[0-9]{1,30}(\.[0-9]{1,30})?$`)
	integer = regexp.MustCompile(`^-?[0-9]{1,18}$`)
	iban    = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$`)
)

// scalar turns what somebody typed for an input into its JSON: a decimal and a
// date are strings, so that digits are kept.
func scalar(f *mission.InputField, text string) (json.RawMessage, error) {
	return typed(llm.FieldType(f.Type), f.Values, text, "input."+f.Name)
}

// scalarJSON checks the JSON of an input and brings it into the form of
// [scalar].
func scalarJSON(f *mission.InputField, v json.RawMessage) (json.RawMessage, error) {
	return typedJSON(llm.FieldType(f.Type), f.Values, v, "body.input."+f.Name)
}

// typedJSON checks that v, a string or the JSON scalar itself, is a t.
func typedJSON(t llm.FieldType, values []string, v json.RawMessage, location string) (json.RawMessage, error) {
	text := strings.TrimSpace(string(v))
	if strings.HasPrefix(text, `"`) {
		var s string
		if err := json.Unmarshal(v, &s); err != nil {
			return nil, invalid(location, "this is not JSON: %s", jsonFault(err))
		}
		text = s
	} else if t == llm.TypeString || t == llm.TypeDate || t == llm.TypeEnum || t == llm.TypeIBAN {
		return nil, invalid(location, "a value of type %s is a JSON string", t)
	}
	return typed(t, values, text, location)
}

func typed(t llm.FieldType, values []string, text, location string) (json.RawMessage, error) {
	if t != llm.TypeString {
		text = strings.TrimSpace(text)
	}
	switch t {
	case llm.TypeString:
		if !utf8.ValidString(text) {
			return nil, invalid(location, "this text is not UTF-8; save it as UTF-8 and send it again")
		}
	case llm.TypeDecimal:
		if !decimal.MatchString(text) {
			return nil, invalid(location, "%s is not a number; write it like 1234.50, without thousands separators", quoted(text))
		}
	case llm.TypeInteger:
		if !integer.MatchString(text) {
			return nil, invalid(location, "%s is not a whole number; write it like 42", quoted(text))
		}
		text = strings.TrimPrefix(text, "+")
		if text = trimZeros(text); text == "-0" {
			text = "0"
		}
		return json.RawMessage(text), nil
	case llm.TypeBoolean:
		if text != "true" && text != "false" {
			return nil, invalid(location, "%s is neither true nor false", quoted(text))
		}
		return json.RawMessage(text), nil
	case llm.TypeDate:
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return nil, invalid(location, "%s is not a date; write it like 2026-11-22", quoted(text))
		}
	case llm.TypeEnum:
		if !slices.Contains(values, text) {
			return nil, invalid(location, "%s is not an allowed value; use one of %s", quoted(text), strings.Join(values, ", "))
		}
	case llm.TypeIBAN:
		text = strings.ToUpper(strings.ReplaceAll(text, " ", ""))
		if !iban.MatchString(text) || !ibanHolds(text) {
			return nil, invalid(location, "%s is not an IBAN; check its digits", quoted(text))
		}
	default:
		return nil, invalid(location, "values of type %s cannot be given here", t)
	}
	return json.Marshal(text)
}

// trimZeros removes leading zeros, which JSON numbers must not have.
func trimZeros(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	if s = strings.TrimLeft(s, "0"); s == "" {
		s = "0"
	}
	return sign + s
}

// ibanHolds checks the check digits (ISO 13616, mod 97 of ISO 7064).
func ibanHolds(s string) bool {
	rest := 0
	for _, c := range s[4:] + s[:4] {
		if c >= 'A' {
			rest = (rest*100 + int(c-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(c-'0')) % 97
		}
	}
	return rest == 1
}

// quoted shows a person what they sent, shortened.
func quoted(s string) string {
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return `"` + s + `"`
}

// fileName returns a name that is safe to show and to save under: its last
// element, without control characters, at most 255 bytes of whole characters.
func fileName(s string) string {
	s = s[strings.LastIndexAny(s, `/\`)+1:]
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, s)
	for len(s) > 255 {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	if strings.Trim(s, ". ") == "" {
		return "document"
	}
	return s
}
