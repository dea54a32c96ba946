package dialect

// families returns the dialects that are more than forms of turns: with tools,
// thinking, or both. Package chat writes them, through the renderers of the
// inference engine where those know the family; here is what it takes to
// recognise them, in the order of recognition.
//
// The marks are what tells the published templates of the families apart: the
// control tokens of their turns, the tags of their tool calls and the names of
// their switches. Fine-tunes keep them.
func families() []Dialect {
	tags := Think{Open: "<think>", Close: "</think>"}
	always := Think{Open: "<think>", Close: "</think>", Always: true}
	im := []string{"<|im_start|>", "<|im_end|>"}
	ds := []string{"<｜User｜>", "<｜Assistant｜>"}
	tool := []string{"<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"}
	chat := func(name string, think Think, marks ...string) Dialect {
		return Dialect{Name: name, Tools: true, Think: think, marks: append(marks, im...), needs: im, end: im[1:], complex: true}
	}
	but := func(d Dialect, without ...string) Dialect { d.without = without; return d }
	deep := func(name string, think Think, mark string) Dialect {
		return Dialect{Name: name, Tools: true, Think: think, marks: append([]string{mark, "<｜tool▁sep｜>"}, ds...),
			needs: append(append([]string{}, ds...), tool...), end: []string{"<｜end▁of▁sentence｜>"}, complex: true}
	}
	return []Dialect{
		{Name: "harmony", Tools: true, Think: Think{"<|channel|>analysis<|message|>", "<|end|>", true}, complex: true,
			marks: []string{"<|start|>", "<|channel|>", "<|message|>"},
			needs: []string{"<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>"}, end: []string{"<|return|>", "<|call|>"}},
		{Name: "glm-4.7", Tools: true, Think: tags, complex: true, marks: []string{"[gMASK]<sop>", "<arg_key>", "<|observation|>"},
			needs: []string{"<|user|>", "<|assistant|>", "<|observation|>"}, end: []string{"<|user|>", "<|observation|>"}},
		chat("nemotron-3-nano", tags, "<function=", "truncate_history_thinking"),
		chat("qwen3.5", tags, "<function=", "<think>"),
		chat("qwen3-coder", Think{}, "<function="),
		chat("olmo3-think", always, "<functions>", "<think>").toolless(),
		chat("olmo3", Think{}, "<functions>", "<function_calls>"),
		chat("lfm2-thinking", always, "<|tool_list_start|>", "keep_past_thinking").calling("<|tool_call_start|>", "<|tool_call_end|>"),
		chat("lfm2", Think{}, "<|tool_list_start|>").calling("<|tool_call_start|>", "<|tool_call_end|>"),
		chat("qwen3-vl-thinking", always, "<tool_call>", "<think>", "<|vision_start|>"),
		chat("qwen3-vl-instruct", Think{}, "<tool_call>", "<|vision_start|>"),
		chat("qwen3", tags, "<tool_call>", "enable_thinking"),
		chat("qwen3-thinking", always, "<tool_call>", "<think>"),
		but(chat("qwen3-instruct", Think{}, "<tool_call>"), "<think>"),
		deep("cogito", tags, "deep thinking subroutine"),
		deep("deepseek3.1", tags, "thinking"),
	}
}

func (d Dialect) toolless() Dialect { d.Tools = false; return d }

// calling adds control tokens that calls need.
func (d Dialect) calling(tokens ...string) Dialect {
	d.needs = append(append([]string{}, d.needs...), tokens...)
	return d
}
