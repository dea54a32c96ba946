package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"skerry/appliance/llm"
	"skerry/embed"
	"skerry/plugins"
)

// examinee is a model under examination, in the runner that serves it in
// production, spoken to with its profile.
type examinee struct {
	model    llm.Model
	profile  llm.Profile
	schema   bool // held to a JSON Schema
	bytes    int64
	load     time.Duration // from start to ready
	children []*plugins.Child
	images   []*plugins.Image
}

// setup says how to start an examinee.
type setup struct {
	runner   string // path of the executable
	profile  string
	context  int // tokens; 0 = what the file says
	threads  int // per child
	children int // how many share the work
	schema   bool
}

// start loads weights into as many children as wanted.
func start(ctx context.Context, s setup, id llm.ModelID, weights []byte) (e *examinee, err error) {
	e = &examinee{bytes: int64(len(weights))}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	if e.profile, err = loadProfile(s.profile); err != nil {
		return e, err
	}
	executable, err := os.ReadFile(s.runner)
	if err != nil {
		return e, fmt.Errorf("%w; build the runner first: make runner", err)
	}
	runner, err := plugins.NewImage("skerry-runner", bytes.NewReader(executable))
	if err != nil {
		return e, err
	}
	e.images = append(e.images, runner)
	file, err := plugins.NewImage("weights", bytes.NewReader(weights))
	if err != nil {
		return e, err
	}
	e.images = append(e.images, file)

	e.model = llm.Model{
		ID: id, Title: string(id), Provider: "embedded", Boundary: llm.Embedded, Profile: e.profile.Name,
		Capabilities: llm.Capabilities{Tasks: []llm.TaskKind{llm.TaskExtract, llm.TaskClassify}, Probabilities: true, JSONSchema: s.schema},
	}
	card, err := json.Marshal(e.model)
	if err != nil {
		return e, err
	}
	args := []string{"-card", string(card), "-template", e.profile.Template, "-threads", fmt.Sprint(s.threads), "-context", fmt.Sprint(s.context)}
	for i := range s.children {
		began := time.Now()
		c, err := plugins.Start(ctx, plugins.Spec{
			Name: fmt.Sprintf("exam-%d", i), Image: runner, Args: args, MaxFailures: 1,
			Files: []plugins.Inherit{{Flag: "model", Image: file}}, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			return e, fmt.Errorf("start %s: %w", id, err)
		}
		e.children = append(e.children, c)
		if d := time.Since(began); i == 0 || d < e.load {
			e.load = d // the first one may have read the disk
		}
	}
	served, err := e.children[0].Models(ctx)
	if err != nil {
		return e, err
	}
	if len(served) != 1 {
		return e, fmt.Errorf("the runner of %s serves %d models, want one", id, len(served))
	}
	e.schema = s.schema && served[0].Capabilities.JSONSchema
	e.model.Capabilities.JSONSchema = e.schema
	e.model.ContextTokens = served[0].ContextTokens
	e.model.Lock = served[0].Lock
	e.model.Lock.Profile, e.model.Lock.Sampling = e.profile.Digest, e.profile.Sampling
	return e, nil
}

// loadProfile returns an embedded prompt profile, or that of a file, whose name
// ends in .json.
func loadProfile(name string) (llm.Profile, error) {
	if filepath.Ext(name) == ".json" {
		data, err := os.ReadFile(name)
		if err != nil {
			return llm.Profile{}, err
		}
		return llm.ParseProfile(data)
	}
	data, err := fs.ReadFile(embed.Profiles(), name+".json")
	if err != nil {
		return llm.Profile{}, fmt.Errorf("there is no prompt profile %q: %w", name, err)
	}
	return llm.ParseProfile(data)
}

// close ends all children.
func (e *examinee) close() error {
	var errs []error
	for _, c := range e.children {
		errs = append(errs, c.Close())
	}
	for _, i := range e.images {
		errs = append(errs, i.Close())
	}
	return errors.Join(errs...)
}

// reply is what an examinee said to a question.
type reply struct {
	responses []llm.Response
	err       error // it could not be asked, or the call failed: every field counts as wrong
}

// read reads a reply as production does, with the calibration c.
func (e *examinee) read(q question, r reply, c *llm.Calibration) llm.Answer {
	if r.err != nil {
		return llm.Answer{}
	}
	m := e.model
	m.Calibration = c
	adapted, err := llm.Adapt(q.Prompt, m, e.profile)
	if err != nil { // it worked when the question was put
		return llm.Answer{}
	}
	return adapted.Read(r.responses)
}

// ask puts one question to child number c.
func (e *examinee) ask(ctx context.Context, c int, q question) reply {
	adapted, err := llm.Adapt(q.Prompt, e.model, e.profile)
	r := reply{err: err}
	for _, request := range adapted.Requests {
		if r.err != nil {
			break
		}
		var res llm.Response
		if res, r.err = e.children[c].Generate(ctx, request, nil); r.err == nil {
			r.responses = append(r.responses, res)
		}
	}
	return r
}

// askAll puts all questions, as many at once as there are children and calls
// for each, and returns the replies in the order of the questions.
func (e *examinee) askAll(ctx context.Context, calls int, questions []question) ([]reply, error) {
	replies := make([]reply, len(questions))
	next := make(chan int)
	var wg sync.WaitGroup
	for w := range calls * len(e.children) {
		wg.Go(func() {
			for i := range next {
				replies[i] = e.ask(ctx, w%len(e.children), questions[i])
			}
		})
	}
	for i := range questions {
		next <- i
	}
	close(next)
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// One question that does not fit is a wrong answer; a model that answers
	// nothing is a broken set-up.
	if len(replies) > 0 && !slices.ContainsFunc(replies, func(r reply) bool { return r.err == nil }) {
		return nil, fmt.Errorf("%s answers no question: %w", e.model.ID, replies[0].err)
	}
	return replies, nil
}

// idOf names a model after its file.
func idOf(path string) llm.ModelID {
	base := filepath.Base(path)
	return llm.ModelID(base[:len(base)-len(filepath.Ext(base))])
}
