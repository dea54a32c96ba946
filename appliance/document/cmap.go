package document

import "unicode/utf16"

// cmap maps character codes to text (ISO 32000-1, 9.10.3).
type cmap struct {
	widths [5]bool // code lengths in bytes that the code space has
	text   map[code]string
}

// code is a character code together with its length: <01> and <0001> differ.
type code struct {
	n int
	v uint32
}

// maxMapped bounds the entries of a CMap: there are no fonts with more glyphs.
const maxMapped = 1 << 16

// parseCMap reads a ToUnicode CMap. Broken parts are left out.
func parseCMap(b []byte) *cmap {
	m := &cmap{text: map[code]string{}}
	s := &scanner{b: b}
	for {
		op, args, ok := s.next()
		if !ok {
			return m
		}
		switch op {
		case "endcodespacerange":
			for i := 0; i+1 < len(args); i += 2 {
				if lo, ok := args[i].(pdfString); ok && len(lo) >= 1 && len(lo) <= 4 {
					m.widths[len(lo)] = true
				}
			}
		case "endbfchar":
			for i := 0; i+1 < len(args); i += 2 {
				from, ok1 := args[i].(pdfString)
				to, ok2 := args[i+1].(pdfString)
				if ok1 && ok2 && len(m.text) < maxMapped {
					m.text[codeOf(from)] = utf16BE(to)
				}
			}
		case "endbfrange":
			for i := 0; i+2 < len(args); i += 3 {
				m.addRange(args[i], args[i+1], args[i+2])
			}
		}
	}
}

// addRange maps lo…hi to consecutive texts from dst, or to the elements of the
// array dst.
func (m *cmap) addRange(lo, hi, dst any) {
	a, ok1 := lo.(pdfString)
	b, ok2 := hi.(pdfString)
	if !ok1 || !ok2 || len(a) != len(b) {
		return
	}
	first, last := codeOf(a), codeOf(b)
	for v := first.v; v <= last.v && len(m.text) < maxMapped; v++ {
		at := code{first.n, v}
		switch dst := dst.(type) {
		case pdfString:
			r := []rune(utf16BE(dst))
			if len(r) == 0 {
				return
			}
			r[len(r)-1] += rune(v - first.v)
			m.text[at] = string(r)
		case []any:
			if int(v-first.v) >= len(dst) {
				return
			}
			if s, ok := dst[v-first.v].(pdfString); ok {
				m.text[at] = utf16BE(s)
			}
		default:
			return
		}
	}
}

func codeOf(s pdfString) code {
	c := code{n: len(s)}
	for i := 0; i < len(s) && i < 4; i++ {
		c.v = c.v<<8 | uint32(s[i])
	}
	return c
}

func utf16BE(s pdfString) string {
	units := make([]uint16, 0, len(s)/2)
	for i := 0; i+1 < len(s); i += 2 {
		units = append(units, uint16(s[i])<<8|uint16(s[i+1]))
	}
	if len(s) == 1 {
		units = append(units, uint16(s[0]))
	}
	return string(utf16.Decode(units))
}
