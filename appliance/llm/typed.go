package llm

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// typed returns the value of type f.Type that v stands for, and the text to
// look for in the document. value is nil for null; problem says why v is not of
// the type, and value is then nil or, where it can be kept, what was said.
func (f Field) typed(v raw) (value json.RawMessage, text, problem string) {
	if v.kind == rawString {
		v.text = strings.TrimSpace(strings.ToValidUTF8(v.text, "\uFFFD"))
	}
	if v.kind == rawNull || v.kind == rawString && v.text == "" {
		return nil, "", ""
	}
	switch f.Type {
	case TypeString:
		return typedString(v)
	case TypeDecimal:
		return typedDecimal(v)
	case TypeInteger:
		return typedInteger(v)
	case TypeDate:
		return typedDate(v)
	case TypeBoolean:
		return typedBoolean(v)
	case TypeEnum:
		return f.typedEnum(v)
	case TypeIBAN:
		return typedIBAN(v)
	}
	return nil, "", fmt.Sprintf("a field of type %q cannot be read", f.Type)
}

// said quotes what the model wrote, for a problem.
func (v raw) said() string {
	switch v.kind {
	case rawString, rawNumber:
		return quoteShort(v.text)
	case rawTrue:
		return "true"
	case rawFalse:
		return "false"
	case rawList:
		return "a list"
	case rawObject:
		return "an object"
	}
	return "null"
}

// quoteShort quotes the beginning of s on one line.
func quoteShort(s string) string {
	const most = 60
	s = oneLine(strings.ToValidUTF8(s, "\uFFFD"))
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return "“" + s + "”"
}

func scalar(v raw) bool { return v.kind == rawString || v.kind == rawNumber }

// typedString takes numbers too: an invoice number may look like one.
func typedString(v raw) (json.RawMessage, string, string) {
	if !scalar(v) {
		return nil, "", v.said() + " is no text"
	}
	return encode(v.text), v.text, ""
}

// plainNumber is a number without exponent and grouping. A leading zero is no
// JSON, but models copy what they see.
var plainNumber = regexp.MustCompile(`^[+-]?[0-9]{1,40}(\.[0-9]{1,40})?$`)

// typedDecimal keeps the digits as written, in a JSON string. A string may also
// be a number with grouping and a currency beside it, if there is only one way
// to read it; an exponent is refused, because documents have none.
func typedDecimal(v raw) (json.RawMessage, string, string) {
	if !scalar(v) {
		return nil, "", v.said() + " is no decimal number"
	}
	text := strings.TrimPrefix(v.text, "+")
	if !plainNumber.MatchString(text) {
		if v.kind == rawNumber {
			return nil, "", v.said() + " is no decimal number"
		}
		var ok bool
		if text, ok = oneNumber(text); !ok {
			return nil, "", v.said() + " is no decimal number, or can be read in two ways"
		}
	}
	text = trimZeros(text)
	return encode(text), text, ""
}

// trimZeros removes zeros before a number, never those after the point.
func trimZeros(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	s = strings.TrimLeft(s, "0")
	if s == "" || s[0] == '.' {
		s = "0" + s
	}
	return sign + s
}

// integerDigits bounds integers to what every reader of JSON keeps exact.
const integerDigits = 15

func typedInteger(v raw) (json.RawMessage, string, string) {
	text := strings.TrimPrefix(v.text, "+")
	if whole, fraction, ok := strings.Cut(text, "."); ok && strings.Trim(fraction, "0") == "" {
		text = whole
	}
	if !scalar(v) || !plainNumber.MatchString(text) || strings.Contains(text, ".") {
		return nil, "", v.said() + " is no whole number"
	}
	text = trimZeros(text)
	if text == "-0" {
		text = "0"
	}
	if len(strings.TrimPrefix(text, "-")) > integerDigits {
		return nil, "", v.said() + " has too many digits"
	}
	return json.RawMessage(text), text, ""
}

func typedBoolean(v raw) (json.RawMessage, string, string) {
	switch {
	case v.kind == rawTrue, v.kind == rawString && strings.EqualFold(v.text, "true"):
		return json.RawMessage("true"), "", ""
	case v.kind == rawFalse, v.kind == rawString && strings.EqualFold(v.text, "false"):
		return json.RawMessage("false"), "", ""
	}
	return nil, "", v.said() + " is neither true nor false"
}

// currencySigns are the signs that stand for one currency in the documents of a
// European site. $ is taken for the US dollar and ¥ for the yen.
var currencySigns = map[string]string{"€": "EUR", "$": "USD", "us$": "USD", "£": "GBP", "¥": "JPY", "fr.": "CHF", "sfr.": "CHF", "sfr": "CHF", "zł": "PLN", "kč": "CZK"}

// typedEnum compares without case. If that finds nothing, a currency sign stands
// for its ISO 4217 code.
func (f Field) typedEnum(v raw) (json.RawMessage, string, string) {
	if scalar(v) {
		for _, text := range []string{v.text, currencySigns[strings.ToLower(v.text)]} {
			for _, allowed := range f.Values {
				if strings.EqualFold(text, allowed) {
					return encode(allowed), allowed, ""
				}
			}
		}
	}
	return nil, "", v.said() + " is none of " + strings.Join(f.Values, ", ")
}

func typedIBAN(v raw) (json.RawMessage, string, string) {
	if v.kind != rawString {
		return nil, "", v.said() + " is no IBAN"
	}
	iban := compactIBAN(v.text)
	// What was said is kept: a person sees best which digit is wrong.
	return encode(iban), iban, ibanProblem(iban)
}

// typedDate takes ISO 8601, and any other spelling that means one day only.
func typedDate(v raw) (json.RawMessage, string, string) {
	if v.kind != rawString {
		return nil, "", v.said() + " is no date"
	}
	days := map[day]bool{}
	for _, d := range findDates(v.text) {
		if d.span.Start == 0 && d.span.End == len(v.text) {
			days[d.day] = true
		}
	}
	if len(days) > 1 {
		return nil, "", v.said() + " can be read as two different days"
	}
	for d := range days {
		return encode(d.String()), d.String(), ""
	}
	return nil, "", v.said() + " is no date that there is"
}
