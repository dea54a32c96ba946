package mission

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"skerry/appliance/policy"
)

// platform is who settles what nobody settled in time.
var platform = policy.Principal{ID: "skerry", Name: "Skerry", Roles: []string{}}

// decide opens a gate where people are needed, ends it when its time is up,
// and takes what they said.
func (s *scheduler) decide(n *node, idx []int, st *StepState, env *scope) {
	if st.Decision == "" {
		why, asks := "the mission asks every time", true
		if n.ask != nil {
			var err error
			if asks, err = env.truth(n.ask); err != nil { // nobody knows, so somebody looks
				asks, why = true, "whether it is needed cannot be told: "+err.Error()
			} else if asks {
				why = strings.Join(env.causes(n.ask), "; ")
			}
		}
		if !asks {
			s.settle(st, SettledData{Output: n.nothing()})
			return
		}
		q := QueuedData{Kind: Gate, Queue: n.Decide.Queue, Ask: n.Decide.Ask, Why: why, Subject: s.subject(n, idx)}
		for _, id := range n.Decide.Amend {
			a := s.plan.nodes[id]
			if before := s.state(a, idx[:len(a.each)]); before.Settled != nil && !before.Settled.Skipped && !before.Settled.Broken {
				q.Amend = append(q.Amend, before.Path)
			}
		}
		for range n.Decide.NotBy { // "initiator" is all there is
			q.NotBy = append(q.NotBy, s.run.By.ID)
		}
		if e := n.Decide.Expires; e != nil {
			q.Expires, q.Then = s.facts.Now.Add(e.After).UTC(), e.Then
		}
		s.queue(st, q)
		return
	}
	d := s.run.Decisions[st.Decision]
	switch {
	case d == nil:
	case !d.Open():
		s.settle(st, SettledData{Output: decideOutput(d.Settled, d.Settled.By.Name)})
	case d.Expires.IsZero():
	case s.facts.Now.Before(d.Expires):
		s.wake(d.Expires)
	default:
		s.conclude(Observation{Kind: KindDecided, Step: st.Path, Decided: &DecidedData{
			Decision: d.Decision, Outcome: Expire, Then: d.Then, By: platform, Digest: d.Digest,
			Reason: "nobody decided within " + span(n.Decide.Expires.After),
		}})
	}
}

// span writes a duration as authors do: 72h, not 72h0m0s.
func span(d time.Duration) string {
	s := strings.TrimSuffix(d.String(), "0s")
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// queue opens a decision. Its id follows from the run, the step and what is
// asked about, so that asking twice is found out.
func (s *scheduler) queue(st *StepState, q QueuedData) {
	sum := sha256.Sum256(q.Subject)
	q.Digest = hex.EncodeToString(sum[:])
	id := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%s", s.run.ID, st.Path, q.Kind, q.Digest))
	q.Decision = hex.EncodeToString(id[:10])
	s.conclude(Observation{Kind: KindQueued, Step: st.Path, Queued: &q})
}

// subject is exactly what the person is shown: the outputs that the gate rests
// on, by path.
func (s *scheduler) subject(n *node, idx []int) json.RawMessage {
	out := map[string]json.RawMessage{}
	for id := range s.plan.before(n) {
		d := s.plan.nodes[id]
		if len(d.each) > len(idx) {
			continue
		}
		if st := s.state(d, idx[:len(d.each)]); st.Settled != nil && !st.Settled.Skipped && !st.Settled.Broken {
			out[st.Path] = st.Settled.Output
		}
	}
	return jsonOf(out)
}

// decideOutput is the output of a decide step; of one that asked nobody where
// d is nil.
func decideOutput(d *DecidedData, by string) json.RawMessage {
	out := map[string]any{
		"asked": d != nil, "approved": false, "rejected": false, "amended": false, "expired": false, "referred": false, "reason": nil, "by": nil,
	}
	if d != nil {
		out["reason"], out["by"] = d.Reason, by
		switch d.Outcome {
		case Approve:
			out["approved"] = true
		case Amend:
			out["approved"], out["amended"] = true, true
		case Reject:
			out["rejected"] = true
		case Expire:
			out["expired"], out["rejected"], out["referred"] = true, d.Then == "reject", d.Then == "refer"
		}
	}
	return jsonOf(out)
}

// idOf returns the id of the step at a path: "lines[2].check" is "check".
func idOf(path string) string {
	return path[strings.LastIndexByte(path, '.')+1:]
}

// Recheck returns the paths of the steps that amendments make stale, in order:
// checks that rest on an amended step, gates that asked nobody because of it,
// steps that were skipped because of it, and the lists around any of these.
// The engine puts them into DecidedData.Recheck, which reopens them.
func (p *Plan) Recheck(r *Run, amendments []Amendment) []string {
	stale := map[string]bool{}
	for _, a := range amendments {
		stale[idOf(a.Step)] = true
	}
	reopen := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for _, n := range p.order {
			if stale[n.ID] || !slices.ContainsFunc(n.deps, func(d string) bool { return stale[d] }) && !n.holds(stale) {
				continue
			}
			for path, st := range r.Steps {
				if idOf(path) == n.ID && n.again(st) {
					reopen[path], stale[n.ID], changed = true, true, true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(reopen))
}

// holds reports whether n is an each with a stale step inside.
func (n *node) holds(stale map[string]bool) bool {
	if n.Each == nil {
		return false
	}
	return slices.ContainsFunc(stepsIn(n.Each.Steps, true), func(s *Step) bool { return stale[s.ID] })
}

// again reports whether a settled step can be evaluated anew without asking a
// model or a person twice.
func (n *node) again(st *StepState) bool {
	switch {
	case st.Settled == nil:
		return false
	case n.Check != nil, n.Each != nil:
		return true
	case n.Decide != nil:
		return st.Decision == ""
	}
	return st.Settled.Skipped && !st.Settled.Broken && st.fresh()
}
