package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/llm"
)

// shownLock is what `model lock` prints: everything that decides what a model
// answers, and how it is named.
type shownLock struct {
	Model         llm.ModelID `json:"model"`
	Digest        string      `json:"digest"` // how observations name the lock
	Lock          llm.Lock    `json:"lock"`
	ContextTokens int         `json:"contextTokens"`
	Profile       string      `json:"profile"`        // name of the prompt profile
	File          *lockedFile `json:"file,omitempty"` // imported models only
	Exam          *lockedExam `json:"exam,omitempty"`
}

type lockedFile struct {
	Name         string `json:"name"`
	SHA256       string `json:"sha256"`
	SizeBytes    int64  `json:"sizeBytes"`
	Architecture string `json:"architecture"`
	Quantisation string `json:"quantisation"`
	Template     string `json:"template"`
}

// lockedExam says which lock was examined; it is no part of the lock.
type lockedExam struct {
	Lock     string `json:"lock"`
	Outdated bool   `json:"outdated"`
}

func lockOf(m *api.ModelEntry) shownLock {
	l := shownLock{Model: m.ID, Digest: m.LockDigest, Lock: m.Lock, ContextTokens: m.ContextTokens, Profile: m.Profile}
	if f := m.File; f != nil {
		l.File = &lockedFile{f.Name, f.SHA256, f.SizeBytes, f.Architecture, f.Quantisation, f.Template}
	}
	if m.Exam != nil {
		l.Exam = &lockedExam{m.Exam.Lock, m.Exam.Outdated}
	}
	return l
}

func modelLockCommand(g *globals) *cobra.Command {
	var against string
	c := &cobra.Command{
		Use:   "lock MODEL",
		Short: "Print the lock of a model, or compare it with one that was printed",
		Long: "The lock pins what decides what a model answers: weights, prompt profile, calibration, engine build and\n" +
			"sampling. Keep it beside what you have tested; --against FILE says what is different now, and the exit\n" +
			"code is then 10.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				m, err := findModel(ctx, a, args[0])
				if err != nil {
					return err
				}
				now := lockOf(&m)
				if against == "" {
					return g.printJSON(now)
				}
				data, err := os.ReadFile(against)
				if err != nil {
					return err
				}
				return g.compareLocks(data, now, against)
			})
		},
	}
	c.Flags().StringVar(&against, "against", "", "`FILE` that this command has printed before")
	return c
}

// ExitDiffers is the exit code of a comparison that found a difference.
const ExitDiffers = 10

func (g *globals) compareLocks(data []byte, now shownLock, file string) error {
	var then shownLock
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&then); err != nil {
		return fmt.Errorf("%s is no lock that skerry model lock has printed: %w", file, err)
	}
	then.Exam, now.Exam = nil, nil
	was, err := flat(then)
	if err != nil {
		return err
	}
	is, err := flat(now)
	if err != nil {
		return err
	}
	keys := slices.Collect(maps.Keys(was))
	keys = append(keys, slices.Collect(maps.Keys(is))...)
	slices.Sort(keys)
	differs := false
	for _, k := range slices.Compact(keys) {
		if was[k] != is[k] {
			differs = true
			g.line("%s: was %s, is %s", k, orDash(was[k]), orDash(is[k]))
		}
	}
	if differs {
		return exit{ExitDiffers, errors.New("the locks differ")}
	}
	g.line("the locks are the same: %s", now.Digest)
	return nil
}

// flat writes the leaves of v by their path.
func flat(v any) (map[string]string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		return nil, err
	}
	out := map[string]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		if m, ok := v.(map[string]any); ok {
			for k, x := range m {
				walk(path+"."+k, x)
			}
			return
		}
		out[path[1:]] = fmt.Sprint(v)
	}
	walk("", tree)
	return out, nil
}
