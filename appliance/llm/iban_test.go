package llm

import (
	"math"
	"testing"
)

func TestIBANCheckSumRaisesConfidence(t *testing.T) {
	const iban = `"DE89370400440532013000"`
	for _, row := range []struct {
		name, text string
		logprob    float64
		want       Confidence
		from       ConfidenceSource
	}{
		{"a hesitant copy of the only IBAN is as good as certain", "IBAN DE89 3704 0044 0532 0130 00 due now", math.Log(0.5), 97.0 / 98, FromValidator},
		{"a guess that passes by chance stays doubtful", "IBAN DE89370400440532013000", math.Log(0.001), 0.0885, FromValidator},
		{"of two IBANs the wrong one may have been picked", "IBAN DE89 3704 0044 0532 0130 00 or GB82 WEST 1234 5698 7654 32", math.Log(0.5), 0.5, FromTokens},
		{"something that only looks like another IBAN does not count", "IBAN DE89 3704 0044 0532 0130 00, ref GB00 WEST 1234 5698 7654 32", math.Log(0.5), 97.0 / 98, FromValidator},
	} {
		tokens := []Token{{Bytes: []byte(`{"iban":`)}, {Bytes: []byte(iban), Logprob: row.logprob}, {Bytes: []byte(`}`)}}
		a, err := Adapt(Prompt{Kind: TaskExtract, Text: row.text, Fields: []Field{{Name: "iban", Type: TypeIBAN}}}, Model{ContextTokens: 4096}, Profile{
			Tasks: map[TaskKind]*TaskProfile{TaskExtract: {User: "{document}{fields}", Field: "{name}: {type}", Types: map[FieldType]string{TypeIBAN: "string"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		v := a.Read([]Response{{Text: `{"iban":` + iban + `}`, Tokens: tokens, Finish: FinishStop}}).Values["iban"]
		if math.Abs(float64(v.Confidence-row.want)) > 1e-3 || v.Source != row.from {
			t.Errorf("%s: confidence %.4f from %s (problem %q), want %.4f from %s", row.name, v.Confidence, v.Source, v.Problem, row.want, row.from)
		}
	}
}
