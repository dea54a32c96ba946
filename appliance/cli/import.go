package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/catalogue"
	"skerry/appliance/llm"
)

func modelImportCommand(g *globals) *cobra.Command {
	var m client.ModelFiles
	var id string
	c := &cobra.Command{
		Use:   "import FILE|DIR",
		Short: "Import an open-weights model",
		Long: "FILE is a GGUF file, any part of a split one (the others lie beside it), or the manifest of a model of\n" +
			"Ollama; DIR holds one of these, or a model as Safetensors. The model is copied into the data directory,\n" +
			"checked before anything else looks at it, and kept by its digest. No run can use it until the policy names\n" +
			"it. An import that was broken off goes on where it was when it is given again.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			source, err := catalogue.Find(args[0])
			if err != nil {
				return err
			}
			opened, err := localFiles(source.Paths)
			defer func() {
				for _, f := range opened {
					_ = f.Content.(*os.File).Close() // was read only
				}
			}()
			if err != nil {
				return err
			}
			m.Files, m.ID, m.Name = opened, llm.ModelID(id), filepath.Base(source.Paths[0])
			if source.Digest != "" && m.SHA256 == "" {
				m.SHA256 = source.Digest
			}
			if source.Name != "" {
				m.Name = source.Name + ".gguf"
			}
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				bar := &importBar{g: g}
				m.Progress = bar.draw
				entry, isNew, err := a.SendModel(ctx, m)
				bar.clear()
				if err != nil {
					return err
				}
				g.imported(&entry, isNew)
				return nil
			})
		},
	}
	f := c.Flags()
	f.StringVar(&id, "id", "", "id in the catalogue (default: made from what the file calls itself)")
	f.StringVar(&m.Title, "title", "", "title for people (default: what the file calls itself)")
	f.StringVar(&m.Profile, "profile", "", "prompt profile that it is asked with (default generic-json)")
	f.StringVar(&m.Template, "template", "", "chat template (default: recognised from the file)")
	f.IntVar(&m.ContextTokens, "context", 0, "`tokens` of context to run it with (default: what the file was made for, 8192 at most)")
	f.StringVar(&m.SHA256, "sha256", "", "digest in `hex` that the file must have, as its publisher states it")
	f.BoolVar(&m.Start, "start", false, "start it at once")
	return c
}

// localFiles opens files to be sent; the caller closes those that it returns,
// also on error.
func localFiles(paths []string) ([]client.LocalFile, error) {
	var list []client.LocalFile
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			return list, err
		}
		info, err := f.Stat()
		if err != nil {
			return list, errors.Join(err, f.Close())
		}
		list = append(list, client.LocalFile{Name: filepath.Base(p), Size: info.Size(), Content: f})
	}
	return list, nil
}

// importBar draws how far an import is: a bar for what is sent, and another
// for what is made of it.
type importBar struct {
	g     *globals
	stage string
	bar   *progress
	said  bool
}

func (b *importBar) draw(u api.ModelUpload, resumed int64) {
	if resumed > 0 && !b.said {
		b.said = true
		fmt.Fprintf(b.g.Err, "going on with an import that was broken off: %s of %s are there and are what they were\n", catalogue.Bytes(resumed), catalogue.Bytes(u.Total))
	}
	if u.Stage != b.stage {
		b.clear()
		b.stage, b.bar = u.Stage, b.g.progress(int((u.Total+1<<20-1)>>20))
	}
	what := "MiB"
	if u.Stage != "receiving" {
		what += " " + u.Stage
	}
	b.bar.draw(int(u.Done>>20), what)
}

func (b *importBar) clear() {
	if b.bar != nil {
		b.bar.clear()
	}
}

// imported says what has been imported and what is to be done before runs can
// use it.
func (g *globals) imported(m *api.ModelEntry, isNew bool) {
	if !isNew {
		fmt.Fprintf(g.Out, "this file was imported before: it is the model %s\n", m.ID)
	} else {
		fmt.Fprintf(g.Out, "imported: %s (%s)\n", m.ID, oneLine(m.Title))
	}
	g.modelFile(m)
	state := m.State
	if m.MemoryBytes > 0 {
		state += ", its process holds " + catalogue.Bytes(m.MemoryBytes)
	}
	fmt.Fprintf(g.Out, "  state     %s\n", state)
	if m.State == "stopped" {
		fmt.Fprintf(g.Out, "\nStart it:  skerry model start %s\n", m.ID)
	}
	if m.Clearance == "" || len(m.Pools) == 0 {
		fmt.Fprintf(g.Out, `
No run uses it yet: the active policy does not name it, so it may see nothing.
  skerry policy show > policy.yaml
In policy.yaml, say what it may see, and put it into a pool:
  models:
    %s: {clearance: internal}
  pools:
    - name: strong
      models: […, %s]
Then: skerry model exam %s
      skerry policy put policy.yaml --activate
`, m.ID, m.ID, m.ID)
	}
}

