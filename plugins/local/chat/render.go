package chat

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/model/renderers"

	"skerry/appliance/llm"
	"skerry/plugins/local/dialect"
)

// render writes the conversation of r down up to where the model goes on, and
// reports whether it is thinking there.
func (c *Chat) render(r llm.Request) (spans []dialect.Span, thinking bool, err error) {
	if err := c.check(r); err != nil {
		return nil, false, err
	}
	thinks := c.thinks(r)
	switch {
	case c.harmony():
		spans, err = c.channels(r)
	case c.f.renderer == "":
		spans, err = c.d.Render(r.Messages, "")
	default:
		spans, err = c.rendered(r, thinks)
	}
	if err != nil {
		return nil, false, err
	}
	own := func(s string) { spans = append(spans, dialect.Span{Text: s, Trusted: true}) }
	if last := spans[len(spans)-1]; c.Thinking() && !c.harmony() {
		open := last.Trusted && strings.HasSuffix(strings.TrimRight(last.Text, "\n"), c.d.Think.Open)
		switch {
		case thinks && !open && c.f.renderer == "":
			own(c.d.Think.Open + "\n")
			open = true
		case !thinks && open: // it always thinks, and is given the beginning of an answer
			own("\n" + c.d.Think.Close + c.f.after)
		case !thinks:
			own(c.f.off)
		}
		thinking = thinks && open
	}
	if r.Prefill != "" {
		if c.harmony() {
			own("<|channel|>final<|message|>")
		}
		spans = append(spans, dialect.Span{Text: r.Prefill})
	}
	return slices.DeleteFunc(spans, func(s dialect.Span) bool { return s.Text == "" && len(s.Image) == 0 }), thinking, nil
}

// check refuses conversations that cannot be written.
func (c *Chat) check(r llm.Request) error {
	if len(r.Messages) == 0 {
		return invalid("the request has no messages")
	}
	if len(r.Messages) > MaxMessages {
		return invalid("%d messages; %d are possible", len(r.Messages), MaxMessages)
	}
	if err := checkTools(r.Tools, r.Choice); err != nil {
		return err
	}
	if len(r.Tools) > 0 && !c.Tools() {
		return invalid("this model cannot call tools: its dialect, %s, has no way to", c.d.Name)
	}
	if r.Prefill != "" && forced(r) {
		return invalid("an answer cannot both begin with a text and be the call of a tool")
	}
	images := 0
	open := map[string]bool{} // calls by whether they wait for their answer
	for i, m := range r.Messages {
		switch {
		case m.Role == llm.System && i != 0:
			return invalid("a system message can only be the first")
		case !slices.Contains([]llm.Role{llm.System, llm.User, llm.Assistant, llm.ToolRole}, m.Role):
			return invalid("there is no role %q", m.Role)
		case (m.Role == llm.ToolRole || len(m.Calls) > 0) && !c.Tools():
			return invalid("this model cannot call tools: its dialect, %s, has no way to", c.d.Name)
		case m.Role == llm.ToolRole && !open[m.CallID]:
			return invalid("message %d answers the call %q, which nobody made or which is answered", i+1, m.CallID)
		case m.Role != llm.Assistant && (len(m.Calls) > 0 || m.Thinking != ""):
			return invalid("message %d: only the assistant thinks and calls tools", i+1)
		}
		delete(open, m.CallID)
		for _, call := range m.Calls {
			var object map[string]json.RawMessage
			if err := json.Unmarshal(call.Arguments, &object); err != nil || object == nil {
				return invalid("message %d: the arguments of the call %q must be a JSON object", i+1, call.ID)
			}
			if !toolName.MatchString(call.Name) || call.ID == "" || open[call.ID] {
				return invalid("message %d: a call needs the name of a tool and an id of its own", i+1)
			}
			open[call.ID] = true
		}
		for _, p := range m.Parts {
			if len(p.Image) == 0 {
				continue
			}
			images++
			switch {
			case !c.sees:
				return invalid("message %d: this model sees no images; choose one with the capability vision", i+1)
			case m.Role != llm.User:
				return invalid("message %d: only the user can show an image", i+1)
			case p.Text != "":
				return invalid("message %d: a part is a text or an image, not both", i+1)
			case images > MaxImages:
				return invalid("more than %d images", MaxImages)
			}
		}
	}
	if last := r.Messages[len(r.Messages)-1].Role; last != llm.User && last != llm.ToolRole {
		return invalid("the last message is from %q; it must be from the user or a tool (the beginning of an answer goes into prefill)", last)
	}
	return nil
}

// rendered has a renderer of the inference engine write the conversation, with
// placeholders for every text in it.
func (c *Chat) rendered(r llm.Request, thinks bool) ([]dialect.Span, error) {
	t := &texts{}
	var messages []api.Message
	names := map[string]string{} // of the tools, by call
	for _, m := range r.Messages {
		out := api.Message{Role: string(m.Role), ToolCallID: m.CallID, Thinking: t.hide(m.Thinking, false, false)}
		for i, p := range m.Parts {
			text := p.Text
			if c.f.trims && i == 0 {
				text = strings.TrimLeft(text, " \t\r\n")
			}
			if c.f.trims && i == len(m.Parts)-1 {
				text = strings.TrimRight(text, " \t\r\n")
			}
			out.Content += t.hide(text, !p.Untrusted, true)
		}
		if m.Role == llm.ToolRole {
			out.ToolName = t.same(names[m.CallID])
			out.ToolCallID = ""
		}
		for i, call := range m.Calls {
			names[call.ID] = call.Name
			args, err := t.arguments(call.Arguments)
			if err != nil {
				return nil, invalid("the arguments of the call %q: %v", call.ID, err)
			}
			out.ToolCalls = append(out.ToolCalls, api.ToolCall{Function: api.ToolCallFunction{Index: i, Name: t.same(call.Name), Arguments: args}})
		}
		messages = append(messages, out)
	}
	var offered []api.Tool
	for _, tool := range tools(r) {
		x, err := t.tool(tool)
		if err != nil {
			return nil, invalid("tool %q: its parameters: %v", tool.Name, err)
		}
		offered = append(offered, x)
	}
	text, err := renderers.RenderWithRenderer(c.f.renderer, messages, offered, &api.ThinkValue{Value: thinks})
	if err != nil {
		return nil, err
	}
	return t.spans(text)
}

// tool returns a tool as the renderers take it, with placeholders.
func (t *texts) tool(tool llm.Tool) (api.Tool, error) {
	out := api.Tool{Type: "function", Function: api.ToolFunction{Name: t.same(tool.Name), Description: t.hide(tool.Description, false, false)}}
	raw, err := t.rewrite(parameters(tool), aSchema)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(raw, &out.Function.Parameters); err != nil {
		return out, err
	}
	if out.Function.Parameters.Properties == nil {
		out.Function.Parameters.Properties = api.NewToolPropertiesMap()
	}
	return out, nil
}

// arguments returns those of an earlier call with placeholders, numbers as they
// are written.
func (t *texts) arguments(raw json.RawMessage) (api.ToolCallFunctionArguments, error) {
	out := api.NewToolCallFunctionArguments()
	raw, err := t.rewrite(raw, aDatum)
	if err != nil {
		return out, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if _, err := d.Token(); err != nil {
		return out, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return out, err
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return out, err
		}
		name, _ := key.(string)
		out.Set(name, value)
	}
	return out, nil
}
