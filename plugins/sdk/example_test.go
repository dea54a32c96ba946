package sdk_test

import (
	"context"
	"strings"

	"skerry/appliance/llm"
	"skerry/plugins/sdk"
)

// shouter is a whole provider: its one model repeats the last message in
// capitals. A real one would pass the request on to what serves its models.
type shouter struct{}

func (shouter) Describe(context.Context) (llm.Description, error) {
	return llm.Description{Name: "shouter", Version: "1.0.0"}, nil
}

func (shouter) Models(context.Context) ([]llm.Model, error) {
	return []llm.Model{{
		ID: "shout", Title: "Shouter", Provider: "shouter", Boundary: llm.Site, Profile: "chatml", ContextTokens: 4096,
		Capabilities: llm.Capabilities{Tasks: []llm.TaskKind{llm.TaskGenerate}},
		Lock:         llm.Lock{Weights: "none", Engine: "shouter 1.0.0"}, // whatever pins what answers
	}}, nil
}

func (shouter) Health(context.Context) error { return nil }

func (shouter) Generate(ctx context.Context, r llm.Request, emit func(llm.Delta) error) (llm.Response, error) {
	if r.Model != "shout" || len(r.Messages) == 0 {
		return llm.Response{}, &llm.Error{Kind: llm.Invalid, Message: "only the model shout is here, and it needs a message"}
	}
	res := llm.Response{Finish: llm.FinishStop}
	for _, p := range r.Messages[len(r.Messages)-1].Parts {
		for word := range strings.FieldsSeq(p.Text) {
			if ctx.Err() != nil { // the SDK gives it its kind
				return llm.Response{}, ctx.Err()
			}
			d := llm.Delta{Text: strings.ToUpper(word) + " "}
			res.Text += d.Text
			res.Usage.OutputTokens++
			if emit != nil {
				if err := emit(d); err != nil {
					return llm.Response{}, err
				}
			}
		}
	}
	return res, nil
}

// The main function of an adapter is one line.
func Example() {
	main := func() { sdk.Serve(shouter{}) }
	_ = main
}
