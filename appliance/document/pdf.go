package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/ledongthuc/pdf"
)

// Bounds of what one PDF may make the reader do. They are far above any real
// document, and low enough that a hostile one ends in an error.
const (
	maxStreamBytes = 16 << 20  // of one content stream, unpacked
	maxTotalBytes  = 64 << 20  // of all streams, unpacked
	maxGlyphs      = 1_000_000 // characters shown on all pages together
	maxFormDepth   = 8         // form XObjects inside each other
	maxTreeDepth   = 32        // page tree nodes inside each other
	maxTreeNodes   = 10_000
	maxReadBytes   = 128 << 20 // that the parser may read from the file, each byte as often as it is read
	readBlock      = 4096      // bytes that the smallest read counts for
)

// readPDF returns the text of each page. It is all or nothing: a document of
// which only a part can be read is damaged, because a check on half an invoice
// would be worse than none.
func readPDF(data []byte, limits Limits) (pages []string, err error) {
	data = repairEnds(data)
	r, err := openPDF(data)
	if err != nil {
		return nil, err
	}
	p := &pdfReader{limits: limits, fonts: map[string]*font{}}
	defer func() {
		if x := recover(); x != nil {
			pages, err = nil, p.reason(x)
		}
	}()
	root := r.Trailer().Key("Root")
	p.tree(root.Key("Pages"), inherited{}, 0)
	if len(p.pages) == 0 {
		return nil, &Error{Reason: Damaged, Err: errors.New("the page tree is empty")}
	}
	for _, page := range p.pages {
		pages = append(pages, tidy(p.page(page)))
	}
	if p.unmapped > p.shown/2 {
		return nil, &Error{Reason: NoText, Err: fmt.Errorf("%d of %d characters have no Unicode value", p.unmapped, p.shown)}
	}
	return pages, nil
}

// hugeNumber finds object counts that no file within the limits can have, but
// for which the parser would reserve memory before it looks further.
var hugeNumber = regexp.MustCompile(`/(?:Size|Index|W|Columns)\s*\[?[\d\s]*\d{8}|xref\s+\d{8}`)

// openPDF parses the cross-reference table.
func openPDF(data []byte) (*pdf.Reader, error) {
	if hugeNumber.Match(data) {
		return nil, &Error{Reason: Damaged, Err: errors.New("an object number is out of range")}
	}
	budget := &budgetReader{r: bytes.NewReader(data), left: maxReadBytes}
	r, err := pdf.NewReader(budget, int64(len(data)))
	switch {
	case err == nil:
		return r, nil
	case errors.Is(err, pdf.ErrInvalidPassword) || bytes.Contains(data, []byte("/Encrypt")):
		return nil, &Error{Reason: Encrypted, Err: err}
	}
	return nil, &Error{Reason: Damaged, Err: err}
}

// repairEnds cuts what follows the last end-of-file mark and gives the header
// the form that the parser insists on; PDF 2.0 does not differ in what matters
// here.
func repairEnds(data []byte) []byte {
	if i := bytes.LastIndex(data, []byte("%%EOF")); i >= 0 {
		data = data[:i+5]
	}
	data = bytes.Clone(data)
	if len(data) > 9 {
		copy(data, "%PDF-1.7\n")
	}
	return data
}

// budgetReader ends a parser that goes round in circles.
type budgetReader struct {
	r    io.ReaderAt
	left int64
}

var errBudget = errors.New("the parser reads the same bytes over and over")

func (b *budgetReader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, io.EOF
	}
	n, err := b.r.ReadAt(p, off)
	if b.left -= max(int64(n), readBlock); b.left < 0 {
		panic(errBudget)
	}
	return n, err
}

// pdfReader collects the text of one document.
type pdfReader struct {
	limits   Limits
	pages    []pageNode
	nodes    int
	fonts    map[string]*font // by the printed form of the dictionary
	total    int              // bytes unpacked so far
	shown    int              // characters shown so far
	unmapped int              // of these, without a Unicode value
}

// inherited holds the attributes that a page takes from the tree above it.
type inherited struct {
	resources pdf.Value
	rotate    int64
	mediaBox  pdf.Value
}

type pageNode struct {
	v pdf.Value
	inherited
}

// reason turns what a parser panicked with into an error.
func (p *pdfReader) reason(x any) error {
	if e, ok := x.(*Error); ok {
		return e
	}
	text := fmt.Sprint(x)
	if strings.HasPrefix(text, "unknown filter") || strings.HasPrefix(text, "unsupported filter") {
		return &Error{Reason: Unsupported, Kind: "a PDF that is packed in an unusual way (" + text + ")"}
	}
	return &Error{Reason: Damaged, Err: errors.New(text)}
}

// tree walks the page tree in order.
func (p *pdfReader) tree(v pdf.Value, in inherited, depth int) {
	if p.nodes++; p.nodes > maxTreeNodes || depth > maxTreeDepth {
		panic("the page tree has no end")
	}
	if r := v.Key("Resources"); r.Kind() == pdf.Dict {
		in.resources = r
	}
	if r := v.Key("Rotate"); r.Kind() == pdf.Integer {
		in.rotate = r.Int64()
	}
	if m := v.Key("MediaBox"); m.Kind() == pdf.Array {
		in.mediaBox = m
	}
	kids := v.Key("Kids")
	if kids.Kind() != pdf.Array {
		if v.Kind() != pdf.Dict {
			panic("a page is missing")
		}
		p.pages = append(p.pages, pageNode{v, in})
		if n := len(p.pages); n > p.limits.Pages {
			panic(&Error{Reason: TooManyPages, Got: int64(n), Limit: int64(p.limits.Pages)})
		}
		return
	}
	for i := range kids.Len() {
		p.tree(kids.Index(i), in, depth+1)
	}
}

// page returns the text of one page in reading order.
func (p *pdfReader) page(n pageNode) string {
	var content []byte
	switch c := n.v.Key("Contents"); c.Kind() {
	case pdf.Stream:
		content = p.read(c)
	case pdf.Array:
		for i := range c.Len() {
			content = append(append(content, p.read(c.Index(i))...), '\n')
		}
	}
	in := &interpreter{p: p}
	in.run(content, n.resources, rotation(n.rotate), 0)
	return layout(in.glyphs)
}

// read unpacks a stream.
func (p *pdfReader) read(v pdf.Value) []byte {
	if v.Kind() != pdf.Stream {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(v.Reader(), maxStreamBytes+1))
	if err != nil {
		panic(fmt.Errorf("a stream cannot be unpacked: %w", err))
	}
	if p.total += len(b); len(b) > maxStreamBytes || p.total > maxTotalBytes {
		panic("a stream unpacks to more than a document can hold")
	}
	return b
}

// font loads a font once for all pages that use the same dictionary.
func (p *pdfReader) font(v pdf.Value) *font {
	if v.Kind() != pdf.Dict {
		return nil
	}
	key := v.String()
	if f, ok := p.fonts[key]; ok {
		return f
	}
	f := loadFont(v, p.read)
	p.fonts[key] = f
	return f
}