// modelFile says what is known about the file of an imported model.
func (g *globals) modelFile(m *api.ModelEntry) {
	f := m.File
	fmt.Fprintf(g.Out, "  file      %s, %s, SHA-256 %s\n", oneLine(f.Name), catalogue.Bytes(f.SizeBytes), f.SHA256)
	kind, asked := "chat template "+f.Template, "asked with the profile "+m.Profile
	if m.Capabilities.Vision {
		kind += ", sees images"
	}
	if encodes(m) {
		kind, asked = fmt.Sprintf("makes vectors of %d numbers", m.Capabilities.Embeddings), "it writes no text"
	}
	fmt.Fprintf(g.Out, "  model     %s, %s parameters, %s, %s\n", f.Architecture, count(f.Parameters), f.Quantisation, kind)
	fmt.Fprintf(g.Out, "  context   %d tokens (made for %d); %s\n", m.ContextTokens, f.MadeForTokens, asked)
	fits := "fits"
	if f.MemoryAvailable > 0 && f.MemoryNeeded > f.MemoryAvailable {
		fits = "does NOT fit"
	}
	fmt.Fprintf(g.Out, "  memory    about %s: weights %s, cache %s, work %s; %s is available: %s\n", catalogue.Bytes(f.MemoryNeeded),
		catalogue.Bytes(f.MemoryWeights), catalogue.Bytes(f.MemoryCache), catalogue.Bytes(f.MemoryWork), catalogue.Bytes(f.MemoryAvailable), fits)
}

// encodes reports whether a model makes vectors of texts and writes none.
func encodes(m *api.ModelEntry) bool {
	return m.Capabilities.Embeddings > 0 && len(m.Capabilities.Tasks) == 0
}

// count writes a number of parameters as people do.
func count(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f B", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f M", float64(n)/1e6)
	}
	return fmt.Sprintf("%d k", n/1e3)
}

func modelExamCommand(g *globals) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "exam MODEL",
		Short: "Examine a running model on this host and keep the scorecard",
		Long: "Asks built-in questions the way that missions ask: whether it ends its turn and writes JSON, reads\n" +
			"fields, says what is absent, sorts texts, finds one line in long ones; how fast it is and what memory it\n" +
			"takes. The score says what it can do at the least. It takes minutes with a large model.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				m, err := a.ExamineModel(ctx, llm.ModelID(args[0]))
				if err != nil {
					return err
				}
				if asJSON {
					return g.printJSON(m.Exam)
				}
				g.scorecard(&m)
				return nil
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// scorecard prints what an exam found.
func (g *globals) scorecard(m *api.ModelEntry) {
	x := m.Exam
	if x == nil {
		return
	}
	fmt.Fprintf(g.Out, "exam of %s, lock %s, %s\n", m.ID, x.Lock, when(x.At))
	for _, p := range x.Parts {
		unasked := ""
		if p.Unasked > 0 {
			unasked = fmt.Sprintf("; %d not asked: longer than its context", p.Unasked)
		}
		fmt.Fprintf(g.Out, "  %-8s %3d of %d%s\n", p.Name, p.Passed, p.Total, unasked)
		for _, f := range p.Faults {
			fmt.Fprintf(g.Out, "           %s\n", oneLine(f))
		}
	}
	for _, l := range x.Limits {
		fmt.Fprintf(g.Out, "  not given: %s\n", oneLine(l))
	}
	if x.Outdated {
		fmt.Fprintf(g.Out, "  outdated: it is locked to %s now; examine it again with: skerry model exam %s\n", m.LockDigest, m.ID)
	}
	if !encodes(m) {
		fmt.Fprintf(g.Out, "  reads every part of a text up to %d tokens, of %d\n", x.NeedleTokens, m.ContextTokens)
	}
	fmt.Fprintf(g.Out, "  %s tokens a second read, %s written; its process holds %s; the exam took %.0f s\n",
		perSecond(x.PrefillPerSecond), perSecond(x.DecodePerSecond), catalogue.Bytes(x.MemoryBytes), x.Seconds)
}

func perSecond(n float64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f", n)
}

func modelRemoveCommand(g *globals) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "rm MODEL",
		Short: "Remove an imported model and its file",
		Long:  "A model that is in a pool of the policy, or that is answering, is removed only with --force;\nruns that need it then wait.",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				if args[0] == "" {
					return exit{ExitUsage, errors.New("the id of the model is empty")}
				}
				if err := a.RemoveModel(ctx, llm.ModelID(args[0]), force); err != nil {
					return err
				}
				fmt.Fprintf(g.Out, "removed: %s\n", oneLine(args[0]))
				return nil
			})
		},
	}
	c.Flags().BoolVar(&force, "force", false, "also if the policy has it in a pool or it is answering")
	return c
}
