package engine_test

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"skerry/appliance/gateway"
	"skerry/appliance/llm"
	"skerry/appliance/llm/llmtest"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/embed"
)

// fleet is a registry whose models tests start and stop.
type fleet struct {
	mu       sync.Mutex // guards what follows
	members  map[llm.ModelID]*member
	order    []llm.ModelID
	changed  chan struct{}
	profiles map[string]llm.Profile
}

type member struct {
	provider llm.Provider
	model    llm.Model
	down     string
}

var _ gateway.Registry = (*fleet)(nil)

func newFleet() *fleet {
	f := &fleet{members: map[llm.ModelID]*member{}, changed: make(chan struct{}), profiles: map[string]llm.Profile{}}
	for _, name := range []string{"starter", "starter-careful", "generic-json"} {
		b, err := fs.ReadFile(embed.Profiles(), name+".json")
		if err != nil {
			panic(err)
		}
		if f.profiles[name], err = llm.ParseProfile(b); err != nil {
			panic(err)
		}
	}
	return f
}

// add puts a model on offer. It speaks the starter dialect, which the fake
// provider answers by rule.
func (f *fleet) add(id llm.ModelID, b llm.Boundary, p llm.Provider) {
	m := llmtest.Model(id)
	m.Boundary, m.Profile = b, "starter"
	m.Price = llm.Price{InputMicrosPerMillion: 1_000_000, OutputMicrosPerMillion: 2_000_000}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members[id] = &member{provider: p, model: m}
	f.order = append(f.order, id)
	f.change()
}

// set stops a model, or starts it again with an empty why.
func (f *fleet) set(id llm.ModelID, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members[id].down = why
	f.change()
}

func (f *fleet) change() {
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fleet) Offers() []policy.Offer {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []policy.Offer
	for _, id := range f.order {
		m := f.members[id]
		out = append(out, policy.Offer{Model: m.model, Down: m.down})
	}
	return out
}

func (f *fleet) Provider(id llm.ModelID) (llm.Provider, llm.Model, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.members[id]
	if m == nil || m.down != "" {
		return nil, llm.Model{}, false
	}
	return m.provider, m.model, true
}

func (f *fleet) Profile(name string) (llm.Profile, bool) {
	p, ok := f.profiles[name]
	return p, ok
}

func (f *fleet) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// rulebook is the policies of a test: version n is at index n-1, the last is
// active.
type rulebook struct {
	mu       sync.Mutex // guards versions
	versions []*policy.Policy
}

func (r *rulebook) activate(p *policy.Policy) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.versions = append(r.versions, p)
	p.Version = len(r.versions)
}

func (r *rulebook) Active() *policy.Policy {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.versions[len(r.versions)-1]
}

func (r *rulebook) Version(n int) (*policy.Policy, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n < 1 || n > len(r.versions) {
		return nil, fmt.Errorf("policy version %d: %w", n, mission.ErrNotFound)
	}
	return r.versions[n-1], nil
}

// shelf is the published missions of a test, one version each.
type shelf struct {
	plans map[string]*mission.Plan
}

func (s *shelf) Plan(_ context.Context, name string, version int) (*mission.Plan, error) {
	p := s.plans[name]
	if p == nil || version > 1 {
		return nil, fmt.Errorf("mission %s version %d: %w", name, version, mission.ErrNotFound)
	}
	return p, nil
}

// plainReader reads text as it is; a few first words stand for bad documents.
type plainReader struct{}

func (plainReader) Read(_ context.Context, name string, data []byte) (string, mission.ReadData, error) {
	text := string(data)
	switch {
	case strings.HasPrefix(text, "%CRASH"):
		panic("a bug in the reader")
	case strings.HasPrefix(text, "%ENCRYPTED"):
		return "", mission.ReadData{MediaType: "application/pdf", Problem: name + " is encrypted; save it without a password.", Code: "encrypted"}, nil
	case strings.TrimSpace(text) == "":
		return "", mission.ReadData{Problem: name + " is empty.", Code: "empty"}, nil
	}
	return text, mission.ReadData{MediaType: "text/plain", Encoding: "utf-8", Pages: 1, Characters: len(text)}, nil
}
