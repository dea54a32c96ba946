package document

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-pdf/fpdf"
	"pgregory.net/rapid"
)

// writePDF makes a PDF of A4 pages in points, the origin at the top left.
func writePDF(t testing.TB, draw func(*fpdf.Fpdf)) []byte {
	t.Helper()
	f := fpdf.New("P", "pt", "A4", "")
	f.SetCreationDate(time.Unix(0, 0))
	f.SetFont("Helvetica", "", 10)
	f.AddPage()
	draw(f)
	var b bytes.Buffer
	if err := f.Output(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// win1252 encodes s as the standard fonts of fpdf want it.
func win1252(s string) string {
	return fpdf.New("P", "pt", "A4", "").UnicodeTranslatorFromDescriptor("")(s)
}

func readString(t *testing.T, data []byte) Document {
	t.Helper()
	doc, err := Read("a.pdf", data, Limits{})
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return doc
}

func TestPDFKeepsLinesAndColumns(t *testing.T) {
	data := writePDF(t, func(f *fpdf.Fpdf) {
		right := func(x, y float64, s string) { f.Text(x-f.GetStringWidth(s), y, s) }
		// written out of order on purpose: the place on the page decides
		f.Text(50, 200, "Item")
		right(540, 200, "Amount")
		f.Text(50, 215, "Steel cable, 50 m")
		right(540, 215, "1,234.50")
		f.Text(50, 230, "Hose")
		right(540, 230, "7.00")
		f.SetFont("Times", "B", 16)
		f.Text(50, 60, win1252("Müller & Söhne GmbH"))
		f.SetFont("Courier", "", 10)
		f.Text(50, 75, win1252("Preis: 5 €"))
	})
	want := "Müller & Söhne GmbH\nPreis: 5 €\n\n" +
		"Item                   Amount\nSteel cable, 50 m    1,234.50\nHose                     7.00"
	if got := readString(t, data).Text; got != want {
		t.Errorf("text:\n%s\nwant:\n%s", got, want)
	}
}

func TestPDFPagesAreSeparated(t *testing.T) {
	data := writePDF(t, func(f *fpdf.Fpdf) {
		f.Text(50, 50, "first page")
		f.AddPage()
		f.Text(50, 50, "second page")
	})
	doc := readString(t, data)
	if len(doc.Pages) != 2 || strings.TrimSpace(doc.Page(0)) != "first page" || doc.Page(1) != "second page" {
		t.Errorf("pages %v of %q", doc.Pages, doc.Text)
	}
	_, err := Read("a.pdf", data, Limits{Pages: 1})
	if ReasonOf(err) != TooManyPages {
		t.Errorf("two pages with a limit of one: %v", err)
	}
}

func TestPDFReadsCompositeFonts(t *testing.T) {
	// A Type0 font with a W array, a ToUnicode map and a TJ that spaces words
	// by moving, the way office programs write.
	const cmap = `/CIDInit /ProcSet findresource begin 12 dict begin begincmap
1 begincodespacerange <0000> <FFFF> endcodespacerange
2 beginbfchar <0003> <0020> <0010> <20AC> endbfchar
1 beginbfrange <0021> <003A> <0041> endbfrange
endcmap end end`
	data := rawPDF(`BT /F1 10 Tf 50 700 Td [<00210022> -600 <00230010>] TJ 200 0 Td <0024> Tj ET`,
		"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [6 0 R] /ToUnicode 7 0 R >>",
		"<< /Type /Font /Subtype /CIDFontType2 /DW 500 /W [33 [600 600] 35 40 700] >>",
		stream(cmap))
	if got, want := readString(t, data).Text, "AB C€    D"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPDFProblems(t *testing.T) {
	whole := writePDF(t, func(f *fpdf.Fpdf) { f.Text(50, 50, strings.Repeat("Invoice 17 ", 5)) })
	tests := []struct {
		name string
		data []byte
		want Reason
	}{
		{"a password is asked for", writePDF(t, func(f *fpdf.Fpdf) {
			f.SetProtection(0, "secret", "owner")
			f.Text(50, 50, "Invoice 17")
		}), Encrypted},
		{"nothing is drawn", writePDF(t, func(*fpdf.Fpdf) {}), NoText},
		{"only lines are drawn", writePDF(t, func(f *fpdf.Fpdf) { f.Line(10, 10, 100, 100) }), NoText},
		{"the second half is missing", whole[:len(whole)/2], Damaged},
		{"the table of objects is overwritten", bytes.ReplaceAll(whole, []byte("xref"), []byte("yref")), Damaged},
		{"there is only a header", []byte("%PDF-1.4\n"), Damaged},
		{"a page is missing", bytes.ReplaceAll(whole, []byte("/Kids [3 0 R"), []byte("/Kids [9 0 R")), Damaged},
		{"the object count is absurd", bytes.ReplaceAll(whole, []byte("/Size "), []byte("/Size 99999999")), Damaged},
		{"characters have no Unicode value", rawPDF(`BT /F1 10 Tf 50 700 Td <0021002200230024> Tj ET`,
			"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [6 0 R] >>",
			"<< /Type /Font /Subtype /CIDFontType2 >>"), NoText},
	}
	for _, tt := range tests {
		if _, err := Read("a.pdf", tt.data, Limits{}); ReasonOf(err) != tt.want {
			t.Errorf("%s: %v, want reason %q", tt.name, err, tt.want)
		}
	}
	// the control: what the damage was done to can be read
	if got := readString(t, whole).Text; !strings.Contains(got, "Invoice 17") {
		t.Errorf("undamaged: %q", got)
	}
	// junk around a PDF and a newer version are no damage
	around := append([]byte("\x00\n"), append(bytes.Replace(whole, []byte("%PDF-1.3"), []byte("%PDF-2.0"), 1), "\n\x00\x00"...)...)
	if got := readString(t, around).Text; !strings.Contains(got, "Invoice 17") {
		t.Errorf("with junk around: %q", got)
	}
}

func TestPDFReadsFormsAndRotatedPages(t *testing.T) {
	form := "<< /Type /XObject /Subtype /Form /Matrix [1 0 0 1 50 0] /Length 39 >>\nstream\nBT /F1 10 Tf 0 700 Td (in a form) Tj ET \nendstream"
	data := rawPDF("/X1 Do BI /W 2 /H 1 ID \x01(EI EI BT /F1 10 Tf 50 680 Td (after an image) Tj ET",
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>", form)
	if got, want := readString(t, data).Text, "in a form\n\nafter an image"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	turned := bytes.Replace(rawPDF("BT /F1 10 Tf 0 1 -1 0 100 50 Tm (one) Tj 0 1 -1 0 115 50 Tm (two) Tj ET",
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"), []byte("/Rotate 0 "), []byte("/Rotate 90"), 1)
	if got, want := readString(t, turned).Text, "one\ntwo"; got != want {
		t.Errorf("turned page: got %q, want %q", got, want)
	}
}

// TestPDFWithManySmallPieces: programs write fonts and positions before every
// word, which must not look like a parser going round in circles.
func TestPDFWithManySmallPieces(t *testing.T) {
	var content strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&content, "BT /F1 10 Tf %d %d Td (w) Tj ET\n", 50+i%40*12, 800-i/40*12)
	}
	doc := readString(t, rawPDF(content.String(), "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"))
	if n := strings.Count(doc.Text, "w"); n != 20_000 {
		t.Errorf("%d words", n)
	}
}

// TestPDFThatGoesRoundInCircles: cross-reference tables that point at each
// other end in an error.
func TestPDFThatGoesRoundInCircles(t *testing.T) {
	data := rawPDF("", "<< >>")
	i := bytes.LastIndex(data, []byte("xref\n0"))
	data = bytes.Replace(data, []byte("/Root 1 0 R"), fmt.Appendf(nil, "/Root 1 0 R /Prev %d", i), 1)
	if _, err := Read("a.pdf", data, Limits{}); ReasonOf(err) != Damaged {
		t.Errorf("got %v, want reason %q", err, Damaged)
	}
}

// stream writes the body of a stream object.
func stream(s string) string {
	return fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(s), s)
}

// rawPDF writes a one-page PDF whose content is given; object 5 is font F1,
// object 6 form X1, the rest is what these refer to.
func rawPDF(content string, objects ...string) []byte {
	all := append([]string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /Rotate 0 /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> /XObject << /X1 6 0 R >> >> >>",
		stream(content),
	}, objects...)
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	offsets := make([]int, len(all))
	for i, o := range all {
		offsets[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(all)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(all)+1, start)
	return b.Bytes()
}

// TestPDFDamage: whatever bytes of a PDF are overwritten, it is read or refused
// for a reason, and what is read keeps the promises of a document.
func TestPDFDamage(t *testing.T) {
	sources := [][]byte{
		writePDF(t, func(f *fpdf.Fpdf) { f.Text(50, 50, "Invoice 17"); f.AddPage(); f.Text(50, 50, "Total 5") }),
		rawPDF("BT /F1 10 Tf <0021> Tj ET /X1 Do", "<< /Subtype /Type0 /DescendantFonts [6 0 R] /ToUnicode 7 0 R >>",
			"<< /Subtype /Form /W [33 [600] 1 9 500] /Length 12 >>\nstream\nBT (x) Tj ET\nendstream", stream("1 beginbfrange <0000> <FFFF> <0041> endbfrange")),
	}
	rapid.Check(t, func(r *rapid.T) {
		data := bytes.Clone(rapid.SampledFrom(sources).Draw(r, "source"))
		for range rapid.IntRange(1, 12).Draw(r, "places") {
			at := rapid.IntRange(0, len(data)-1).Draw(r, "at")
			data[at] = rapid.OneOf(rapid.SampledFrom([]byte("0123456789 /<>[]()R%-")), rapid.Byte()).Draw(r, "byte")
		}
		doc, err := Read("a.pdf", data, Limits{})
		checkDocument(t, data, doc, err)
	})
}
