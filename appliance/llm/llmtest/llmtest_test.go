package llmtest_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"skerry/appliance/llm"
	"skerry/appliance/llm/llmtest"
)

func TestFakeConforms(t *testing.T) {
	llmtest.Run(t, func(*testing.T) llm.Provider { return &llmtest.Fake{} }, llmtest.Options{})
}

func TestRecordingConforms(t *testing.T) {
	llmtest.Run(t, func(*testing.T) llm.Provider { return llmtest.Record(&llmtest.Fake{}) }, llmtest.Options{})
}

func TestRulesAnswerFromTheText(t *testing.T) {
	r := llmtest.ExtractRequest()
	r.Model = "fake"
	res, err := (&llmtest.Fake{}).Generate(t.Context(), r, nil)
	const want = `{"invoice_number":"BILL-39923","invoice_date":"2026-04-06","net_amount":13263.48,"total_amount":14987.73}`
	if err != nil || res.Text != want {
		t.Errorf("got %s, %v; want %s", res.Text, err, want)
	}
}

func TestFakeBehaves(t *testing.T) {
	request := llmtest.ExtractRequest()
	request.Model = "fake"
	blocked, cancel := context.WithCancel(t.Context())
	for _, row := range []struct {
		name string
		fake llmtest.Fake
		ctx  context.Context
		want llm.ErrorKind
	}{
		{"a typed error of Answer is passed on", llmtest.Fake{Answer: func(llm.Request) (string, float64, error) {
			return "", 0, &llm.Error{Kind: llm.Filtered, Message: "no"}
		}}, t.Context(), llm.Filtered},
		{"any other error is unavailable", llmtest.Fake{Answer: func(llm.Request) (string, float64, error) {
			return "", 0, errors.New("boom")
		}}, t.Context(), llm.Unavailable},
		{"a sick provider refuses", llmtest.Fake{Sick: func() error { return errors.New("down") }}, t.Context(), llm.Unavailable},
		{"a gate that waits ends with the context", llmtest.Fake{Gate: func(ctx context.Context, _ llm.Request) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}}, blocked, llm.Cancelled},
	} {
		_, err := row.fake.Generate(row.ctx, request, nil)
		var e *llm.Error
		if !errors.As(err, &e) || e.Kind != row.want {
			t.Errorf("%s: got %v, want kind %s", row.name, err, row.want)
		}
	}
}

func TestRecordingRemembersWhatWasAsked(t *testing.T) {
	rec := llmtest.Record(&llmtest.Fake{Catalogue: []llm.Model{llmtest.Model("b"), llmtest.Model("a")}})
	for _, id := range []llm.ModelID{"b", "a", "b", "unknown"} {
		r := llmtest.ExtractRequest()
		r.Model = id
		_, _ = rec.Generate(t.Context(), r, nil)
	}
	if got := rec.Asked(); !slices.Equal(got, []llm.ModelID{"a", "b", "unknown"}) {
		t.Errorf("asked %v", got)
	}
	calls := rec.Calls()
	if len(calls) != 4 || calls[3].Err == nil || calls[0].Err != nil || calls[0].Response.Text == "" {
		t.Errorf("calls = %+v", calls)
	}
	rec.Forget()
	if len(rec.Calls()) != 0 {
		t.Error("calls are still there after Forget")
	}
}
