package document

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

const german = "Rechnung 17\nFirma Müller & Söhne, Köln – „Größe“ 5 €\nÜbertrag 1.200,00 €, zahlbar in 30 Tagen\n"

// in encodes s, without the characters that e lacks.
func in(t testing.TB, e encoding.Encoding, s string) []byte {
	t.Helper()
	b, err := encoding.ReplaceUnsupported(e.NewEncoder()).String(s)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(strings.ReplaceAll(b, "\x1a", "")) // the mark that the encoder puts for what it lacks
}

func inUTF16(s string, big, mark bool) []byte {
	units := utf16.Encode([]rune(s))
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	var b []byte
	for _, u := range units {
		lo, hi := byte(u), byte(u>>8)
		if big {
			lo, hi = hi, lo
		}
		b = append(b, lo, hi)
	}
	return b
}

func TestTextEncodings(t *testing.T) {
	latin := strings.NewReplacer("–", "-", "„", `"`, "“", `"`, " €", " EUR").Replace(german)
	tests := []struct {
		name, encoding string
		data           []byte
		want           string
	}{
		{"UTF-8", "utf-8", []byte(german), german},
		{"UTF-8 with a mark", "utf-8", []byte("\ufeff" + german), german},
		{"UTF-16, little end first, with a mark", "utf-16le", inUTF16(german, false, true), german},
		{"UTF-16, big end first, with a mark", "utf-16be", inUTF16(german, true, true), german},
		{"UTF-16, little end first", "utf-16le", inUTF16(german, false, false), german},
		{"UTF-16, big end first", "utf-16be", inUTF16(german, true, false), german},
		{"Windows-1252", "windows-1252", in(t, charmap.Windows1252, german), german},
		{"Latin-1", "iso-8859-1", in(t, charmap.ISO8859_1, latin), latin},
		{"Windows line ends", "utf-8", []byte("a\r\nb\rc\n"), "a\nb\nc"},
		{"decomposed umlauts", "utf-8", []byte("Mu\u0308ller"), "Müller"},
		{"special spaces", "utf-8", []byte("1\u202f234,50\u00a0€"), "1 234,50 €"},
		{"invisible characters", "utf-8", []byte("pay\u200b 5\u202e\u00ad0\U000e0041"), "pay 50"},
	}
	for _, tt := range tests {
		doc, err := Read("a.txt", tt.data, Limits{})
		if err != nil || doc.Text != strings.TrimSpace(tt.want) || doc.Encoding != tt.encoding || doc.MediaType != TextPlain {
			t.Errorf("%s: %q in %s, %v; want %q in %s", tt.name, doc.Text, doc.Encoding, err, tt.want, tt.encoding)
		}
	}
}

func TestTextProblems(t *testing.T) {
	cyrillic := "Счёт на оплату № 17 от 5 марта, сумма 1200 рублей"
	noise := make([]byte, 4096)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	tests := []struct {
		name string
		data []byte
		want Reason
	}{
		{"no bytes", nil, Empty},
		{"white space", []byte(" \n\t\r\n\f\n"), Empty},
		{"nothing that can be seen", []byte("\u200b\u2060\u202e"), Empty},
		{"a byte-order mark alone", []byte("\ufeff"), Empty},
		{"noise", noise, Binary},
		{"noise without zero bytes", []byte(strings.ReplaceAll(string(noise), "\x00", "\x01")), Binary},
		{"text and a zero byte", []byte("Invoice\x00 17"), Binary},
		{"a picture", []byte("\x89PNG\r\n\x1a\nxxxx"), Unsupported},
		{"a Word file", []byte("PK\x03\x04xxxx"), Unsupported},
		{"UTF-8 that was cut inside a character", []byte(german + "Köln"[:2]), Encoding},
		{"UTF-8 with one byte of Latin-1", []byte(german + "M\xfcller"), Encoding},
		{"DOS code page 850", in(t, charmap.CodePage850, german), Encoding},
		{"Mac OS Roman", in(t, charmap.Macintosh, german), Encoding},
		{"Cyrillic", in(t, charmap.Windows1251, cyrillic), Encoding},
		{"KOI8-R", in(t, charmap.KOI8R, cyrillic), Encoding},
		{"UTF-16 with half a character", append(inUTF16(german, false, true), 'x'), Encoding},
		{"UTF-16 with half a pair", inUTF16("a", false, true)[:2:2], Empty},
		{"a lone surrogate", []byte("\xff\xfea\x00\x00\xd8b\x00"), Encoding},
		{"UTF-32", []byte("\xff\xfe\x00\x00a\x00\x00\x00"), Unsupported},
	}
	for _, tt := range tests {
		doc, err := Read("a.txt", tt.data, Limits{})
		if ReasonOf(err) != tt.want {
			t.Errorf("%s: %v (%q), want reason %q", tt.name, err, doc.Text, tt.want)
		}
	}
}

