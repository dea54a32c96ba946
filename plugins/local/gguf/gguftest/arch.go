package gguftest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// arch is what the engine expects of one architecture.
type arch struct {
	name      string
	tokenizer string // tokenizer.ggml.model
	pre       string // tokenizer.ggml.pre
	controls  []string
	encoder   bool // makes vectors of texts and writes none
	tensors   func(m Model, s Size, vocabulary uint64) []part
	numbers   map[string]uint32 // metadata of its own, without the name of the architecture
	floats    map[string]float32
}

// part is a tensor and whether it holds the weights of several experts.
type part struct {
	tensor
	experts bool
}

// Sizes of the vision tower and of the mixture of experts.
const (
	visionWidth   = 32
	visionHeads   = 2
	visionHeadDim = 16
	visionBetween = 64
	patchSize     = 4
	merge         = 2
	experts       = 4
	expertsUsed   = 2
)

// Window is how many tokens back the sliding layers of a gemma3 or gpt-oss
// model see.
const Window = 32

// ImageSize is the longest edge in pixels at which a mistral3 model looks at
// images.
const ImageSize = 32

var bertControls = []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}

var architectures = map[string]arch{
	"qwen3": {tokenizer: "gpt2", pre: "qwen2", tensors: decoder(true, nil)},
	"llama": {tokenizer: "gpt2", pre: "llama-bpe", tensors: decoder(false, nil)},
	"gemma3": {
		tokenizer: "llama", pre: "default", controls: []string{"<pad>", "<eos>", "<bos>", "<unk>"},
		numbers: map[string]uint32{"attention.sliding_window": Window},
		tensors: decoder(true, func(l int, s Size) []part {
			return weights(l, map[string][]uint64{"post_attention_norm": {s.Width}, "post_ffw_norm": {s.Width}})
		}),
	},
	"gpt-oss": {
		tokenizer: "gpt2", pre: "gpt-4o",
		numbers: map[string]uint32{
			"attention.sliding_window": Window, "expert_count": experts, "expert_used_count": expertsUsed,
			"rope.scaling.original_context_length": 128,
		},
		floats:  map[string]float32{"rope.scaling.factor": 4},
		tensors: harmonyTensors,
	},
	// The tokens of an image are looked for under these numbers.
	"mistral3": {
		tokenizer: "gpt2", pre: "tekken",
		controls: []string{
			"<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]",
			"[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
		},
		numbers: map[string]uint32{
			"rope.dimension_count": 32, "spatial_merge_size": merge, "vision.block_count": 1, "vision.embedding_length": visionWidth,
			"vision.attention.head_count": visionHeads, "vision.attention.key_length": visionHeadDim, "vision.feed_forward_length": visionBetween,
			"vision.image_size": ImageSize, "vision.longest_edge": ImageSize, "vision.patch_size": patchSize, "vision.num_channels": 3,
		},
		floats:  map[string]float32{"vision.attention.layer_norm_epsilon": 1e-5, "vision.rope.freq_base": 10000},
		tensors: visionTensors,
	},
	"bert":       {tokenizer: "bert", controls: bertControls, encoder: true, tensors: bertTensors, numbers: map[string]uint32{"pooling_type": PoolMean}},
	"nomic-bert": {tokenizer: "bert", controls: bertControls, encoder: true, tensors: nomicTensors, numbers: map[string]uint32{"pooling_type": PoolMean}},
}

// Values of ARCH.pooling_type (llama.cpp, enum llama_pooling_type).
const (
	PoolMean = 1
	PoolCLS  = 2
	PoolLast = 3
)

// Architectures returns the architectures that can be written, sorted.
func Architectures() []string { return slices.Sorted(maps.Keys(architectures)) }

func (m Model) arch() arch {
	name := cmp.Or(m.Arch, "qwen3")
	a, ok := architectures[name]
	if !ok {
		panic(fmt.Sprintf("gguftest: no architecture %q; there are %s", name, strings.Join(Architectures(), ", ")))
	}
	a.name = name
	return a
}

func (m Model) size(a arch) Size {
	s := Size{Width: cmp.Or(m.Size.Width, 64), Heads: cmp.Or(m.Size.Heads, 2), HeadDim: cmp.Or(m.Size.HeadDim, 32), Between: cmp.Or(m.Size.Between, 128)}
	s.KVHeads = cmp.Or(m.Size.KVHeads, 1)
	if a.encoder {
		s.KVHeads = s.Heads
	}
	return s
}

// entries returns the metadata.
func (m Model) entries(a arch, words vocabulary) (numbers map[string]uint32, floats map[string]float32, texts map[string]string) {
	s := m.size(a)
	eps := "attention.layer_norm_rms_epsilon"
	own := map[string]uint32{
		"block_count": uint32(m.Layers), "context_length": uint32(m.Context), "embedding_length": uint32(s.Width), "feed_forward_length": uint32(s.Between),
		"attention.head_count": cmp.Or(m.Heads, uint32(s.Heads)), "vocab_size": uint32(len(words.texts)),
	}
	numbers = map[string]uint32{"general.alignment": alignment}
	texts = map[string]string{"general.architecture": a.name, "general.name": m.Name, "general.type": "model", "tokenizer.ggml.model": a.tokenizer}
	if a.pre != "" {
		texts["tokenizer.ggml.pre"] = a.pre
	}
	ids := map[string]uint32{}
	if a.encoder {
		eps = "attention.layer_norm_epsilon"
		for key, name := range map[string]string{"padding": "[PAD]", "unknown": "[UNK]", "cls": "[CLS]", "bos": "[CLS]", "seperator": "[SEP]", "eos": "[SEP]", "mask": "[MASK]"} { //nolint:misspell // as published files spell it
			ids[key] = words.id(name)
		}
		if a.name == "nomic-bert" {
			ids["separator"] = words.id("[SEP]") // its loader knows the right spelling only
		}
	} else {
		own["attention.head_count_kv"], own["attention.key_length"], own["attention.value_length"] = uint32(s.KVHeads), uint32(s.HeadDim), uint32(s.HeadDim)
		ids["bos"] = words.control(m.BOS, append([]string{"<bos>", "<s>", "<|endoftext|>"}, words.texts[0])...)
		ids["eos"] = words.control(m.EOS, append([]string{"<|im_end|>", "<eos>", "</s>"}, words.texts[0])...)
		ids["padding"] = words.control("", append([]string{"<|pad|>", "<pad>"}, words.texts[0])...)
		if a.name == "gemma3" {
			ids["eot"] = ids["eos"] // else the engine takes token 106 for one
		}
		texts["tokenizer.chat_template"] = cmp.Or(m.Template, ChatML)
	}
	for key, id := range ids {
		numbers["tokenizer.ggml."+key+"_token_id"] = id
	}
	maps.Copy(own, a.numbers)
	floats = map[string]float32{a.name + "." + eps: 1e-6, a.name + ".rope.freq_base": 10000}
	for k, v := range own {
		numbers[a.name+"."+k] = v
	}
	for k, v := range a.floats {
		floats[a.name+"."+k] = v
	}
	return numbers, floats, texts
}
