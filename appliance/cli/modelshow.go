package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/catalogue"
	"skerry/appliance/llm"
)

// shownModel is what `model show --json` prints.
type shownModel struct {
	api.ModelEntry
	Card *llm.Card `json:"card,omitempty"` // starter models only
}

func modelShowCommand(g *globals) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show MODEL",
		Short: "Show what a model is, what it cannot do, how well it did and what its lock pins",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				m, err := findModel(ctx, a, args[0])
				if err != nil {
					return err
				}
				shown := shownModel{ModelEntry: m}
				card, err := a.Card(ctx, m.ID)
				var refused *api.Problem
				switch {
				case err == nil:
					shown.Card = &card
				case errors.As(err, &refused) && refused.Status == http.StatusNotFound:
				default:
					return err
				}
				if asJSON {
					return g.printJSON(shown)
				}
				return g.printModel(&shown)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func findModel(ctx context.Context, a *client.Client, id string) (api.ModelEntry, error) {
	list, err := a.Models(ctx)
	if err != nil {
		return api.ModelEntry{}, err
	}
	for _, m := range list {
		if string(m.ID) == id {
			return m, nil
		}
	}
	return api.ModelEntry{}, fmt.Errorf("there is no model %q; see: skerry model list", id)
}

// printModel prints a model and its card for people.
func (g *globals) printModel(m *shownModel) error {
	state := m.State
	if m.Why != "" {
		state += ": " + m.Why
	}
	var pools []string
	for _, p := range m.Pools {
		pools = append(pools, p.Name)
	}
	calibration := "none: confidences are token probabilities as they come"
	if m.Lock.Calibration != "" {
		calibration = m.Lock.Calibration
	}
	g.line("%s · %s", m.ID, m.Title)
	g.facts([][2]string{
		{"State", state},
		{"Boundary", string(m.Boundary)},
		{"Clearance", orDash(string(m.Clearance))},
		{"Pools", orDash(strings.Join(pools, ", "))},
		{"Note", orDash(m.Note)},
		{"Last call", lastCall(&m.ModelEntry)},
		{"Context", fmt.Sprintf("%d tokens", m.ContextTokens)},
		{"Lock", m.LockDigest},
		{"  weights", m.Lock.Weights},
		{"  profile", fmt.Sprintf("%s (%s)", m.Lock.Profile, m.Profile)},
		{"  calibration", calibration},
		{"  engine", m.Lock.Engine},
	})
	if m.File != nil {
		g.line("")
		g.modelFile(&m.ModelEntry)
	}
	if m.Exam != nil {
		g.line("")
		g.scorecard(&m.ModelEntry)
	}
	if m.Card == nil {
		g.line("")
		g.line("There is no card of this model: nothing is known of how well it does.")
		if m.Exam == nil {
			g.line("Start it and examine it on this host with: skerry model exam %s", m.ID)
		}
		return nil
	}
	return g.printCard(m.Card)
}

// lastCall says how often and when a model was used.
func lastCall(m *api.ModelEntry) string {
	s := fmt.Sprintf("%d calls", m.Calls)
	if m.LastUseAt != nil {
		s += ", the last ended " + when(*m.LastUseAt)
	}
	if m.Pinned {
		s += "; it stays loaded"
	}
	return s
}

func (g *globals) printCard(c *llm.Card) error {
	g.line("")
	g.paragraph("", c.About)
	g.list("What it is for", c.IntendedUse)
	g.list("What it cannot do", c.Limits)
	a := c.Architecture
	g.line("")
	g.line("What it is made of")
	g.facts([][2]string{
		{"Parameters", fmt.Sprintf("%.1f million, %s, %s", float64(a.Parameters)/1e6, a.Quantisation, catalogue.Bytes(a.SizeBytes))},
		{"Architecture", fmt.Sprintf("%s: %d layers of width %d, %d heads and %d KV heads of %d, feed-forward %d, vocabulary %d",
			a.Family, a.Layers, a.Width, a.Heads, a.KVHeads, a.HeadWidth, a.FeedForward, a.Vocabulary)},
		{"Languages", strings.Join(c.Languages, ", ")},
		{"Licence", c.Licence + " (weights and data generator)"},
		{"Data", c.Training.Data},
		{"Tokens", fmt.Sprintf("%.1f million in training, seeds %s", float64(c.Training.Tokens)/1e6, strings.Trim(fmt.Sprint(c.Training.Seeds), "[]"))},
		{"Tokenizer", c.Digests.Tokenizer},
		{"Generator", c.Digests.Generator},
	})
	g.list("How it was trained", c.Training.Recipe)
	g.line("")
	g.line("How well it did, on %d documents of each set that training never saw (95 %% intervals)", c.Exam.Documents)
	if len(c.Bars) > 0 {
		rows := make([][]string, len(c.Bars))
		for i, b := range c.Bars {
			met := "missed"
			if b.Met {
				met = "met"
			}
			rows[i] = []string{b.What, b.Want, b.Figure.String(), fmt.Sprint(b.Figure.N), met}
		}
		g.line("")
		if err := g.table([]string{"BAR", "WANTED", "MEASURED", "CASES", ""}, rows); err != nil {
			return err
		}
	}
	rows := make([][]string, len(c.Figures))
	for i, f := range c.Figures {
		by := "all"
		if f.Slice != "" {
			by = f.Slice + " " + f.Key
		}
		rows[i] = []string{orDash(f.Split), f.Measure, by, f.String(), fmt.Sprintf("%s–%s", f.Number(f.Low), f.Number(f.High)), fmt.Sprint(f.N)}
	}
	g.line("")
	return g.table([]string{"SET", "MEASURE", "OF", "VALUE", "INTERVAL", "CASES"}, rows)
}

// line prints one line; what is put into it may come from outside.
func (g *globals) line(format string, a ...any) {
	fmt.Fprintln(g.Out, strings.TrimRight(oneLine(fmt.Sprintf(format, a...)), " "))
}

// cardWidth is where text of cards is broken.
const cardWidth = 100

// paragraph prints text broken into lines, the first after head and the others
// as far to the right.
func (g *globals) paragraph(head, text string) {
	indent := strings.Repeat(" ", len([]rune(head)))
	line := head
	for i, word := range strings.Fields(oneLine(text)) {
		if i > 0 && len([]rune(line))+1+len([]rune(word)) > cardWidth && strings.TrimSpace(line) != "" {
			g.line("%s", line)
			line = indent
		} else if i > 0 {
			line += " "
		}
		line += word
	}
	g.line("%s", line)
}

func (g *globals) list(title string, items []string) {
	if len(items) == 0 {
		return
	}
	g.line("")
	g.line("%s", title)
	for _, item := range items {
		g.paragraph("  - ", item)
	}
}

// facts prints names and values in two columns.
func (g *globals) facts(rows [][2]string) {
	for _, r := range rows {
		g.paragraph(fmt.Sprintf("  %-14s ", r[0]), r[1])
	}
}
