package appliance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/catalogue"
	"skerry/appliance/llm"
	"skerry/plugins"
)

// The life of a model that somebody has started: it is loaded, answers, is
// unloaded when nobody has used it for a while or when another needs its
// memory, and is loaded again when a call needs it. Loading and unloading are
// done one at a time; whoever holds models.loading does.

// use lends the process of a model for one call. A model that is idle is loaded
// first, within ctx; waited says how long that took. The model is not unloaded
// before release is called.
func (m *models) use(ctx context.Context, e *modelEntry) (release func(), waited time.Duration, err error) {
	m.room.Lock()
	e.users++
	idle := e.idle != ""
	m.room.Unlock()
	release = func() {
		m.room.Lock()
		e.users--
		e.lastUse = m.now()
		close(m.freed)
		m.freed = make(chan struct{})
		m.room.Unlock()
	}
	if !idle {
		return release, 0, nil
	}
	began := m.now()
	if err := m.load(ctx, e, true); err != nil {
		release()
		return nil, 0, loadFault(err)
	}
	return release, m.now().Sub(began), nil
}

// loadFault turns the reason why a model was not loaded into what a provider
// returns.
func loadFault(err error) error {
	var typed *llm.Error
	var shown *api.Error
	switch {
	case errors.As(err, &typed):
		return err
	case errors.As(err, &shown):
		return &llm.Error{Kind: llm.Unavailable, Message: shown.Detail, Err: err}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &llm.Error{Kind: llm.KindOf(err), Message: "the model was not loaded in time", Err: err}
	}
	return &llm.Error{Kind: llm.Unavailable, Message: err.Error()}
}

// load starts the process of a model that is idle, and makes room for it: the
// idle and least recently used of the others go first. If wait is set it waits
// for models that answer calls now to be done. It returns nil if the model is
// loaded already.
func (m *models) load(ctx context.Context, e *modelEntry, wait bool) error {
	select {
	case m.loading <- struct{}{}:
		defer func() { <-m.loading }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	m.room.Lock()
	idle := e.idle
	m.room.Unlock()
	switch p := e.child.State().Phase; {
	case idle == "" && p == plugins.Ready:
		return nil // somebody else was faster
	case idle == "" && p == plugins.Starting:
		return e.child.Start(ctx) // waits
	}
	if err := m.startable(e); err != nil {
		return err
	}
	if err := m.makeRoom(ctx, e, wait); err != nil {
		return err
	}
	e.forget()
	e.refuse("")
	m.rest(e, "")
	err := e.child.Start(ctx)
	if err == nil {
		m.complete(ctx, e) // the lock is whole when the caller looks
		m.announce()
	}
	if why := e.refusal(); why != "" {
		return &llm.Error{Kind: llm.Unavailable, Message: fmt.Sprintf("the model %s does not start: %s", e.current().ID, why)}
	}
	return err
}

// rest notes that a model is idle and why; "" = it is not.
func (m *models) rest(e *modelEntry, why string) {
	m.room.Lock()
	defer m.room.Unlock()
	e.idle = why
	if why == "" {
		e.lastUse = m.now()
	}
}

// makeRoom unloads models until e fits. The caller holds loading.
func (m *models) makeRoom(ctx context.Context, e *modelEntry, wait bool) error {
	for {
		need, have, what := m.fit(e)
		if have <= 0 || need.Total() <= have {
			return nil
		}
		m.room.Lock()
		freed := m.freed
		m.room.Unlock()
		victim, busy, reclaimable := m.victim(e)
		switch {
		case need.Total() > add(have, reclaimable):
			return m.doesNotFit(e, need, have, reclaimable, what)
		case victim != nil:
			if m.unload(victim, fmt.Sprintf("its memory was needed for %s", e.current().ID)) {
				m.log.Info("model unloaded", "model", victim.current().ID, "for", e.current().ID)
			}
		case wait && len(busy) > 0:
			select {
			case <-freed:
			case <-ctx.Done():
				return &llm.Error{Kind: llm.KindOf(ctx.Err()), Err: ctx.Err(),
					Message: fmt.Sprintf("the model %s waited for memory that %s held until the time was up", e.current().ID, strings.Join(busy, ", "))}
			}
		default:
			return m.doesNotFit(e, need, have, 0, what)
		}
	}
}

// victim returns the model that goes first when e needs room, nil if none can
// go now; busy are those that could once their calls are done, and reclaimable
// is what all of them hold together.
func (m *models) victim(e *modelEntry) (victim *modelEntry, busy []string, reclaimable int64) {
	for _, other := range m.all() {
		if other == e || other.child.State().Phase != plugins.Ready || m.pinned(other) {
			continue
		}
		reclaimable = add(reclaimable, m.held(other))
		m.room.Lock()
		free := other.users == 0
		older := victim == nil || other.lastUse.Before(victim.lastUse)
		m.room.Unlock()
		if !free {
			busy = append(busy, string(other.current().ID))
		} else if older {
			victim = other
		}
	}
	return victim, busy, reclaimable
}

// pinned reports whether a model stays loaded whatever happens: runs rest on
// the starter models of the active pools.
func (m *models) pinned(e *modelEntry) bool {
	return e.imported == nil && m.inPool(e.current().ID)
}

// unload ends the process of a model that nobody uses, and reports whether it
// did. The caller holds loading.
func (m *models) unload(e *modelEntry, why string) bool {
	m.room.Lock()
	if e.users > 0 || e.idle != "" {
		m.room.Unlock()
		return false
	}
	e.idle = why
	m.room.Unlock()
	_ = e.child.Stop(context.Background()) // never fails
	m.announce()
	return true
}

// unloadUnused unloads what nobody has used for the keep-alive.
func (m *models) unloadUnused(ctx context.Context) {
	keep := m.config.Runner.KeepAlive
	if keep <= 0 {
		return
	}
	select {
	case m.loading <- struct{}{}:
		defer func() { <-m.loading }()
	case <-ctx.Done():
		return
	}
	for _, e := range m.all() {
		m.room.Lock()
		unused := m.now().Sub(e.lastUse) >= keep
		m.room.Unlock()
		if unused && e.child.State().Phase == plugins.Ready && !m.pinned(e) && m.unload(e, fmt.Sprintf("nobody has used it for %s", said(keep))) {
			m.log.Info("model unloaded", "model", e.current().ID, "unused", keep)
		}
	}
}

// said writes a duration without its empty parts.
func said(d time.Duration) string {
	s := d.String()
	s = strings.TrimSuffix(strings.TrimSuffix(s, "0s"), "0m")
	if s == "" {
		return d.String()
	}
	return s
}

// keepHouse unloads unused models and removes old uploads until ctx ends.
func (m *models) keepHouse(ctx context.Context) {
	every := time.Minute
	if k := m.config.Runner.KeepAlive; k > 0 {
		every = min(every, max(k/4, 100*time.Millisecond))
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.unloadUnused(ctx)
			if n, err := m.kept.Sweep(m.now()); n > 0 || err != nil {
				m.log.Info("uploads that nobody went on with are removed", "uploads", n, "err", err)
			}
		}
	}
}

