package mission

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/traits"

	"skerry/appliance/llm"
)

// model does what a step that asks a model can do: call, judge the answer, go
// a grade up, ask a person, or give up.
func (s *scheduler) model(n *node, st *StepState, env *scope) {
	switch {
	case st.Decision != "":
		s.person(n, st)
	case st.Parked != nil:
		// the engine appends resumed when a cleared model is back
	case st.Routed != nil:
		s.call(n, st, env)
	case st.Failed != nil:
		s.failed(n, st, env)
	case st.Generated != nil && !st.Escalated:
		s.judge(n, st, env)
	default:
		s.call(n, st, env)
	}
}

// call asks for a model call, or for the one that was in flight.
func (s *scheduler) call(n *node, st *StepState, env *scope) {
	prompt, err := n.prompt(env)
	if err != nil {
		s.broken(n, st, "there is nothing to read: %v", err)
		return
	}
	c := Call{
		Step: st.Path, Attempt: st.Attempt + 1, Grade: st.Grade, Kind: prompt.Kind, Prompt: prompt,
		Class: s.run.RouteClass(), Tried: slices.Clone(st.Tried),
	}
	if n.Confidence != nil {
		c.Minimum = n.Confidence.Min
	}
	if st.Routed != nil {
		c.Attempt, c.InFlight = st.Attempt, st.Routed
	}
	s.next.Calls = append(s.next.Calls, c)
}

// prompt returns what the step asks, in neutral words.
func (n *node) prompt(env *scope) (llm.Prompt, error) {
	v, err := env.eval(n.from)
	if err != nil {
		return llm.Prompt{}, err
	}
	if m, ok := v.(traits.Mapper); ok { // a document
		v = m.Get(types.String("text"))
	}
	text, ok := v.(types.String)
	if !ok || strings.TrimSpace(string(text)) == "" {
		if absent := env.absent(n.from); len(absent) > 0 {
			return llm.Prompt{}, fmt.Errorf("%s is absent", strings.Join(absent, " and "))
		}
		return llm.Prompt{}, fmt.Errorf("the text is empty")
	}
	p := llm.Prompt{Text: string(text)}
	switch {
	case n.Extract != nil:
		p.Kind, p.Instructions, p.Fields = llm.TaskExtract, n.Extract.Instructions, n.Extract.Fields
	case n.Classify != nil:
		p.Kind, p.Instructions, p.Labels = llm.TaskClassify, n.Classify.Instructions, n.Classify.Into
	default:
		p.Kind, p.Instructions, p.MaxTokens = llm.TaskGenerate, n.Generate.Instructions, n.Generate.MaxTokens
	}
	return p, nil
}

// failed does what the gateway said should come after a failed call.
func (s *scheduler) failed(n *node, st *StepState, env *scope) {
	switch f := st.Failed; {
	case f.Next == "retry" && s.facts.Now.Before(f.RetryAt):
		s.wake(f.RetryAt)
	case f.Next == "retry" || f.Next == "failover":
		s.call(n, st, env)
	case !st.Last:
		s.escalate(st, "error", Text{
			"en": fmt.Sprintf("model %s could not answer: %s", f.Model, f.Message),
			"de": fmt.Sprintf("Modell %s konnte nicht antworten: %s", f.Model, f.Message),
		})
	case st.Generated != nil && len(n.lacks(st.Generated.Values)) > 0 && n.missing() == "refer":
		why, _ := n.doubt(st.Generated, n.lacks(st.Generated.Values))
		s.broken(n, st, "%s, and a stronger model could not answer: %s", why, f.Message)
	case st.Generated != nil && n.below() == "ask": // an answer that was not good enough is still there
		s.uncertain(n, st, fmt.Sprintf("the answer at grade %d was not sure enough, and a stronger model could not answer: %s", st.Generated.Grade, f.Message))
	default:
		s.broken(n, st, "no model could do it: %s", f.Message)
	}
}

func (s *scheduler) escalate(st *StepState, why string, because Text) {
	s.conclude(Observation{Kind: KindEscalated, Step: st.Path, Escalated: &EscalatedData{From: st.Grade, To: st.Grade + 1, Why: why, Because: because}})
}

// below says what happens to an answer that is not sure enough at the last
// grade; missing the same for one that lacks a field.
func (n *node) below() string {
	if n.Confidence == nil || n.Confidence.Below == "" {
		return "ask"
	}
	return n.Confidence.Below
}

func (n *node) missing() string {
	if n.Confidence == nil || n.Confidence.Missing == "" {
		return n.below()
	}
	return n.Confidence.Missing
}

// mandatory returns the fields that the answer must have.
func (n *node) mandatory() []string {
	if n.Extract == nil {
		return n.fieldNames()
	}
	var names []string
	for _, f := range n.Extract.Fields {
		if !f.Nullable {
			names = append(names, f.Name)
		}
	}
	return names
}

// lacks returns the fields that the answer should have and has not, or has
// only guessed.
func (n *node) lacks(values map[string]llm.Value) []string {
	var names []string
	for _, name := range n.mandatory() {
		v := values[name]
		if v.Null() || n.Confidence != nil && v.Confidence.Known() && float64(v.Confidence) < n.Confidence.Floor {
			names = append(names, name)
		}
	}
	return names
}

