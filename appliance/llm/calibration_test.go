package llm

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestCalibrationCheck(t *testing.T) {
	for _, row := range []struct{ name, json, want string }{
		{"none", `null`, ""},
		{"empty", `{}`, ""},
		{"two knots", `{"extract":[[0,0.1],[1,0.9]]}`, ""},
		{"a level stretch", `{"list":[[0,0.5],[0.5,0.5],[1,0.9]]}`, ""},
		{"one knot", `{"classify":[[0.5,0.5]]}`, "calibration.classify: it has 1 knots"},
		{"it falls", `{"extract":[[0,0.5],[1,0.4]]}`, "calibration.extract: knot 2 is [1 0.4] after [0 0.5]"},
		{"raw values repeat", `{"extract":[[0.5,0.5],[0.5,0.6]]}`, "knot 2"},
		{"below 0", `{"list":[[0,-0.1],[1,0.4]]}`, "calibration.list: knot 1"},
		{"above 1", `{"extract":[[0,0.1],[1.5,0.4]]}`, "knot 2 is [1.5 0.4]; both numbers must lie between 0 and 1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var c *Calibration
			if err := json.Unmarshal([]byte(row.json), &c); err != nil {
				t.Fatal(err)
			}
			err := c.Check()
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("%s: got %v, want %q", row.json, err, row.want)
			}
		})
	}
	if err := (&Calibration{Extract: Curve{{0, math.NaN()}, {1, 1}}}).Check(); err == nil {
		t.Error("a curve through NaN is accepted")
	}
	if err := (&Calibration{Extract: make(Curve, 101)}).Check(); err == nil {
		t.Error("101 knots are accepted")
	}
}

// TestCurveKeepsOrder: whatever a curve that Check accepts does, it stays
// within 0 and 1 and ranks nothing anew.
func TestCurveKeepsOrder(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		var c Curve
		raw, calibrated := 0.0, 0.0
		for range 2 + r.IntN(12) {
			raw += (1 - raw) * r.Float64() * 0.9
			if r.IntN(4) > 0 {
				calibrated += (1 - calibrated) * r.Float64()
			}
			c = append(c, [2]float64{raw, calibrated})
			raw = math.Nextafter(raw, 2)
		}
		if err := (&Calibration{Extract: c}).Check(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		last := Confidence(0)
		for x := 0.0; x <= 1; x += 1.0 / 512 {
			got := c.at(Confidence(x))
			if !got.Known() || got < last {
				t.Fatalf("seed %d: %v at %v after %v, on %v", seed, got, x, last, c)
			}
			last = got
		}
		for _, k := range c {
			if got := float64(c.at(Confidence(k[0]))); math.Abs(got-k[1]) > 1e-12 {
				t.Errorf("seed %d: knot %v is met at %v", seed, k, got)
			}
		}
	}
	if got := (Curve{{0, 0.2}, {1, 0.9}}).at(Unknown()); got.Known() {
		t.Errorf("an unknown confidence becomes %v", got)
	}
	if got := Curve(nil).at(0.73); got != 0.73 {
		t.Errorf("no curve turns 0.73 into %v", got)
	}
}

// TestReadCalibrates: the curve of the kind of answer is applied to token
// probabilities and to nothing else.
func TestReadCalibrates(t *testing.T) {
	fields := []Field{
		{Name: "number", Type: TypeString, Nullable: true},
		{Name: "absent", Type: TypeString, Nullable: true},
		{Name: "made_up", Type: TypeString, Nullable: true},
		{Name: "lines", Type: TypeList, Nullable: true, Of: []Field{{Name: "what", Type: TypeString}, {Name: "count", Type: TypeInteger}}},
	}
	profile := Profile{Name: "p", Tasks: map[TaskKind]*TaskProfile{
		TaskExtract:  {User: "{document}\n{fields}", Field: "{name}: {type} {about}", Types: map[FieldType]string{TypeString: "string", TypeInteger: "number", TypeList: "list"}},
		TaskClassify: {User: "{document}\n{labels}", Label: "{name}: {about}"},
	}}
	read := func(p Prompt, c *Calibration, tokens ...Token) Answer {
		t.Helper()
		a, err := Adapt(p, Model{ID: "m", Calibration: c, Capabilities: Capabilities{Probabilities: true}}, profile)
		if err != nil {
			t.Fatal(err)
		}
		r := Response{Finish: FinishStop, Tokens: tokens}
		for _, k := range tokens {
			r.Text += string(k.Bytes)
		}
		return a.Read([]Response{r})
	}
	says := func(text string, p float64) Token { return Token{Bytes: []byte(text), Logprob: math.Log(p)} }
	extract := Prompt{Kind: TaskExtract, Text: "Invoice R-17, 2 hinges", Fields: fields}
	spoken := []Token{
		says(`{"number":`, 1), says(`"R-17"`, 0.8), says(`,"absent":`, 1), says(`null`, 0.5),
		says(`,"made_up":`, 1), says(`"R-99"`, 0.9), says(`,"lines":[{"what":`, 1), says(`"hinges"`, 0.6), says(`,"count":2}]}`, 0.9),
	}
	c := &Calibration{Extract: Curve{{0, 0}, {1, 0.5}}, List: Curve{{0, 0.1}, {1, 0.2}}, Classify: Curve{{0, 0.9}, {1, 1}}}
	for _, row := range []struct {
		calibration *Calibration
		field       string
		want        float64
		source      ConfidenceSource
	}{
		{nil, "number", 0.8, FromTokens},
		{nil, "absent", 0.5, FromTokens},
		{nil, "made_up", 0, FromValidator},
		{nil, "lines", 0.6, FromTokens},
		{c, "number", 0.4, FromTokens},
		{c, "absent", 0.25, FromTokens},
		{c, "made_up", 0, FromValidator}, // a validator's verdict is no estimate
		{c, "lines", 0.16, FromTokens},
		{&Calibration{List: c.List}, "number", 0.8, FromTokens},
	} {
		v := read(extract, row.calibration, spoken...).Values[row.field]
		if math.Abs(float64(v.Confidence)-row.want) > 1e-9 || v.Source != row.source {
			t.Errorf("%s with %v: confidence %v from %s, want %v from %s", row.field, row.calibration, v.Confidence, v.Source, row.want, row.source)
		}
	}
	classify := Prompt{Kind: TaskClassify, Text: "x", Labels: []Label{{Name: "usual"}, {Name: "unusual"}}}
	if v := read(classify, c, says(`{"label":`, 1), says(`"usual"`, 0.5), says(`}`, 1)).Values["label"]; math.Abs(float64(v.Confidence)-0.95) > 1e-9 {
		t.Errorf("the label has confidence %v, want 0.95", v.Confidence)
	}
	if v := read(extract, c, Token{Bytes: []byte(`{"number":"R-17"}`), Logprob: math.NaN()}).Values["number"]; v.Confidence.Known() {
		t.Errorf("without a probability the confidence is %v, want unknown", v.Confidence)
	}
}
