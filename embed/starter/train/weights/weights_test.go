package weights

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var tinyShape = Shape{Vocab: 64, Width: 64, Layers: 2, Heads: 2, KVHeads: 1, FFN: 64, RopeBase: 10000}

// trained returns a model in which every weight matters: a fresh one has zero
// projections and equal gains.
func trained(t *testing.T, s Shape) *Model {
	t.Helper()
	m, err := Fresh(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(2, 3))
	m.Step, m.Tokens = 7, 7000
	for i := range m.OutputGain {
		m.OutputGain[i] = 0.2 + 0.1*r.Float32()
	}
	for _, l := range m.Layer {
		fill(l.Output, 0.08, r)
		fill(l.Down, 0.08, r)
		for i := range l.QGain {
			l.QGain[i], l.KGain[i] = 1+r.Float32(), 1+r.Float32()
		}
	}
	return m
}

func equal(a, b *Model) bool {
	x, y := a.blocks(false), b.blocks(false)
	return a.Shape == b.Shape && slices.EqualFunc(x, y, func(p, q block) bool { return slices.Equal(*p.values, *q.values) })
}

func answer(vocab int) []uint16 {
	r := rand.New(rand.NewPCG(5, 6))
	tokens := make([]uint16, 40)
	for i := range tokens {
		tokens[i] = uint16(r.IntN(vocab))
	}
	return tokens
}

func TestCheckpointRoundTrip(t *testing.T) {
	m := trained(t, tinyShape)
	path := filepath.Join(t.TempDir(), "m.ckpt")
	if err := m.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !equal(m, got) {
		t.Error("the weights read back are not those written")
	}
	got.Layer[1].Down[3]++ // negative control
	if equal(m, got) {
		t.Error("the comparison does not see a changed weight")
	}
}

func TestReadRefuses(t *testing.T) {
	var b bytes.Buffer
	if err := trained(t, tinyShape).Write(&b); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	with := func(at int, v byte) []byte {
		c := slices.Clone(whole)
		c[at] = v
		return c
	}
	for _, row := range []struct {
		name string
		data []byte
		want error
	}{
		{"an empty file", nil, ErrCheckpoint},
		{"another kind of file", with(0, 'X'), ErrCheckpoint},
		{"a later version", with(4, 9), ErrCheckpoint},
		{"a width the kernels cannot do", with(12, 65), ErrShape},
		{"heads that do not share evenly", with(24, 3), ErrShape},
		{"other heads' width", with(36, 32), ErrShape},
		{"a wrong count of weights", with(80, 1), ErrCheckpoint},
		{"a file cut off", whole[:len(whole)-1], ErrCheckpoint},
	} {
		if _, err := Read(bytes.NewReader(row.data)); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.want)
		}
	}
	if _, err := Read(bytes.NewReader(whole)); err != nil {
		t.Errorf("the whole file: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	m, err := Fresh(tinyShape, 1)
	if err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	if err := m.Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:headerBytes])
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := m.Write(&again); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
	})
}

// TestGrowKeepsTheFunction: the loss, to the last bit, since only zeros are
// added to every sum.
func TestGrowKeepsTheFunction(t *testing.T) {
	m := trained(t, tinyShape)
	tokens := answer(m.Vocab)
	want := m.Loss(tokens, 10)
	for _, row := range []struct{ layers, ffn int }{{2, 64}, {2, 128}, {3, 64}, {4, 128}, {5, 192}} {
		g, err := Grow(m, row.layers, row.ffn, 9)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.Loss(tokens, 10); got != want {
			t.Errorf("%d layers, %d hidden units: loss %v, want %v", row.layers, row.ffn, got, want)
		}
		if g.Parameters() != count(g) {
			t.Errorf("%d layers, %d hidden units: %d weights, want %d", row.layers, row.ffn, count(g), g.Parameters())
		}
	}
	// Negative controls: each of the zeros is what keeps the function.
	for _, row := range []struct {
		name  string
		spoil func(*Model)
	}{
		{"an added layer's down projection", func(g *Model) { fill(g.Layer[1].Down, 0.05, rand.New(rand.NewPCG(1, 1))) }},
		{"an added layer's attention output", func(g *Model) { fill(g.Layer[1].Output, 0.05, rand.New(rand.NewPCG(1, 1))) }},
		{"an added hidden unit's column", func(g *Model) {
			for i := range g.Width {
				g.Layer[0].Down[i*g.FFN+g.FFN-1] = 0.5
			}
		}},
	} {
		g, err := Grow(m, 4, 128, 9)
		if err != nil {
			t.Fatal(err)
		}
		row.spoil(g)
		if g.Loss(tokens, 10) == want {
			t.Errorf("%s can be anything and the loss does not change", row.name)
		}
	}
}

func count(m *Model) int {
	n := 0
	for _, b := range m.blocks(false) {
		n += len(*b.values)
	}
	return n
}

// TestGrowSpreadsLayers: the zeroed layers stand between the old ones, not at
// the end.
func TestGrowSpreadsLayers(t *testing.T) {
	s := tinyShape
	s.Layers = 3
	for layers, want := range map[int]string{3: "ooo", 4: "oooa", 5: "ooaoa", 6: "oaoaoa", 7: "oaoaoaa"} {
		g, err := Grow(trained(t, s), layers, s.FFN, 1)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, l := range g.Layer {
			if slices.Max(l.Down) == 0 && slices.Min(l.Down) == 0 {
				got.WriteByte('a')
			} else {
				got.WriteByte('o')
			}
		}
		if got.String() != want {
			t.Errorf("3 layers grown to %d: %s, want %s (o old, a added)", layers, got.String(), want)
		}
	}
}

func TestGrowRefusesToShrink(t *testing.T) {
	m := trained(t, tinyShape)
	for _, row := range []struct{ layers, ffn int }{{1, 64}, {2, 32}, {2, 100}} {
		if _, err := Grow(m, row.layers, row.ffn, 1); !errors.Is(err, ErrShape) {
			t.Errorf("%d layers, %d hidden units: got %v, want %v", row.layers, row.ffn, err, ErrShape)
		}
	}
}
