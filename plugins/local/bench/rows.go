package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"skerry/appliance/llm"
)

// pass is the time that a prompt took and the tokens written after it, in
// milliseconds.
type pass struct{ prefillMillis, decodeMillis float64 }

// Lengths of the passes that are timed.
const (
	prompt = 512
	write  = 48
)

// model is a file to measure with.
type model struct {
	name, path  string
	write       int // tokens after the prompt
	prefill, to string
}

// models returns the generated files and the starter models.
func models(o options) ([]model, error) {
	var list []model
	for _, k := range kinds {
		path, err := file(o.files, k)
		if err != nil {
			return nil, err
		}
		list = append(list, model{"0.6B-shaped " + k.name, path, write, "≥ 0.90×", "≥ 1.00×"})
	}
	for _, name := range []string{"starter", "starter-large"} {
		path, err := filepath.Abs(filepath.Join("embed", "starter", name+".q8_0.gguf"))
		if err != nil {
			return nil, err
		}
		list = append(list, model{name, path, 0, "≥ 0.90×", ""})
	}
	return list, nil
}

// passes times a prompt of 512 tokens and one stream after it. A starter model
// ends its turn when it likes: it only reads.
func passes(ctx context.Context, o options, out io.Writer) error {
	list, err := models(o)
	if err != nil {
		return err
	}
	for _, m := range list {
		if err := passesOf(ctx, o, out, m); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

func passesOf(ctx context.Context, o options, out io.Writer, m model) (err error) {
	theirs, err := startPeer(ctx, o, m.path, 1, 1024)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, theirs.close()) }()
	ours, err := startRunner(ctx, o, m.path, 1, 1024)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.Close()) }()
	var a, b [2][]float64
	for i := range o.rounds + 1 {
		x, err := ours.pass(ctx, prompt, m.write)
		if err != nil {
			return err
		}
		y, err := theirs.pass(prompt, m.write)
		if err != nil {
			return err
		}
		if i == 0 { // both warm up
			continue
		}
		a[0], b[0] = append(a[0], x.prefillMillis), append(b[0], y.prefillMillis)
		a[1], b[1] = append(a[1], x.decodeMillis), append(b[1], y.decodeMillis)
	}
	for i, what := range []string{"prefill of 512 tokens, tokens/s", "decode of one stream behind them, tokens/s"} {
		n, bar := float64(prompt), m.prefill
		if i == 1 {
			if m.write == 0 {
				continue
			}
			n, bar = float64(m.write), m.to
		}
		x, y := n*1000/median(a[i]), n*1000/median(b[i])
		row(out, m.name+": "+what, number(x), number(y), ratio(x, y), bar)
	}
	return nil
}

// loads starts both with a file of 338 MB that is in memory already.
func loads(ctx context.Context, o options, out io.Writer) error {
	path, err := file(o.files, kinds[0])
	if err != nil {
		return err
	}
	var a, b []float64
	for range max(3, o.rounds) {
		ours, err := startRunner(ctx, o, path, 1, 1024)
		if err != nil {
			return err
		}
		a = append(a, ours.loadMillis)
		theirs, err := startPeer(ctx, o, path, 1, 1024)
		if err := errors.Join(err, ours.Close()); err != nil {
			return err
		}
		b = append(b, theirs.loadMillis)
		if err := theirs.close(); err != nil {
			return err
		}
	}
	row(out, "load of a file of 338 MB, warm, in ms; ours: from launch to healthy, checked and hashed; llama.cpp: inside its process, mapped, not hashed",
		number(median(a)), number(median(b)), ratio(median(b), median(a)), "≤ 1,000 ms")
	return nil
}

// constrained compares tokens that are sampled freely with tokens that a schema
// holds. The first of these, a quotation mark, is forced and comes before the
// prompt is read, so the clock starts with the second of both.
func constrained(ctx context.Context, o options, out io.Writer) (err error) {
	path, err := file(o.files, kinds[0])
	if err != nil {
		return err
	}
	r, err := startRunner(ctx, o, path, 1, 1024)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	const tokens = 64
	one := func(schema string) (float64, error) {
		text, err := r.fit(ctx, 64)
		if err != nil {
			return 0, err
		}
		q := request(text, tokens)
		if schema != "" {
			q.Schema = []byte(schema)
		}
		var second time.Time
		deltas := 0
		res, err := r.Generate(ctx, q, func(llm.Delta) error {
			if deltas++; deltas == 2 {
				second = time.Now()
			}
			return nil
		})
		if err == nil && res.Usage.OutputTokens != tokens {
			err = fmt.Errorf("%d tokens were written, not %d", res.Usage.OutputTokens, tokens)
		}
		return millis(time.Since(second)) / (tokens - 2), err
	}
	const schema = `{"type":"string","minLength":2000}`
	var free, held []float64
	for i := range o.rounds + 1 {
		f, err := one("")
		if err != nil {
			return err
		}
		h, err := one(schema)
		if err != nil {
			return err
		}
		if i > 0 {
			free, held = append(free, f), append(held, h)
		}
	}
	f, h := median(free), median(held)
	row(out, "constrained decoding, ms per sampled token (0.6B-shaped Q4_0, 152k tokens); beside it free decoding",
		fmt.Sprintf("%.2f", h), fmt.Sprintf("ours, free: %.2f", f), fmt.Sprintf("%+.1f %%", (h/f-1)*100), "≤ +5 %")
	return nil
}

// sizes of the runners that are built.
func sizes(_ context.Context, o options, out io.Writer) error {
	list, err := filepath.Glob(o.runner + "*")
	if err != nil {
		return err
	}
	for _, path := range list {
		if ext := filepath.Ext(path); ext == ".needs" || ext == ".zst" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		packed := ""
		if p, err := os.Stat(path + ".zst"); err == nil {
			packed = fmt.Sprintf(", packed %.1f", float64(p.Size())/1e6)
		}
		row(out, filepath.Base(path)+", MB", fmt.Sprintf("%.1f%s", float64(info.Size())/1e6, packed), "—", "—", "≤ 12 MB")
	}
	return nil
}