// need returns what a model is estimated to need. A starter model has no card of
// a file; it is small, and what its process holds is known once it runs.
func (m *models) need(e *modelEntry) catalogue.Memory {
	if i := e.imported; i != nil {
		return m.needs(i)
	}
	return catalogue.Memory{Weights: e.size, Work: max(starterWork, e.child.State().MemoryBytes-e.size)}
}

// starterWork is what the process of a starter model takes beside its weights.
const starterWork = 96 << 20

// held returns what a loaded model holds or may still come to need.
func (m *models) held(e *modelEntry) int64 {
	return max(min(m.need(e).Total(), 1<<50), e.child.State().MemoryBytes)
}

// fit returns what a model is estimated to need, what it may have beside the
// models that are loaded, 0 where that is not known, and what bounds it.
func (m *models) fit(e *modelEntry) (need catalogue.Memory, have int64, what string) {
	need, have, what = m.need(e), catalogue.Available(), "the memory that this host has available now"
	loaded, promised := int64(0), int64(0)
	for _, other := range m.all() {
		s := other.child.State()
		if other == e || s.Phase != plugins.Ready && s.Phase != plugins.Starting {
			continue
		}
		held := m.held(other)
		loaded = add(loaded, held)
		promised = add(promised, held-s.MemoryBytes)
	}
	if have > 0 {
		have = max(have-promised, 1)
	}
	if b := m.config.Runner.BudgetBytes; b > 0 && (have == 0 || b-loaded < have) {
		have, what = max(b-loaded, 1), fmt.Sprintf("what is left of runner.budgetBytes in config.yaml, %s,", catalogue.Bytes(b))
	}
	if c := m.config.Runner.MemoryBytes; c > 0 && (have == 0 || c < have) {
		have, what = c, "runner.memoryBytes in config.yaml"
	}
	return need, have, what
}

// tooLarge says why a model can never be loaded here, whatever is unloaded for
// it; "" = it may be.
func (m *models) tooLarge(e *modelEntry) string {
	need := m.need(e).Total()
	if e.imported == nil {
		return ""
	}
	for _, bound := range []struct {
		bytes int64
		what  string
	}{{m.config.Runner.MemoryBytes, "runner.memoryBytes"}, {m.config.Runner.BudgetBytes, "runner.budgetBytes"}, {catalogue.Installed(), "the memory of this host"}} {
		if bound.bytes > 0 && need > bound.bytes {
			return fmt.Sprintf("it needs about %s, and %s is %s", catalogue.Bytes(need), bound.what, catalogue.Bytes(bound.bytes))
		}
	}
	return ""
}

// doesNotFit says with numbers that there is no room for a model.
func (m *models) doesNotFit(e *modelEntry, need catalogue.Memory, have, reclaimable int64, what string) error {
	more := ""
	if reclaimable > 0 {
		more = fmt.Sprintf(" Unloading what could be unloaded would free about %s more.", catalogue.Bytes(reclaimable))
	}
	return &api.Error{Status: http.StatusConflict, Code: "does-not-fit",
		Detail: fmt.Sprintf("The model %s does not fit: it needs about %s (%s), and %s is %s.%s %s", e.current().ID,
			catalogue.Bytes(need.Total()), inParts(need), what, catalogue.Bytes(have), more, howToFit(need))}
}

// add stops at the largest number; it takes no negative numbers.
func add(a, b int64) int64 {
	if s := a + b; s >= a {
		return s
	}
	return 1<<63 - 1
}
