package sdk

import (
	"encoding/json"
	"slices"

	"skerry/appliance/llm"
	"skerry/plugins/sdk/wire"
)

func modelToWire(m llm.Model) *wire.Model {
	tasks := make([]string, len(m.Capabilities.Tasks))
	for i, t := range m.Capabilities.Tasks {
		tasks[i] = string(t)
	}
	return &wire.Model{
		Id: string(m.ID), Title: m.Title, Provider: m.Provider, Boundary: string(m.Boundary),
		Profile: m.Profile, ContextTokens: int64(m.ContextTokens),
		Capabilities: &wire.Capabilities{
			Tasks: tasks, Lists: m.Capabilities.Lists, Tools: m.Capabilities.Tools,
			JsonSchema: m.Capabilities.JSONSchema, Probabilities: m.Capabilities.Probabilities,
			Languages: m.Capabilities.Languages,
		},
		Price: &wire.Price{
			InputMicrosPerMillion:  m.Price.InputMicrosPerMillion,
			OutputMicrosPerMillion: m.Price.OutputMicrosPerMillion,
			MicrosPerSecond:        m.Price.MicrosPerSecond,
		},
		Starter: m.Starter, Note: m.Note,
		Lock: &wire.Lock{
			Weights: m.Lock.Weights, Profile: m.Lock.Profile, Engine: m.Lock.Engine,
			Sampling: samplingToWire(m.Lock.Sampling),
		},
	}
}

func modelFromWire(m *wire.Model) llm.Model {
	c, p, l := m.GetCapabilities(), m.GetPrice(), m.GetLock()
	var tasks []llm.TaskKind
	for _, t := range c.GetTasks() {
		tasks = append(tasks, llm.TaskKind(t))
	}
	return llm.Model{
		ID: llm.ModelID(m.GetId()), Title: m.GetTitle(), Provider: m.GetProvider(), Boundary: llm.Boundary(m.GetBoundary()),
		Profile: m.GetProfile(), ContextTokens: int(m.GetContextTokens()),
		Capabilities: llm.Capabilities{
			Tasks: tasks, Lists: c.GetLists(), Tools: c.GetTools(), JSONSchema: c.GetJsonSchema(),
			Probabilities: c.GetProbabilities(), Languages: slices.Clone(c.GetLanguages()),
		},
		Price: llm.Price{
			InputMicrosPerMillion:  p.GetInputMicrosPerMillion(),
			OutputMicrosPerMillion: p.GetOutputMicrosPerMillion(),
			MicrosPerSecond:        p.GetMicrosPerSecond(),
		},
		Starter: m.GetStarter(), Note: m.GetNote(),
		Lock: llm.Lock{
			Weights: l.GetWeights(), Profile: l.GetProfile(), Engine: l.GetEngine(),
			Sampling: samplingFromWire(l.GetSampling()),
		},
	}
}

func samplingToWire(s llm.Sampling) *wire.Sampling {
	return &wire.Sampling{Temperature: s.Temperature, TopK: int64(s.TopK), TopP: s.TopP, Seed: s.Seed}
}

func samplingFromWire(s *wire.Sampling) llm.Sampling {
	return llm.Sampling{Temperature: s.GetTemperature(), TopK: int(s.GetTopK()), TopP: s.GetTopP(), Seed: s.GetSeed()}
}

func requestToWire(r llm.Request) *wire.GenerateRequest {
	w := &wire.GenerateRequest{
		Model: string(r.Model), Prefill: r.Prefill, Schema: r.Schema, Sampling: samplingToWire(r.Sampling),
		MaxTokens: int64(r.MaxTokens), Stop: r.Stop, Logprobs: r.Logprobs,
	}
	for _, m := range r.Messages {
		wm := &wire.Message{Role: string(m.Role)}
		for _, p := range m.Parts {
			wm.Parts = append(wm.Parts, &wire.Part{Text: p.Text, Untrusted: p.Untrusted})
		}
		w.Messages = append(w.Messages, wm)
	}
	return w
}

func requestFromWire(w *wire.GenerateRequest) llm.Request {
	r := llm.Request{
		Model: llm.ModelID(w.GetModel()), Prefill: w.GetPrefill(), Sampling: samplingFromWire(w.GetSampling()),
		MaxTokens: int(w.GetMaxTokens()), Stop: slices.Clone(w.GetStop()), Logprobs: w.GetLogprobs(),
	}
	if len(w.GetSchema()) > 0 {
		r.Schema = json.RawMessage(w.GetSchema())
	}
	for _, wm := range w.GetMessages() {
		m := llm.Message{Role: llm.Role(wm.GetRole())}
		for _, p := range wm.GetParts() {
			m.Parts = append(m.Parts, llm.Part{Text: p.GetText(), Untrusted: p.GetUntrusted()})
		}
		r.Messages = append(r.Messages, m)
	}
	return r
}

func tokensToWire(ts []llm.Token) []*wire.Token {
	var out []*wire.Token
	for _, t := range ts {
		out = append(out, &wire.Token{Bytes: t.Bytes, Logprob: t.Logprob, Mass: t.Mass, Forced: t.Forced})
	}
	return out
}

func tokensFromWire(ts []*wire.Token) []llm.Token {
	var out []llm.Token
	for _, t := range ts {
		out = append(out, llm.Token{Bytes: t.GetBytes(), Logprob: t.GetLogprob(), Mass: t.GetMass(), Forced: t.GetForced()})
	}
	return out
}

func usageToWire(u llm.Usage) *wire.Usage {
	return &wire.Usage{
		InputTokens: int64(u.InputTokens), CachedTokens: int64(u.CachedTokens),
		OutputTokens: int64(u.OutputTokens), DurationMicros: u.DurationMicros,
	}
}

func usageFromWire(u *wire.Usage) llm.Usage {
	return llm.Usage{
		InputTokens: int(u.GetInputTokens()), CachedTokens: int(u.GetCachedTokens()),
		OutputTokens: int(u.GetOutputTokens()), DurationMicros: u.GetDurationMicros(),
	}
}
