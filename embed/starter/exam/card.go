package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"skerry/appliance/llm"
	"skerry/plugins/local/gguf"
)

// facts is what people know of the starter models and no file states: what they
// are for, what they cannot do, and what they were trained on, by role.
//
//go:embed facts.json
var facts []byte

type fact struct {
	About       string       `json:"about"`
	IntendedUse []string     `json:"intendedUse"`
	Limits      []string     `json:"limits"`
	Licence     string       `json:"licence"`
	Training    llm.Training `json:"training"`
}

func factsOf(role string) (fact, error) {
	d := json.NewDecoder(bytes.NewReader(facts))
	d.DisallowUnknownFields()
	var all map[string]fact
	if err := d.Decode(&all); err != nil {
		return fact{}, fmt.Errorf("facts.json: %w", err)
	}
	f, ok := all[role]
	if !ok {
		return fact{}, fmt.Errorf("facts.json says nothing about the %s model", role)
	}
	return f, nil
}

// writeCards writes the card of every examined model that the catalogue names.
func (x *examination) writeCards(dir string, r *report) error {
	entries, err := readCatalogue(x.o.catalogue)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // part of the sources
		return err
	}
	for i, c := range x.candidates {
		e, ok := findFile(entries, c.path)
		if !ok {
			return fmt.Errorf("%s does not name %s: a card speaks of a model of the catalogue", x.o.catalogue, filepath.Base(c.path))
		}
		card, err := x.card(e, c, r, r.Models[i])
		if err != nil {
			return fmt.Errorf("card of %s: %w", e.ID, err)
		}
		b, err := marshalCard(card)
		if err != nil {
			return err
		}
		if _, err := llm.ParseCard(b); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, string(e.ID)+".json"), b, 0o644); err != nil { //nolint:gosec // part of the sources
			return err
		}
	}
	return nil
}

// card puts together what is known of a model and what was measured.
func (x *examination) card(e entry, c *candidate, r *report, m examined) (llm.Card, error) {
	f, err := factsOf(c.role)
	if err != nil {
		return llm.Card{}, err
	}
	card := llm.Card{
		Model: e.ID, Title: e.Title, Languages: e.Languages,
		About: f.About, IntendedUse: f.IntendedUse, Limits: f.Limits, Licence: f.Licence, Training: f.Training,
		Exam: llm.Exam{
			Engine: m.Model.Lock.Engine, Seed: r.Seed, Documents: r.Documents, Schema: m.Model.Capabilities.JSONSchema,
			Calibration: m.Calibration.Digest(),
		},
		Digests: llm.CardDigests{Weights: m.Model.Lock.Weights, Profile: m.Model.Lock.Profile},
	}
	if card.Architecture, err = architectureOf(c.path); err != nil {
		return card, err
	}
	card.Architecture.ContextTokens = m.Model.ContextTokens
	const root = "embed/starter" // the exam runs where the module is
	if card.Digests.Tokenizer, err = digestOf(os.DirFS(root), "tokenizer/tokens.json"); err != nil {
		return card, err
	}
	if card.Digests.Generator, err = digestOf(os.DirFS(root), "paper/*.go", "corpus/*.go"); err != nil {
		return card, err
	}
	for _, j := range r.Bars {
		if j.Role == c.role {
			card.Bars = append(card.Bars, j.Bar)
		}
	}
	card.Figures = slices.Clone(m.Figures)
	card.Figures = slices.DeleteFunc(card.Figures, func(f llm.Figure) bool { return f.Slice != "" && f.Split != pooled && f.Split != classifySplit })
	if c.role == small {
		for _, e := range r.Routing {
			if e.Chosen {
				card.Exam.Threshold = e.Threshold
				card.Figures = append(card.Figures, e.Share, e.Residual)
			}
		}
	}
	slices.SortStableFunc(card.Figures, byName)
	for i := range card.Figures {
		roundFigure(&card.Figures[i])
	}
	for i := range card.Bars {
		roundFigure(&card.Bars[i].Figure)
	}
	return card, nil
}

// roundFigure keeps four decimals: the intervals are wider.
func roundFigure(f *llm.Figure) {
	for _, x := range []*float64{&f.Value, &f.Low, &f.High} {
		*x = math.Round(*x*1e4) / 1e4
	}
	f.Low, f.High = min(f.Low, f.Value), max(f.High, f.Value) // a percentile of few draws may lie on the wrong side
}

// architectureOf reads the shape of a model from its file.
func architectureOf(path string) (a llm.Architecture, err error) {
	file, err := os.Open(path)
	if err != nil {
		return a, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return a, err
	}
	f, err := gguf.Check(file, info.Size())
	if err != nil {
		return a, err
	}
	whole := func(key string) int { return int(f.Values[f.Architecture+"."+key].Uint) } //nolint:gosec // bounded by gguf.Check
	a = llm.Architecture{
		Family: f.Architecture, Layers: whole("block_count"), Width: whole("embedding_length"), Heads: whole("attention.head_count"),
		KVHeads: whole("attention.head_count_kv"), HeadWidth: whole("attention.key_length"), FeedForward: whole("feed_forward_length"),
		Vocabulary: f.Values["tokenizer.ggml.tokens"].Len, SizeBytes: info.Size(),
	}
	bytesOf := map[uint32]uint64{}
	for _, t := range f.Tensors {
		n := int64(1)
		for _, d := range t.Shape {
			n *= int64(d) //nolint:gosec // bounded by gguf.Check
		}
		a.Parameters += n
		bytesOf[t.Type] += t.Size
	}
	var most uint32
	for t, n := range bytesOf {
		if n > bytesOf[most] {
			most = t
		}
	}
	// ggml_type in ggml.h; the ones that the trainer writes.
	names := map[uint32]string{0: "F32", 1: "F16", 2: "Q4_0", 6: "Q5_0", 8: "Q8_0", 12: "Q4_K", 14: "Q6_K", 30: "BF16"}
	a.Quantisation = names[most]
	if a.Quantisation == "" {
		return a, fmt.Errorf("the matrices have the tensor type %d, which has no name here", most)
	}
	return a, nil
}

// digestOf returns the SHA-256 of the files that match, each with its name and
// length before it, tests excepted.
func digestOf(files fs.FS, patterns ...string) (string, error) {
	sum := sha256.New()
	n := 0
	for _, pattern := range patterns {
		names, err := fs.Glob(files, pattern)
		if err != nil {
			return "", err
		}
		slices.Sort(names)
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			b, err := fs.ReadFile(files, name)
			if err != nil {
				return "", err
			}
			if len(names) > 1 {
				fmt.Fprintf(sum, "%s %d\n", name, len(b))
			}
			if _, err := io.Copy(sum, bytes.NewReader(b)); err != nil {
				return "", err
			}
			n++
		}
	}
	if n == 0 {
		return "", fmt.Errorf("no file matches %s", strings.Join(patterns, ", "))
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// marshalCard indents a card, with every figure on a line of its own.
func marshalCard(c llm.Card) ([]byte, error) {
	figures := c.Figures
	c.Figures = nil
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, f := range figures {
		line, err := json.Marshal(f)
		if err != nil {
			return nil, err
		}
		lines = append(lines, "    "+string(line))
	}
	list := "[\n" + strings.Join(lines, ",\n") + "\n  ]"
	if len(lines) == 0 {
		list = "[]"
	}
	whole, found := bytes.CutSuffix(b, []byte("\"figures\": null\n}"))
	if !found {
		return nil, fmt.Errorf("the figures are not the last key of a card any more")
	}
	return slices.Concat(whole, []byte("\"figures\": "+list+"\n}\n")), nil
}
