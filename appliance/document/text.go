package document

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// readText decodes plain text. Form feeds separate pages.
func readText(data []byte) (pages []string, encoding string, err error) {
	if kind := unsupportedKind(data); kind != "" {
		return nil, "", &Error{Reason: Unsupported, Kind: kind}
	}
	text, encoding, err := decode(data)
	if err != nil {
		return nil, "", err
	}
	for _, p := range strings.Split(text, "\f") {
		pages = append(pages, tidy(p))
	}
	return pages, encoding, nil
}

// decode finds the encoding of data and returns it as UTF-8. What could be
// read in two ways, or in none, is refused: a wrong guess would change amounts
// and names in silence.
func decode(data []byte) (text, encoding string, err error) {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		if text := string(data[3:]); utf8.ValidString(text) {
			return text, "utf-8", printable(text)
		}
		return "", "", &Error{Reason: Encoding}
	case bytes.HasPrefix(data, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(data, []byte("\x00\x00\xfe\xff")):
		return "", "", &Error{Reason: Unsupported, Kind: "text in UTF-32"}
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		return decodeUTF16(data[2:], false)
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		return decodeUTF16(data[2:], true)
	case utf8.Valid(data) && bytes.IndexByte(data, 0) < 0:
		return string(data), "utf-8", printable(string(data))
	}
	if bytes.IndexByte(data, 0) >= 0 {
		if big, ok := looksUTF16(data); ok {
			return decodeUTF16(data, big)
		}
		return "", "", &Error{Reason: Binary}
	}
	return decodeByteText(data)
}

// looksUTF16 reports whether data without a mark is UTF-16, and of which byte
// order: in Latin text every other byte is zero, on one side only.
func looksUTF16(data []byte) (bigEndian, ok bool) {
	if len(data)%2 != 0 {
		return false, false
	}
	var zeros [2]int
	for i, c := range data {
		if c == 0 {
			zeros[i%2]++
		}
	}
	units := len(data) / 2
	switch {
	case zeros[0] >= units*6/10 && zeros[1] == 0:
		return true, true
	case zeros[1] >= units*6/10 && zeros[0] == 0:
		return false, true
	}
	return false, false
}

func decodeUTF16(data []byte, bigEndian bool) (text, encoding string, err error) {
	encoding = "utf-16le"
	if bigEndian {
		encoding = "utf-16be"
	}
	if len(data)%2 != 0 {
		return "", "", &Error{Reason: Encoding}
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		a, b := uint16(data[2*i]), uint16(data[2*i+1])
		if bigEndian {
			a, b = b, a
		}
		units[i] = b<<8 | a
	}
	text = string(utf16.Decode(units))
	if strings.ContainsRune(text, utf8.RuneError) {
		return "", "", &Error{Reason: Encoding}
	}
	return text, encoding, printable(text)
}

// decodeByteText decodes a one-byte encoding. Windows-1252 is a superset of
// what of Latin-1 is used in text. Other one-byte encodings have no mark at
// all, so the result must look like Western text before it is believed.
func decodeByteText(data []byte) (text, encoding string, err error) {
	ascii := bytes.Map(func(r rune) rune { return min(r, 'x') }, data)
	if err := printable(string(ascii)); err != nil { // what lies above ASCII is judged below
		return "", "", err
	}
	if brokenUTF8(data) {
		return "", "", &Error{Reason: Encoding}
	}
	text, err = charmap.Windows1252.NewDecoder().String(string(data))
	if err != nil {
		return "", "", &Error{Reason: Encoding, Err: err}
	}
	if !western(text) {
		return "", "", &Error{Reason: Encoding}
	}
	for _, c := range data {
		if c >= 0x80 && c <= 0x9f {
			return text, "windows-1252", nil
		}
	}
	return text, "iso-8859-1", nil
}

// brokenUTF8 reports whether data holds at least as many well-formed
// multi-byte UTF-8 sequences as stray bytes: then it is UTF-8 that was cut or
// mixed, and reading it as anything else would garble it.
func brokenUTF8(data []byte) bool {
	good, bad := 0, 0
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && n == 1:
			bad++
		case n > 1:
			good++
		}
		data = data[n:]
	}
	return good > 0 && good >= bad
}

// western reports whether every character above ASCII is where a Western
// European text has it. Text of another one-byte encoding shows up as
// typographic marks inside words (DOS code pages), as characters that have no
// meaning in Windows-1252, or as words made of accented letters alone (Greek,
// Cyrillic). One misplaced character in twenty is forgiven.
func western(text string) bool {
	const tolerance = 20
	high, odd, run := 0, 0, 0
	runes := []rune(text)
	for i, r := range runes {
		if r < 0x80 {
			run = 0
			continue
		}
		high++
		before, after := i > 0 && unicode.IsLetter(runes[i-1]), i+1 < len(runes) && unicode.IsLetter(runes[i+1])
		switch {
		case r == utf8.RuneError || r >= 0x80 && r <= 0x9f:
			odd++
		case unicode.IsLetter(r):
			if run++; run > 2 {
				odd++
			}
			if unicode.IsUpper(r) && i > 0 && unicode.IsLower(runes[i-1]) {
				odd++ // a capital inside a word
			}
		default:
			run = 0
			if before && after && !strings.ContainsRune("’'·­\u00a0–—&/", r) {
				odd++
			}
		}
	}
	return odd*tolerance <= high
}

// printable returns an error if text holds more control characters than a
// stray one in a thousand: then it is no text at all.
func printable(text string) error {
	control, total := 0, 0
	for _, r := range text {
		total++
		if unicode.IsControl(r) && !strings.ContainsRune("\n\r\t\f\v\u0085", r) || r == utf8.RuneError || r >= 0xfff0 && r <= 0xffff {
			control++
		}
	}
	if control*1000 > total {
		return &Error{Reason: Binary}
	}
	return nil
}

// tidy brings text into the one form that the rest of the appliance sees:
// NFC, \n line ends, plain spaces, no trailing white space, no more than two
// blank lines in a row, and none of the invisible characters that can make a
// person and a model read different things.
func tidy(s string) string {
	s = norm.NFC.String(s)
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n\n", "\v", "\n").Replace(s)
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.Is(unicode.Zs, r):
			return ' '
		case !visible(r):
			return -1
		}
		return r
	}, s)
	lines := strings.Split(s, "\n")
	out := lines[:0]
	blanks := 0
	for _, l := range lines {
		l = strings.TrimRight(l, " \t")
		if l == "" {
			if blanks++; blanks > 2 {
				continue
			}
		} else {
			blanks = 0
		}
		out = append(out, l)
	}
	return strings.Trim(strings.Join(out, "\n"), "\n")
}

// visible reports whether r leaves a mark on paper. Format characters
// (category Cf: zero-width, bidirectional overrides, tags) and private use do
// not.
func visible(r rune) bool {
	return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) && r != utf8.RuneError
}