func TestLimits(t *testing.T) {
	tests := []struct {
		name   string
		data   string
		limits Limits
		want   Reason
	}{
		{"at the limit of bytes", "12345", Limits{Bytes: 5}, ""},
		{"one byte more", "123456", Limits{Bytes: 5}, TooBig},
		{"at the limit of characters", "äöü", Limits{Characters: 3}, ""},
		{"one character more", "äöüx", Limits{Characters: 3}, TooLong},
		{"20 MB with the default limits", strings.Repeat("Invoice 17 \n", 20<<20/12), Limits{}, TooBig},
	}
	for _, tt := range tests {
		if _, err := Read("a.txt", []byte(tt.data), tt.limits); ReasonOf(err) != tt.want {
			t.Errorf("%s: %v, want reason %q", tt.name, err, tt.want)
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for _, r := range []Reason{Empty, TooBig, TooLong, TooManyPages, Binary, Unsupported, Encoding, Encrypted, Damaged, NoText, Unreadable} {
		e := &Error{Reason: r, Name: "bill.pdf", Kind: "a picture", Got: 20 << 20, Limit: 10 << 20}
		if s := e.Error(); !strings.HasPrefix(s, "bill.pdf ") || !strings.Contains(s, "; ") {
			t.Errorf("%s: %q names no file or no way out", r, s)
		}
	}
}

// TestTextSurvives: whatever ordinary text a person writes, in whichever of the
// encodings with a mark it is stored, it is read as it was meant.
func TestTextSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[A-Za-zäöüßéèçñÄÖÜ0-9€£,.:\-/ ]{1,200}`).Draw(t, "text")
		want := strings.TrimRight(norm.NFC.String(text), " ")
		if strings.TrimSpace(want) == "" {
			return
		}
		for _, data := range [][]byte{[]byte(text), inUTF16(text, false, true), inUTF16(text, true, true)} {
			doc, err := Read("a.txt", data, Limits{})
			if err != nil || doc.Text != want {
				t.Fatalf("%q: %q, %v", data, doc.Text, err)
			}
		}
	})
}

// checkDocument states what holds for every document that Read returns.
func checkDocument(t *testing.T, data []byte, doc Document, err error) {
	t.Helper()
	if err != nil {
		if ReasonOf(err) == "" {
			t.Fatalf("error of a foreign type: %v", err)
		}
		return
	}
	switch {
	case !utf8.ValidString(doc.Text), !norm.NFC.IsNormalString(doc.Text):
		t.Fatalf("text is not UTF-8 in NFC: %q", doc.Text)
	case blank(doc.Text), strings.ContainsAny(doc.Text, "\r\x00\f"):
		t.Fatalf("text is blank or has controls: %q", doc.Text)
	case !doc.sound(DefaultLimits()):
		t.Fatalf("pages %v do not fit %d bytes", doc.Pages, len(doc.Text))
	case doc.SizeBytes != int64(len(data)) || len(doc.SHA256) != 64:
		t.Fatalf("size %d, digest %q of %d bytes", doc.SizeBytes, doc.SHA256, len(data))
	}
}
