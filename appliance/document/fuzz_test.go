package document

import (
	"bytes"
	"testing"

	"github.com/go-pdf/fpdf"
	"golang.org/x/text/encoding/charmap"
)

func FuzzReadText(f *testing.F) {
	f.Add([]byte(german))
	f.Add(inUTF16(german, true, true))
	f.Add(inUTF16(german, false, false))
	f.Add(in(f, charmap.Windows1252, german))
	f.Add([]byte("a\x00b\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := Read("a.txt", data, Limits{})
		checkDocument(t, data, doc, err)
	})
}

func FuzzReadPDF(f *testing.F) {
	f.Add(rawPDF("BT /F1 10 Tf 50 700 Td (Invoice) Tj ET", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"))
	f.Add(rawPDF("BT /F1 10 Tf <0021> Tj ET", "<< /Subtype /Type0 /DescendantFonts [6 0 R] /ToUnicode 7 0 R >>",
		"<< /W [33 [600] 1 9 500] >>", stream("1 beginbfrange <0000> <FFFF> [<0041>] endbfrange")))
	f.Add(rawPDF("q 1 0 0 1 0 0 cm /X1 Do Q", "<< >>", "<< /Subtype /Form /Length 9 >>\nstream\n/X1 Do Q \nendstream"))
	f.Add(writePDF(f, func(p *fpdf.Fpdf) { p.Text(50, 50, "Invoice 17") }))
	f.Fuzz(func(t *testing.T, data []byte) {
		data = append([]byte("%PDF-1.7\n"), bytes.TrimPrefix(data, []byte("%PDF-1.7\n"))...)
		doc, err := Read("a.pdf", data, Limits{})
		checkDocument(t, data, doc, err)
	})
}

// FuzzContent puts the fuzzed bytes where the parser of the library never
// looks: into a content stream and a character map.
func FuzzContent(f *testing.F) {
	f.Add([]byte("BT /F1 10 Tf 1 0 0 1 50 700 Tm [(a) -300 <62>] TJ T* (c) ' ET"), []byte("1 beginbfchar <61> <00410042> endbfchar"))
	f.Add([]byte("[[[[<<<<(((( BI ID EI"), []byte("<00> <ff> <d800> endbfrange"))
	f.Fuzz(func(t *testing.T, content, cmap []byte) {
		data := rawPDF(string(content), "<< /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 7 0 R >>", "<< >>", stream(string(cmap)))
		doc, err := Read("a.pdf", data, Limits{})
		checkDocument(t, data, doc, err)
	})
}

func FuzzReadJob(f *testing.F) {
	b, err := writeJob(job{Name: "a.txt"}, []byte("hello"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		if err := Main(bytes.NewReader(data), &out); err == nil && out.Len() == 0 {
			t.Fatal("no error and no answer")
		}
	})
}
