package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// kitchen follows a recipe in a folder of its own.
type kitchen struct {
	recipe     *recipe
	dir        string // absolute
	threads    int
	maxSeconds float64
	torch      bool
}

func (k *kitchen) path(name string) string { return filepath.Join(k.dir, name) }

// needed reports whether a model is wanted, or a wanted one grows from it.
func (k *kitchen) needed(id string, wanted []string) bool {
	return slices.ContainsFunc(wanted, func(w string) bool {
		for {
			i := slices.IndexFunc(k.recipe.Models, func(m model) bool { return m.ID == w })
			if w == id || i < 0 || k.recipe.Models[i].Grow == nil {
				return w == id
			}
			w = k.recipe.Models[i].Grow.From
		}
	})
}

// step runs work unless the marker says that it was done with the same inputs.
// The marker is written last, so what was cut off is done again.
func (k *kitchen) step(name string, inputs any, work func() error) error {
	want, err := json.Marshal(inputs)
	if err != nil {
		return err
	}
	marker := k.path(name + ".done")
	if got, err := os.ReadFile(marker); err == nil && bytes.Equal(got, want) {
		fmt.Println(name, "is there")
		return nil
	}
	if err := work(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(marker, want, 0o644)
}

// command runs a program whose output goes to ours. An end of ctx is passed on
// as SIGTERM, on which the trainer writes a checkpoint.
func (k *kitchen) command(ctx context.Context, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	// Of a terminal's Ctrl-C the whole group would get a second signal.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = time.Minute
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return nil
}

// prepare builds the tools and generates the records.
func (k *kitchen) prepare(ctx context.Context) error {
	for name, pkg := range map[string]string{"records": "./embed/starter/corpus/records", "checkpoint": "./embed/starter/train/checkpoint"} {
		if err := k.command(ctx, "go", "build", "-o", k.path(name), pkg); err != nil {
			return err
		}
	}
	if !k.torch {
		if err := k.command(ctx, "embed/starter/train/trainer/build.sh", k.path("trainer")); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(k.recipe.Records)) {
		r := k.recipe.Records[name]
		inputs := struct {
			Seed    uint64
			Records records
		}{k.recipe.Seed, r}
		err := k.step(name+".rec", inputs, func() error {
			return k.command(ctx, k.path("records"), "-seed", strconv.FormatUint(k.recipe.Seed, 10), "-split", r.Split,
				"-from", strconv.Itoa(r.From), "-n", strconv.Itoa(r.Examples), "-short", number(r.Short), "-asks", strconv.Itoa(max(1, r.Asks)),
				"-jobs", strconv.Itoa(k.threads), "-fields", k.path("fields.txt"), "-out", k.path(name+".rec"))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// train takes a model through its stages and exports it.
func (k *kitchen) train(ctx context.Context, m model) error {
	start := m.ID + "-0.ckpt"
	err := k.step(start, k.lineage(m, 0), func() error {
		if m.Grow == nil {
			return k.command(ctx, k.path("checkpoint"), "from-gguf", m.GGUF, k.path(start))
		}
		return k.command(ctx, k.path("checkpoint"), "grow", "-seed", strconv.FormatUint(k.recipe.Seed, 10),
			"-layers", strconv.Itoa(m.Grow.Layers), "-ffn", strconv.Itoa(m.Grow.FFN), k.path(k.last(m.Grow.From)), k.path(start))
	})
	if err != nil {
		return err
	}
	for i, s := range m.Stages {
		name := fmt.Sprintf("%s-%d.ckpt", m.ID, i+1)
		if err := k.step(name, k.lineage(m, i+1), func() error { return k.stage(ctx, m, i, s) }); err != nil {
			return err
		}
	}
	out := k.path(m.Name + ".q8_0.gguf")
	if err := k.command(ctx, k.path("checkpoint"), "to-gguf", "-type", "q8_0", "-context", "2048", "-name", m.Name,
		"-description", m.Description, "-tokenizer", k.recipe.Tokenizer, k.path(k.last(m.ID)), out); err != nil {
		return err
	}
	fmt.Printf("model %s is in %s; examine it, then put it into embed/starter\n", m.ID, out)
	return nil
}

// lineage is everything that decides what a model is after some of its stages.
func (k *kitchen) lineage(m model, stages int) []any {
	out := []any{k.recipe.Seed, k.recipe.Records, m.GGUF, m.Grow, m.Stages[:stages]}
	if m.Grow == nil {
		return out
	}
	i := slices.IndexFunc(k.recipe.Models, func(o model) bool { return o.ID == m.Grow.From })
	parent := k.recipe.Models[i]
	return append(out, k.lineage(parent, len(parent.Stages)))
}

// last names the checkpoint of a trained model.
func (k *kitchen) last(id string) string {
	i := slices.IndexFunc(k.recipe.Models, func(m model) bool { return m.ID == id })
	return fmt.Sprintf("%s-%d.ckpt", id, len(k.recipe.Models[i].Stages))
}

// stage runs the trainer. A checkpoint of the stage itself means that it was
// interrupted; the one of the stage before is continued with the new plan; the
// first stage starts from weights.
func (k *kitchen) stage(ctx context.Context, m model, i int, s stage) error {
	out, before := k.path(fmt.Sprintf("%s-%d.ckpt", m.ID, i+1)), k.path(fmt.Sprintf("%s-%d.ckpt", m.ID, i))
	if err := k.discardOther(out, k.lineage(m, i+1)); err != nil {
		return err
	}
	args := []string{
		"-out", out, "-test", k.path(held + ".rec"), "-fields", k.path("fields.txt"), "-seed", strconv.FormatUint(k.recipe.Seed, 10),
		"-threads", strconv.Itoa(k.threads), "-matrix-rate", number(s.MatrixRate), "-embedding-rate", number(s.EmbeddingRate),
		"-gain-rate", number(s.GainRate), "-weight-decay", number(s.WeightDecay), "-max-seconds", number(k.maxSeconds),
	}
	if s.BatchTokens > 0 {
		args = append(args, "-batch-tokens", number(s.BatchTokens))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Mix)) {
		args = append(args, "-train", k.path(name+".rec")+":"+number(s.Mix[name]))
	}
	plan := []string{"-tokens", number(s.Tokens), "-decay-tokens", number(s.DecayTokens), "-decay-shape", s.shape()}
	switch _, err := os.Stat(out); {
	case err == nil:
		args = append(args, "-resume", out)
	case i > 0:
		args = append(append(args, "-resume", before), plan...)
	default:
		args = append(append(args, "-init", before, "-warmup-tokens", number(s.WarmupTokens)), plan...)
	}
	name := k.path("trainer")
	if k.torch {
		name, args = python(ctx), append([]string{"embed/starter/train/torch_train.py"}, args...)
	}
	err := k.command(ctx, name, args...)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 3 {
		return errors.New("interrupted; run it again to go on")
	}
	return err
}

// python names a Python that has PyTorch, or python3, which then says that it
// is missing. The distribution's often is not the first on the path.
func python(ctx context.Context) string {
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(ctx, name, "-c", "import torch").Run() == nil {
			return name
		}
	}
	return "python3"
}

// discardOther removes the checkpoint of an interrupted stage whose recipe has
// changed since: going on with it would mix two recipes.
func (k *kitchen) discardOther(out string, lineage []any) error {
	want, err := json.Marshal(lineage)
	if err != nil {
		return err
	}
	plan := out + ".plan"
	if got, err := os.ReadFile(plan); err != nil || !bytes.Equal(got, want) {
		if err := os.Remove(out); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return os.WriteFile(plan, want, 0o644)
}

func (s stage) shape() string {
	if s.DecayShape == "" {
		return "linear"
	}
	return s.DecayShape
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
