package train

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"skerry/embed/starter/train/weights"
)

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "skerry-trainer")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "trainer")
	out, err := exec.Command("trainer/build.sh", path).CombinedOutput()
	if err != nil {
		return dir, fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if used {
		path, _ := build()
		os.RemoveAll(strings.TrimSuffix(path, "/trainer"))
	}
	os.Exit(code)
}

var used bool // whether a test has built the trainer

// trainer returns the trainer as the recipe builds it. Where it cannot run, the
// test is skipped.
func trainer(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the trainer, which takes some 15 s of processor time; leave out -short")
	}
	if _, err := exec.LookPath("g++"); err != nil {
		t.Skip("there is no g++ to build the trainer with")
	}
	if cpu, _ := os.ReadFile("/proc/cpuinfo"); !bytes.Contains(cpu, []byte("avx512_bf16")) {
		t.Skip("this processor has no AVX-512 BF16, which the trainer needs")
	}
	used = true
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs the trainer and returns its exit code and what it printed.
func run(t *testing.T, args ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, trainer(t), args...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), string(out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, string(out)
}

func runs(t *testing.T, args ...string) string {
	t.Helper()
	code, out := run(t, args...)
	if code != 0 {
		t.Fatalf("trainer %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// tiny returns a small model in which every weight matters, with matrices that
// bfloat16 holds exactly, so that the trainer and the reference start from the
// same numbers.
func tiny(t *testing.T) *weights.Model {
	t.Helper()
	m, err := weights.Fresh(weights.Shape{Vocab: 128, Width: 64, Layers: 2, Heads: 4, KVHeads: 2, FFN: 128, RopeBase: 10000}, 1)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(2, 3))
	for i := range m.OutputGain {
		m.OutputGain[i] = 0.1 + 0.1*r.Float32()
	}
	round(m.Embedding)
	for _, l := range m.Layer {
		for i := range l.QGain {
			l.QGain[i], l.KGain[i] = 1+r.Float32(), 1+r.Float32()
		}
		for _, w := range [][]float32{l.Output, l.Down} {
			for i := range w {
				w[i] = float32(r.NormFloat64() * 0.06)
			}
		}
		for _, w := range [][]float32{l.QKV, l.Output, l.GateUp, l.Down} {
			round(w)
		}
	}
	return m
}

// round cuts numbers to the 8 significant bits of a bfloat16.
func round(w []float32) {
	for i := range w {
		w[i] = math.Float32frombits(math.Float32bits(w[i]) &^ 0xffff)
	}
}

// record is a training record of package corpus.
type record struct {
	tokens []uint16
	prompt int
	spans  [][3]uint16
}

func (r record) append(b []byte) []byte {
	for _, v := range []int{len(r.tokens), r.prompt, 0, len(r.spans)} {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	for _, s := range r.spans {
		for _, v := range s {
			b = binary.LittleEndian.AppendUint16(b, v)
		}
	}
	for _, v := range r.tokens {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

// examples returns records whose answer repeats a part of the prompt. Their
// lengths cross the kernels' blocks of 48 and 64; those of 97 and 130 tokens
// begin alike, so that the trainers compute the beginning once.
func examples(n int) []record {
	r := rand.New(rand.NewPCG(7, 8))
	out := make([]record, n)
	for i := range out {
		length := []int{20, 47, 48, 66, 97, 130}[i%6]
		for range length {
			out[i].tokens = append(out[i].tokens, uint16(r.IntN(128)))
		}
		if i%6 == 5 {
			copy(out[i].tokens, out[i-1].tokens[:90])
		}
		out[i].prompt = length
		out[i].tokens = append(out[i].tokens, out[i].tokens[3:15]...)
		out[i].spans = [][3]uint16{{1, uint16(length), uint16(length + 12)}}
	}
	return out
}

func write(t *testing.T, path string, list []record) {
	t.Helper()
	var b []byte
	for _, r := range list {
		b = r.append(b)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// setUp writes a model and records and returns their paths.
func setUp(t *testing.T) (model, records string) {
	t.Helper()
	dir := t.TempDir()
	model, records = filepath.Join(dir, "init.ckpt"), filepath.Join(dir, "train.rec")
	if err := tiny(t).WriteFile(model); err != nil {
		t.Fatal(err)
	}
	write(t, records, examples(120))
	return model, records
}

// TestResume: twenty steps in one go, and ten and ten with a checkpoint
// between, end in the same file, bit for bit.
func TestResume(t *testing.T) {
	model, records := setUp(t)
	dir := t.TempDir()
	whole, half, rest, other := filepath.Join(dir, "whole"), filepath.Join(dir, "half"), filepath.Join(dir, "rest"), filepath.Join(dir, "other")
	flags := []string{"-train", records + ":2", "-train", records, "-threads", "1", "-batch-tokens", "600"}
	schedule := []string{"-tokens", "16000", "-warmup-tokens", "2000", "-decay-tokens", "6000"}
	fresh := append(append([]string{"-init", model}, flags...), schedule...)
	runs(t, append(fresh, "-out", whole)...)
	runs(t, append(fresh, "-out", half, "-stop-at-step", "10")...)
	runs(t, append([]string{"-resume", half, "-out", rest}, flags...)...) // the schedule is in the file
	want, got := read(t, whole), read(t, rest)
	if !bytes.Equal(want, got) {
		t.Error("a resumed run does not end where an uninterrupted one does")
	}
	// Negative control: without the optimiser's moments it ends elsewhere.
	runs(t, append(append([]string{"-init", half, "-out", other}, flags...), "-tokens", "8000", "-warmup-tokens", "0")...)
	if bytes.Equal(want, read(t, other)) {
		t.Error("a run with a fresh optimiser ends in the same file; the comparison is blind")
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDecayFromConstant: the checkpoint before the decay can be decayed again,
// over another number of tokens, from where it stands.
func TestDecayFromConstant(t *testing.T) {
	model, records := setUp(t)
	out := filepath.Join(t.TempDir(), "out")
	runs(t, "-init", model, "-train", records, "-out", out, "-tokens", "20000", "-decay-tokens", "8000", "-batch-tokens", "1000", "-warmup-tokens", "0")
	before, err := weights.ReadFile(out + ".constant")
	if err != nil {
		t.Fatal(err)
	}
	if before.Tokens < 12000 || before.Tokens > 14000 {
		t.Errorf("the decay began after %d tokens, want about 12000", before.Tokens)
	}
	printed := runs(t, "-resume", out+".constant", "-train", records, "-out", out, "-decay-tokens", "4000", "-batch-tokens", "1000", "-log-steps", "1")
	after, err := weights.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if n := after.Tokens - before.Tokens; n < 4000 || n > 6000 {
		t.Errorf("the decay took %d tokens, want about 4000\n%s", n, printed)
	}
}

// TestBadGradient: an overflow ends the run and leaves the checkpoint alone.
func TestBadGradient(t *testing.T) {
	_, records := setUp(t)
	m := tiny(t)
	for i := range m.Layer[1].Down {
		m.Layer[1].Down[i] *= 1e30
	}
	dir := t.TempDir()
	model, out := filepath.Join(dir, "huge.ckpt"), filepath.Join(dir, "out.ckpt")
	if err := m.WriteFile(model); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(out, []byte("the last good one"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, printed := run(t, "-init", model, "-train", records, "-tokens", "5000", "-out", out)
	if code != 4 || !strings.Contains(printed, "not finite") || !strings.Contains(printed, "Resume from the last checkpoint") {
		t.Errorf("exit code %d, want 4 with a message that says what to do\n%s", code, printed)
	}
	if got := string(read(t, out)); got != "the last good one" {
		t.Errorf("the checkpoint was overwritten with %d bytes", len(got))
	}
}

// TestSignal: SIGTERM writes a checkpoint that can be continued.
func TestSignal(t *testing.T) {
	model, records := setUp(t)
	out := filepath.Join(t.TempDir(), "out.ckpt")
	cmd := exec.Command(trainer(t), "-init", model, "-train", records, "-tokens", "1e12", "-out", out, "-log-steps", "1")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1)
	for first[0] != '\n' { // it prints its first line before the first step
		if _, err := pipe.Read(first); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var rest bytes.Buffer
	rest.ReadFrom(pipe)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 3 {
		t.Fatalf("exit code %d, want 3\n%s", code, rest.String())
	}
	if printed := runs(t, "-resume", out, "-train", records, "-stop-at-step", "3"); !strings.Contains(printed, "resumed at step") {
		t.Errorf("it does not say that it resumed:\n%s", printed)
	}
}

func TestTrainerRefuses(t *testing.T) {
	model, records := setUp(t)
	dir := t.TempDir()
	good := examples(1)[0]
	file := func(name string, change func(*record)) string {
		r := good
		r.tokens, r.spans = append([]uint16(nil), good.tokens...), append([][3]uint16(nil), good.spans...)
		change(&r)
		path := filepath.Join(dir, name)
		write(t, path, []record{good, r})
		return path
	}
	cut := filepath.Join(dir, "cut")
	b := read(t, records)
	if err := os.WriteFile(cut, b[:len(b)-2], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, want, records string }{
		{"a token outside the vocabulary", "record 1: a token outside", file("a", func(r *record) { r.tokens[4] = 128 })},
		{"no answer", "record 1: no prompt or no answer", file("b", func(r *record) { r.prompt = len(r.tokens) })},
		{"no prompt", "record 1: no prompt or no answer", file("c", func(r *record) { r.prompt = 0 })},
		{"a span in the prompt", "record 1: a span outside", file("d", func(r *record) { r.spans[0][1] = 2 })},
		{"a span past the end", "record 1: a span outside", file("e", func(r *record) { r.spans[0][2] = 200 })},
		{"a record that is too long", "longer than", file("f", func(r *record) { r.tokens = make([]uint16, 2049) })},
		{"a file cut off", "cut off", cut},
		{"no file", "No such file", filepath.Join(dir, "none")},
	} {
		if code, printed := run(t, "-init", model, "-train", row.records, "-tokens", "1000"); code != 2 || !strings.Contains(printed, row.want) {
			t.Errorf("%s: exit code %d, want 2 with %q\n%s", row.name, code, row.want, printed)
		}
	}
	runs(t, "-init", model, "-train", file("good", func(*record) {}), "-tokens", "100")
}
