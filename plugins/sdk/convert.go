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
			Thinking:  m.Capabilities.Thinking, Vision: m.Capabilities.Vision, Embeddings: int64(m.Capabilities.Embeddings),
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
			Thinking: c.GetThinking(), Vision: c.GetVision(), Embeddings: int(c.GetEmbeddings()),
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
	return &wire.Sampling{
		Temperature: s.Temperature, TopK: int64(s.TopK), TopP: s.TopP, Seed: s.Seed,
		MinP: s.MinP, RepeatPenalty: s.RepeatPenalty, RepeatTokens: int64(s.RepeatTokens),
	}
}

func samplingFromWire(s *wire.Sampling) llm.Sampling {
	return llm.Sampling{
		Temperature: s.GetTemperature(), TopK: int(s.GetTopK()), TopP: s.GetTopP(), Seed: s.GetSeed(),
		MinP: s.GetMinP(), RepeatPenalty: s.GetRepeatPenalty(), RepeatTokens: int(s.GetRepeatTokens()),
	}
}

func requestToWire(r llm.Request) *wire.GenerateRequest {
	w := &wire.GenerateRequest{
		Model: string(r.Model), Prefill: r.Prefill, Schema: r.Schema, Sampling: samplingToWire(r.Sampling),
		MaxTokens: int64(r.MaxTokens), Stop: r.Stop, Logprobs: r.Logprobs,
		ToolChoice: string(r.Choice), Effort: string(r.Effort),
	}
	for _, m := range r.Messages {
		wm := &wire.Message{Role: string(m.Role), Thinking: m.Thinking, Calls: callsToWire(m.Calls), CallId: m.CallID}
		for _, p := range m.Parts {
			wm.Parts = append(wm.Parts, &wire.Part{Text: p.Text, Untrusted: p.Untrusted, Image: p.Image})
		}
		w.Messages = append(w.Messages, wm)
	}
	for _, t := range r.Tools {
		w.Tools = append(w.Tools, &wire.Tool{Name: t.Name, Description: t.Description, Parameters: t.Parameters})
	}
	return w
}

func requestFromWire(w *wire.GenerateRequest) llm.Request {
	r := llm.Request{
		Model: llm.ModelID(w.GetModel()), Prefill: w.GetPrefill(), Sampling: samplingFromWire(w.GetSampling()),
		MaxTokens: int(w.GetMaxTokens()), Stop: slices.Clone(w.GetStop()), Logprobs: w.GetLogprobs(), Schema: raw(w.GetSchema()),
		Choice: llm.ToolChoice(w.GetToolChoice()), Effort: llm.Effort(w.GetEffort()),
	}
	for _, wm := range w.GetMessages() {
		m := llm.Message{Role: llm.Role(wm.GetRole()), Thinking: wm.GetThinking(), Calls: callsFromWire(wm.GetCalls()), CallID: wm.GetCallId()}
		for _, p := range wm.GetParts() {
			m.Parts = append(m.Parts, llm.Part{Text: p.GetText(), Untrusted: p.GetUntrusted(), Image: p.GetImage()})
		}
		r.Messages = append(r.Messages, m)
	}
	for _, t := range w.GetTools() {
		r.Tools = append(r.Tools, llm.Tool{Name: t.GetName(), Description: t.GetDescription(), Parameters: raw(t.GetParameters())})
	}
	return r
}

// raw is JSON from the wire; nothing at all is nil.
func raw(b []byte) json.RawMessage {
	if len(b) == 0 {
		return nil
	}
	return b
}

func callsToWire(cs []llm.ToolCall) []*wire.ToolCall {
	var out []*wire.ToolCall
	for _, c := range cs {
		out = append(out, &wire.ToolCall{Id: c.ID, Name: c.Name, Arguments: c.Arguments})
	}
	return out
}

func callsFromWire(cs []*wire.ToolCall) []llm.ToolCall {
	var out []llm.ToolCall
	for _, c := range cs {
		out = append(out, llm.ToolCall{ID: c.GetId(), Name: c.GetName(), Arguments: raw(c.GetArguments())})
	}
	return out
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
		OutputTokens: int64(u.OutputTokens), DurationMicros: u.DurationMicros, ThinkingTokens: int64(u.ThinkingTokens),
	}
}

func usageFromWire(u *wire.Usage) llm.Usage {
	return llm.Usage{
		InputTokens: int(u.GetInputTokens()), CachedTokens: int(u.GetCachedTokens()),
		OutputTokens: int(u.GetOutputTokens()), DurationMicros: u.GetDurationMicros(), ThinkingTokens: int(u.GetThinkingTokens()),
	}
}
