package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"golang.org/x/term"
)

// printJSON prints v as one line of JSON.
func (g *globals) printJSON(v any) error {
	e := json.NewEncoder(g.Out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// table prints rows under a heading, columns aligned.
func (g *globals) table(heading []string, rows [][]string) error {
	w := tabwriter.NewWriter(g.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(heading, "\t"))
	for _, r := range rows {
		for i := range r {
			r[i] = oneLine(r[i])
		}
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	return w.Flush()
}

// oneLine makes text from outside safe for a terminal: control characters,
// which could move the cursor or colour what follows, and line separators become
// spaces; marks that turn the direction of writing, and with it what a name
// seems to end in, are left out, and so are bytes that are no text.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// money prints micro-units of the site's currency.
func money(micros int64) string {
	if micros == 0 {
		return "0"
	}
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%06d", micros/1_000_000, micros%1_000_000), "0"), ".")
}

// when prints a time in the zone of the terminal.
func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// progress draws one bar on a terminal, and nothing anywhere else.
type progress struct {
	w     io.Writer
	total int
	live  bool
	width int // of what was drawn last
}

func (g *globals) progress(total int) *progress {
	p := &progress{w: g.Err, total: total}
	if f, ok := g.Err.(interface{ Fd() uintptr }); ok {
		p.live = term.IsTerminal(int(f.Fd()))
	}
	return p
}

const barCells = 30

func (p *progress) draw(done int, note string) {
	if !p.live {
		return
	}
	filled := barCells
	if p.total > 0 {
		filled = barCells * done / p.total
	}
	line := fmt.Sprintf("[%s%s] %d/%d %s", strings.Repeat("█", filled), strings.Repeat("░", barCells-filled), done, p.total, oneLine(note))
	pad := max(0, p.width-len(line))
	p.width = len(line)
	fmt.Fprintf(p.w, "\r%s%s", line, strings.Repeat(" ", pad))
}

// clear takes the bar away.
func (p *progress) clear() {
	if p.live && p.width > 0 {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.width))
		p.width = 0
	}
}
