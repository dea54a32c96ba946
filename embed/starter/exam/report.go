package main

import (
	"fmt"
	"io"
	"strings"

	"skerry/appliance/llm"
	"skerry/embed/starter/exam/stat"
)

// report is all that an examination found out.
type report struct {
	Made      string      `json:"made"` // RFC 3339
	Machine   string      `json:"machine"`
	Load      string      `json:"load"` // of the machine when it began: other work makes speeds meaningless
	Seed      uint64      `json:"seed"`
	Documents int         `json:"documents"` // of each split
	Seconds   float64     `json:"seconds"`
	Models    []examined  `json:"models"`
	Routing   []routing   `json:"routing,omitempty"`
	Bars      []judgement `json:"bars"`
	SizeBytes int64       `json:"sizeBytes"` // all weights together
}

// examined is what was found out about one model.
type examined struct {
	Role        string            `json:"role"` // small or larger
	Model       llm.Model         `json:"model"`
	SizeBytes   int64             `json:"sizeBytes"`
	Calibration *llm.Calibration  `json:"calibration,omitempty"` // that the figures were measured with
	Fits        map[string]fitted `json:"fits,omitempty"`        // made by -calibrate
	Figures     []llm.Figure      `json:"figures"`
	Reliability []stat.Bin        `json:"reliability"` // all splits, after calibration
	Pace        *pace             `json:"pace,omitempty"`
}

// routing is escalation on one split.
type routing struct {
	Split  string `json:"split"`
	Chosen bool   `json:"chosen"` // the threshold comes from the calibration split
	escalation
	Share    llm.Figure `json:"share"`
	Residual llm.Figure `json:"residual"`
}

// judgement is a bar and whether it was reached.
type judgement struct {
	Role string `json:"role"`
	llm.Bar
}

// pooled is the name of all extraction splits together.
const pooled = "all"

// markdown writes the report for people: bars first, losing rows included.
func (r *report) markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s on %s (load %s), %d documents of each split, seed %d, in %.0f s.\n\n", r.Made, r.Machine, r.Load, r.Documents, r.Seed, r.Seconds)
	for _, m := range r.Models {
		held := "free decoding"
		if m.Model.Capabilities.JSONSchema {
			held = "held to a JSON Schema"
		}
		fmt.Fprintf(&b, "- %s: `%s`, %.2f MB, SHA-256 `%.16s…`, %s\n", m.Role, m.Model.ID, float64(m.SizeBytes)/1e6, m.Model.Lock.Weights, held)
	}
	b.WriteString("\n| bar | model | want | measured | 95 % interval | n | met |\n|---|---|---|---|---|---|---|\n")
	for _, j := range r.Bars {
		met := "**no**"
		if j.Met {
			met = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %d | %s |\n", j.What, j.Role, j.Want, j.Figure, span(j.Figure), j.Figure.N, met)
	}
	for _, m := range r.Models {
		fmt.Fprintf(&b, "\n### %s: %s\n\n", m.Role, m.Model.ID)
		b.WriteString("| split | measure | value | 95 % interval | n |\n|---|---|---|---|---|\n")
		for _, f := range m.Figures {
			if f.Slice == "" {
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %d |\n", f.Split, f.Measure, f, span(f), f.N)
			}
		}
		b.WriteString("\n| all splits by | key | fields exact | 95 % interval | n |\n|---|---|---|---|---|\n")
		for _, f := range m.Figures {
			if f.Slice != "" && f.Measure == fieldExact && f.Split == pooled {
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %d |\n", f.Slice, f.Key, f, span(f), f.N)
			}
		}
		b.WriteString("\n| confidence | fields | mean confidence | right |\n|---|---|---|---|\n")
		for _, k := range m.Reliability {
			fmt.Fprintf(&b, "| %.2f–%.2f | %d | %.3f | %.3f |\n", k.Low, k.High, k.N, k.Score, k.Right)
		}
		if p := m.Pace; p != nil {
			fmt.Fprintf(&b, "\n%.1f documents/s with %d calls in flight on %d runners (%d tokens, %d fields); loaded in %.0f ms.\n",
				p.DocumentsPerSecond, p.InFlight, p.Children, p.DocumentTokens, p.Fields, p.LoadMillis)
		}
	}
	if len(r.Routing) > 0 {
		b.WriteString("\n### Escalation\n\n| split | threshold | steps escalated | field error alone | with escalation | residual |\n|---|---|---|---|---|---|\n")
		for _, e := range r.Routing {
			chosen := ""
			if e.Chosen {
				chosen = " (chosen)"
			}
			fmt.Fprintf(&b, "| %s | %.3f%s | %s | %s | %s | %.2f |\n", e.Split, e.Threshold, chosen, percent(e.share()),
				percent(float64(e.WrongAlone)/float64(e.Fields)), percent(float64(e.WrongRouted)/float64(e.Fields)), e.residual())
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func percent(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }

func span(f llm.Figure) string {
	if f.Low == f.High {
		return "–"
	}
	return f.Number(f.Low) + " – " + f.Number(f.High)
}
