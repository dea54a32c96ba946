package main

import (
	"context"
	"strings"

	"skerry/appliance/llm"
	"skerry/embed/starter/corpus"
	"skerry/embed/starter/exam/stat"
	"skerry/embed/starter/paper"
)

// chats is how many conversations are tried: whatever -n says, they are short.
const chats = 40

// chat tries to talk to the model: it must say that it is none to talk to, in
// the sentence that it was taught, and nothing else.
func (e *examinee) chat(ctx context.Context, seed uint64) (llm.Figure, error) {
	var marks []stat.Share
	var sum stat.Share
	for i := 0; len(marks) < chats; i++ {
		split := []paper.Split{paper.Clean, paper.Noisy}[i%2]
		x := corpus.Make(seed, split, i, corpus.Option{})
		if x.Group != corpus.Chat {
			continue
		}
		res, err := e.children[len(marks)%len(e.children)].Generate(ctx, llm.Request{
			Model: e.model.ID, Messages: x.Messages, Sampling: e.profile.Sampling, MaxTokens: 200,
		}, nil)
		if err != nil {
			return llm.Figure{}, err
		}
		right := strings.Join(strings.Fields(res.Text), " ") == strings.Join(strings.Fields(x.Answer), " ")
		var s stat.Share
		s.Add(right)
		marks = append(marks, s)
		sum.Add(right)
	}
	low, high := stat.ShareInterval(marks, draws, bootstrapSeed)
	return llm.Figure{Measure: refusal, Split: chatSplit, Value: sum.Value(), Low: low, High: high, N: sum.N}, nil
}
