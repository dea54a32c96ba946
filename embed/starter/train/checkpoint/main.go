// Command checkpoint converts the weights of a starter model between the
// trainer's checkpoints and GGUF files, and grows them:
//
//	checkpoint fresh -layers 6 -ffn 768 OUT.ckpt
//	checkpoint from-gguf FILE.gguf OUT.ckpt
//	checkpoint grow -layers 12 -ffn 1024 IN.ckpt OUT.ckpt
//	checkpoint to-gguf -tokenizer FILE -name NAME IN.ckpt OUT.gguf
//	checkpoint show FILE.ckpt
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"skerry/embed/starter/train/weights"
)

const usage = `checkpoint fresh [-vocab N] [-width N] [-layers N] [-heads N] [-kv-heads N] [-ffn N] [-seed N] OUT.ckpt
checkpoint from-gguf FILE.gguf OUT.ckpt
checkpoint grow [-layers N] [-ffn N] [-seed N] IN.ckpt OUT.ckpt
checkpoint to-gguf -tokenizer FILE [-type q8_0] [-context N] [-name S] [-description S] [-languages en,de] IN.ckpt OUT.gguf
checkpoint show FILE.ckpt`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "checkpoint:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("no command; use\n" + usage)
	}
	switch args[0] {
	case "fresh":
		return fresh(args[1:])
	case "from-gguf":
		return fromGGUF(args[1:])
	case "grow":
		return grow(args[1:])
	case "to-gguf":
		return toGGUF(args[1:])
	case "show":
		return show(args[1:])
	}
	return fmt.Errorf("unknown command %q; use\n%s", args[0], usage)
}

// files parses flags, which may also follow the n file names.
func files(fs *flag.FlagSet, args []string, n int) ([]string, error) {
	var names []string
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		if fs.NArg() == 0 {
			break
		}
		names = append(names, fs.Arg(0))
		args = fs.Args()[1:]
	}
	if len(names) != n {
		return nil, fmt.Errorf("%d file names, not %d; use\n%s", len(names), n, usage)
	}
	return names, nil
}

func newFlags(name string) *flag.FlagSet { return flag.NewFlagSet(name, flag.ContinueOnError) }

func fresh(args []string) error {
	fs := newFlags("fresh")
	s := weights.Shape{RopeBase: 10000}
	fs.IntVar(&s.Vocab, "vocab", 2048, "tokens of the vocabulary")
	fs.IntVar(&s.Width, "width", 256, "width of the residual stream")
	fs.IntVar(&s.Layers, "layers", 6, "layers")
	fs.IntVar(&s.Heads, "heads", 4, "heads")
	fs.IntVar(&s.KVHeads, "kv-heads", 2, "key and value heads")
	fs.IntVar(&s.FFN, "ffn", 768, "hidden units")
	seed := fs.Uint64("seed", 1, "seed of the weights")
	names, err := files(fs, args, 1)
	if err != nil {
		return err
	}
	m, err := weights.Fresh(s, *seed)
	if err != nil {
		return err
	}
	if err := m.WriteFile(names[0]); err != nil {
		return err
	}
	describe(names[0], m)
	return nil
}

func fromGGUF(args []string) error {
	names, err := files(newFlags("from-gguf"), args, 2)
	if err != nil {
		return err
	}
	m, _, err := readGGUF(names[0])
	if err != nil {
		return err
	}
	if err := m.WriteFile(names[1]); err != nil {
		return err
	}
	describe(names[1], m)
	return nil
}

func grow(args []string) error {
	fs := newFlags("grow")
	layers := fs.Int("layers", 12, "layers of the grown model")
	ffn := fs.Int("ffn", 1024, "hidden units of the grown model")
	seed := fs.Uint64("seed", 1, "seed of the added rows")
	names, err := files(fs, args, 2)
	if err != nil {
		return err
	}
	m, err := weights.ReadFile(names[0])
	if err != nil {
		return err
	}
	g, err := weights.Grow(m, *layers, *ffn, *seed)
	if err != nil {
		return err
	}
	if err := g.WriteFile(names[1]); err != nil {
		return err
	}
	describe(names[1], g)
	return nil
}

func toGGUF(args []string) error {
	fs := newFlags("to-gguf")
	kind := fs.String("type", "q8_0", "f32, f16 or q8_0")
	tokenizer := fs.String("tokenizer", "", "vocabulary: JSON, or a GGUF file that has the same one")
	about := weights.About{}
	fs.IntVar(&about.ContextTokens, "context", 2048, "tokens of context the model was trained for")
	fs.StringVar(&about.Name, "name", "starter-extract", "name of the model")
	fs.StringVar(&about.Description, "description", "Extracts named fields from business documents as JSON and picks labels. No general assistant.", "what the model does, in a sentence")
	languages := fs.String("languages", "en,de", "languages of the documents, BCP 47, with commas")
	names, err := files(fs, args, 2)
	if err != nil {
		return err
	}
	t, err := weights.ParseType(*kind)
	if err != nil {
		return err
	}
	about.Languages = strings.Split(*languages, ",")
	v, err := vocabulary(*tokenizer)
	if err != nil {
		return err
	}
	m, err := weights.ReadFile(names[0])
	if err != nil {
		return err
	}
	if err := m.WriteGGUFFile(names[1], t, v, about); err != nil {
		return err
	}
	_, _, err = readGGUF(names[1]) // what the engine's checks will say, said now
	if err != nil {
		return err
	}
	describe(names[1], m)
	return nil
}

func show(args []string) error {
	names, err := files(newFlags("show"), args, 1)
	if err != nil {
		return err
	}
	m, err := weights.ReadFile(names[0])
	if err != nil {
		return err
	}
	describe(names[0], m)
	return nil
}

func vocabulary(path string) (*weights.Vocabulary, error) {
	if path == "" {
		return nil, errors.New("-tokenizer is missing; name the vocabulary that the records were made with")
	}
	if strings.HasSuffix(path, ".gguf") {
		_, v, err := readGGUF(path)
		return v, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	v := &weights.Vocabulary{}
	if err := json.Unmarshal(b, v); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

func readGGUF(path string) (*weights.Model, *weights.Vocabulary, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	m, v, err := weights.FromGGUF(f, st.Size())
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, v, nil
}

func describe(path string, m *weights.Model) {
	fmt.Printf("%s: %.2f M weights, %d layers, width %d, %d/%d heads, %d hidden units, vocabulary %d; step %d, %.1f M tokens\n",
		path, float64(m.Parameters())/1e6, m.Layers, m.Width, m.Heads, m.KVHeads, m.FFN, m.Vocab, m.Step, float64(m.Tokens)/1e6)
}
