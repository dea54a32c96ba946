package appliance

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"skerry/appliance/api/client"
	"skerry/appliance/llm"
	"skerry/appliance/policy"
	"skerry/plugins/local/gguf/gguftest"
)

// roomForOne lets the starter models and one tiny model be loaded, not two.
func roomForOne(s *site) {
	s.config = func(c *Config) { c.Runner.BudgetBytes = 400 << 20 }
}

func seeded(n uint64) []byte {
	return tiny(func(m *gguftest.Model) { m.Seed = n })
}

// say asks a model for a few tokens.
func (s *site) say(ctx context.Context, t *testing.T, id llm.ModelID, emit func(llm.Delta) error) (llm.Response, error) {
	t.Helper()
	p, _, ok := s.app.models.Provider(id)
	if !ok {
		t.Fatalf("there is no model %s", id)
	}
	return p.Generate(ctx, llm.Request{Model: id, MaxTokens: 4, Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Text: "hello"}}}}}, emit)
}

func (s *site) stateOf(t *testing.T, id llm.ModelID) (state, why string) {
	t.Helper()
	m, ok := s.model(t, id)
	if !ok {
		t.Fatalf("there is no model %s", id)
	}
	return m.State, m.Why
}

func (s *site) offered(t *testing.T, id llm.ModelID) policy.Offer {
	t.Helper()
	for _, o := range s.app.models.Offers() {
		if o.ID == id {
			return o
		}
	}
	t.Fatalf("%s is not on offer", id)
	return policy.Offer{}
}

// TestModelsShareTheMemory: what does not fit beside the others is loaded when a
// call needs it, the least recently used goes, never one that answers, and never
// a starter of an active pool.
func TestModelsShareTheMemory(t *testing.T) {
	s := newSite(t, roomForOne)
	start := func(u *client.ModelUpload) { u.Start = true }
	s.take(t, "one", seeded(1), start)
	s.take(t, "two", seeded(2), start)
	if state, why := s.stateOf(t, "one"); state != "idle" || !strings.Contains(why, "needed for two") {
		t.Fatalf("one is %s, %q; want idle, and why", state, why)
	}
	o := s.offered(t, "one")
	if o.Down != "" || o.Lock.Engine == "" {
		t.Errorf("an idle model is down for routing: %+v", o)
	}
	before := o.Lock.Digest()

	// A call loads it, says so, and the other goes.
	res, err := s.say(t.Context(), t, "one", nil)
	if err != nil || res.Usage.LoadMicros <= 0 {
		t.Fatalf("got %+v, %v; want an answer after loading", res.Usage, err)
	}
	if got := s.offered(t, "one").Lock.Digest(); got != before {
		t.Errorf("loading changed the lock from %s to %s", before, got)
	}
	if state, why := s.stateOf(t, "two"); state != "idle" || !strings.Contains(why, "needed for one") {
		t.Errorf("two is %s, %q", state, why)
	}
	if res, err := s.say(t.Context(), t, "one", nil); err != nil || res.Usage.LoadMicros != 0 {
		t.Errorf("a loaded model was loaded again: %+v, %v", res.Usage, err)
	}

	// While one answers, two waits for the room, within its deadline.
	answering, goOn := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		first := true
		_, err := s.say(t.Context(), t, "one", func(llm.Delta) error {
			if first {
				first = false
				close(answering)
				<-goOn
			}
			return nil
		})
		done <- err
	}()
	<-answering
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = s.say(short, t, "two", nil)
	var typed *llm.Error
	if !errors.As(err, &typed) || typed.Kind != llm.Timeout || !strings.Contains(typed.Message, "one") {
		t.Errorf("with no room within its deadline: %v; want a timeout that names the model in the way", err)
	}
	if state, _ := s.stateOf(t, "one"); state != "running" {
		t.Errorf("a model that answers was unloaded: it is %s", state)
	}
	_, err = s.StartModel(t.Context(), "two")
	refusedAs(t, "a start while the memory is in use", err, "does-not-fit", "runner.budgetBytes", "MiB", "The model two")
	waited := make(chan error, 1)
	go func() {
		res, err := s.say(t.Context(), t, "two", nil)
		if err == nil && res.Usage.LoadMicros == 0 {
			err = errors.New("it did not wait")
		}
		waited <- err
	}()
	close(goOn)
	if err := errors.Join(<-done, <-waited); err != nil {
		t.Error(err)
	}
	for _, id := range []llm.ModelID{"starter", "starter-large"} {
		if m, _ := s.model(t, id); m.State != "running" || !m.Pinned {
			t.Errorf("%s is %s, pinned %t", id, m.State, m.Pinned)
		}
	}

	// After a restart both are there, one of them idle, and both can be asked.
	s.stop()
	s.serve(t)
	for _, id := range []llm.ModelID{"two", "one"} {
		if o := s.offered(t, id); o.Lock.Digest() == "" || o.Lock.Engine == "" {
			t.Errorf("%s has no lock after a restart: %+v", id, o.Lock)
		}
		if _, err := s.say(t.Context(), t, id, nil); err != nil {
			t.Errorf("%s after a restart: %v", id, err)
		}
	}
	// What an administrator stops is not loaded by a call.
	if _, err := s.StopModel(t.Context(), "two"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.say(t.Context(), t, "two", nil); llm.KindOf(err) != llm.Unavailable {
		t.Errorf("a stopped model: %v", err)
	}
	if o := s.offered(t, "two"); !strings.Contains(o.Down, "stopped") {
		t.Errorf("a stopped model is offered: %q", o.Down)
	}
}