// judge decides what an answer is worth.
func (s *scheduler) judge(n *node, st *StepState, env *scope) {
	g := st.Generated
	lacks := n.lacks(g.Values)
	if n.Confidence != nil && (!g.Confidence.AtLeast(n.Confidence.Min) || len(lacks) > 0) {
		why, because := n.doubt(g, lacks)
		switch {
		case !st.Last:
			s.escalate(st, "low-confidence", because)
		case len(lacks) > 0 && n.missing() == "refer", len(lacks) == 0 && n.below() == "refer":
			s.broken(n, st, "%s", why)
		default:
			s.uncertain(n, st, why)
		}
		return
	}
	if n.escalate != nil && st.Grade == 0 && !st.Last {
		env.own = n.output(g.Values)
		clear(env.cache)
		fires, err := env.truth(n.escalate)
		because := n.Escalate.Because
		if err != nil { // nobody knows, so it counts
			fires = true
			because = Text{"en": "whether it should cannot be told: " + err.Error(), "de": "ob es nötig ist, lässt sich nicht sagen: " + err.Error()}
		}
		if fires {
			s.escalate(st, "rule", because)
			return
		}
	}
	s.settle(st, SettledData{Attempt: st.Answered, Output: n.output(g.Values)})
}

// doubt says in words why an answer is not taken.
func (n *node) doubt(g *GeneratedData, lacks []string) (string, Text) {
	if len(lacks) > 0 {
		en, de := make([]string, len(lacks)), make([]string, len(lacks))
		for i, name := range lacks {
			en[i], de[i] = name, name
			switch v := g.Values[name]; {
			case v.Null():
			case v.Problem != "":
				en[i] += " (" + v.Problem + ")"
				de[i] += " (" + v.Problem + ")"
			default:
				en[i] += fmt.Sprintf(" (guessed, confidence %s)", number(float64(v.Confidence)))
				de[i] += fmt.Sprintf(" (geraten, Sicherheit %s)", number(float64(v.Confidence)))
			}
		}
		t := Text{"en": "not found: " + strings.Join(en, ", "), "de": "nicht gefunden: " + strings.Join(de, ", ")}
		if len(lacks) > 1 && len(lacks) == len(n.mandatory()) {
			t["en"] += "; nothing that must be there is; is this the right kind of document?"
			t["de"] += "; nichts von dem, was da sein muss, ist da; ist es die richtige Art von Dokument?"
		}
		return t["en"], t
	}
	field := g.Weakest
	if field == "" {
		field = "the answer"
	}
	if !g.Confidence.Known() {
		en := fmt.Sprintf("the confidence of %s is unknown; %s is asked for", field, number(n.Confidence.Min))
		return en, Text{"en": en, "de": fmt.Sprintf("die Sicherheit von %s ist unbekannt; verlangt ist %s", field, number(n.Confidence.Min))}
	}
	en := fmt.Sprintf("%s has confidence %s; %s is asked for", field, number(float64(g.Confidence)), number(n.Confidence.Min))
	if p := g.Values[g.Weakest].Problem; p != "" {
		en += " (" + p + ")"
	}
	return en, Text{"en": en, "de": fmt.Sprintf("%s hat Sicherheit %s; verlangt ist %s", field, number(float64(g.Confidence)), number(n.Confidence.Min))}
}

// output makes the output of the step from values: the fields that it
// declares and no others, whatever a model said beside them.
func (n *node) output(values map[string]llm.Value) json.RawMessage {
	out := map[string]json.RawMessage{}
	for _, name := range n.fieldNames() {
		out[name] = json.RawMessage("null")
		if v, ok := values[name]; ok && !v.Null() {
			out[name] = v.JSON
		}
	}
	return jsonOf(out)
}

func (n *node) fieldNames() []string {
	switch {
	case n.Extract != nil:
		names := make([]string, len(n.Extract.Fields))
		for i, f := range n.Extract.Fields {
			names[i] = f.Name
		}
		return names
	case n.Classify != nil:
		return []string{"label"}
	}
	return []string{"text"}
}

// uncertain asks a person whether the values are right.
func (s *scheduler) uncertain(n *node, st *StepState, why string) {
	queue := s.plan.queue
	if n.Confidence != nil && n.Confidence.Queue != "" {
		queue = n.Confidence.Queue
	}
	if queue == "" && s.facts.Policy != nil {
		for _, name := range slices.Sorted(maps.Keys(s.facts.Policy.Queues)) {
			queue = name
			break
		}
	}
	title := n.Title
	if len(title) == 0 {
		title = Text{"": n.ID}
	}
	subject := jsonOf(map[string]json.RawMessage{st.Path: n.output(st.Generated.Values)})
	s.queue(st, QueuedData{
		Kind: Uncertain, Queue: queue, Why: why, Subject: subject, Amend: []string{st.Path},
		Ask: Text{"en": fmt.Sprintf("Are these values right? (%s)", title.In("en")), "de": fmt.Sprintf("Stimmen diese Werte? (%s)", title.In("de"))},
	})
}

// person takes what a person said about uncertain values.
func (s *scheduler) person(n *node, st *StepState) {
	d := s.run.Decisions[st.Decision]
	if d == nil || d.Open() {
		return
	}
	switch d.Settled.Outcome {
	case Approve, Amend:
		values := st.Values
		if values == nil {
			values = st.Generated.Values
		}
		s.settle(st, SettledData{Attempt: st.Answered, Output: n.output(values)})
	default:
		reason := d.Settled.Reason
		if reason == "" {
			reason = "no reason was given"
		}
		s.broken(n, st, "%s does not accept the values: %s", d.Settled.By.Name, reason)
	}
}
