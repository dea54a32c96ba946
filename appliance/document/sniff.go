package document

import "bytes"

// signatures of files that people send by mistake. The first match wins.
var signatures = []struct{ magic, kind string }{
	{"PK\x03\x04", "a ZIP archive or an Office file (Word, Excel, OpenDocument)"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file (Word, Excel) or an Outlook message"},
	{"\x89PNG\r\n\x1a\n", "a PNG picture"},
	{"\xff\xd8\xff", "a JPEG picture"},
	{"GIF87a", "a GIF picture"},
	{"GIF89a", "a GIF picture"},
	{"II*\x00", "a TIFF picture"},
	{"MM\x00*", "a TIFF picture"},
	{"\x1f\x8b", "a gzip archive"},
	{"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"},
	{"Rar!\x1a\x07", "a RAR archive"},
	{"{\\rtf", "an RTF document"},
	{"%!PS", "a PostScript file"},
	{"\x7fELF", "a program"},
	{"MZ\x90\x00", "a program"},
}

// unsupportedKind names the kind of a file that is known but cannot be read,
// or returns "".
func unsupportedKind(data []byte) string {
	for _, s := range signatures {
		if bytes.HasPrefix(data, []byte(s.magic)) {
			return s.kind
		}
	}
	return ""
}

// pdfStart returns where a PDF begins in data, or -1. Readers accept the
// header anywhere in the first 1024 bytes (ISO 32000-1, annex H, note 13), but
// text that merely mentions it must not be taken for one: before the header
// only bytes that are no letters count as junk that a transport put there.
func pdfStart(data []byte) int {
	i := bytes.Index(data[:min(len(data), 1024)], []byte("%PDF-"))
	if i < 0 {
		return -1
	}
	for _, c := range data[:i] {
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			return -1
		}
	}
	return i
}