// TestUnusedModelsAreUnloaded: after the keep-alive, not before, and not what
// runs rest on.
func TestUnusedModelsAreUnloaded(t *testing.T) {
	var ahead atomic.Int64
	s := newSite(t, func(s *site) {
		s.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		s.config = func(c *Config) { c.Runner.KeepAlive = time.Hour }
	})
	s.take(t, "one", seeded(1), func(u *client.ModelUpload) { u.Start = true })
	if _, err := s.say(t.Context(), t, "one", nil); err != nil {
		t.Fatal(err)
	}
	ahead.Store(int64(59 * time.Minute))
	s.app.models.unloadUnused(t.Context())
	if state, _ := s.stateOf(t, "one"); state != "running" {
		t.Errorf("after 59 minutes it is %s", state)
	}
	ahead.Store(int64(61 * time.Minute))
	s.app.models.unloadUnused(t.Context())
	if m, _ := s.model(t, "one"); m.State != "idle" || m.Why != "nobody has used it for 1h" || m.MemoryBytes != 0 || m.LastUseAt == nil {
		t.Errorf("after 61 minutes: %s, %q, %d bytes, last use %v", m.State, m.Why, m.MemoryBytes, m.LastUseAt)
	}
	if state, _ := s.stateOf(t, "starter"); state != "running" {
		t.Errorf("a starter of an active pool is %s", state)
	}
	if res, err := s.say(t.Context(), t, "one", nil); err != nil || res.Usage.LoadMicros <= 0 {
		t.Errorf("on demand: %+v, %v", res.Usage, err)
	}
}

// TestCacheAsConfigured: the kind of cache and whether calls share it are what
// the configuration says, and the lock tells; starter models keep what they were
// examined with.
func TestCacheAsConfigured(t *testing.T) {
	s := newSite(t, func(s *site) {
		s.config = func(c *Config) { c.Runner.CacheType, c.Runner.Share = "q8_0", false }
	})
	// Heads of 32 numbers, which is one block.
	s.take(t, "mine", tiny(func(m *gguftest.Model) { m.Seed = 9 }), func(u *client.ModelUpload) { u.Start = true })
	if state, why := s.stateOf(t, "mine"); state != "running" {
		t.Fatalf("it is %s: %s", state, why)
	}
	if _, err := s.say(t.Context(), t, "mine", nil); err != nil {
		t.Error(err)
	}
	for id, want := range map[llm.ModelID]string{"mine": "cache q8_0, nothing shared", "starter": "cache f16, nothing shared"} {
		if got := s.offered(t, id).Lock.Engine; !strings.Contains(got, want) {
			t.Errorf("%s is locked to %q; want %q in it", id, got, want)
		}
	}
}
