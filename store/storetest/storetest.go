// Package storetest builds sequences of observations as the engine writes them,
// for tests and benchmarks of whatever reads a journal. Every sequence folds.
// Start with [New].
package storetest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// Epoch is the time at which built runs begin unless told otherwise.
var Epoch = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// ID returns a run id of time at; n tells runs of the same millisecond apart.
func ID(at time.Time, n uint64) mission.RunID {
	var u ulid.ULID
	if err := u.SetTime(uint64(at.UnixMilli())); err != nil {
		panic(err) // a test with a time outside 1970 to 10889
	}
	binary.BigEndian.PutUint64(u[8:], n)
	return mission.RunID(u.String())
}

// Run builds one run. It keeps the fold, so that every step can be appended
// with the summary that belongs to it.
type Run struct {
	Fold *mission.Run
	All  []mission.Observation
	Doc  []byte // content of its document
	new  int    // observations that Take has not handed out
	now  time.Time
}

// New begins a run of mission name at time at: a start by a person, with one
// document, and an idempotency key unless key is empty. Whoever checks blobs puts Doc before.
func New(n uint64, at time.Time, name, key string) *Run {
	doc := fmt.Appendf(nil, "Invoice %05d\nNordwind Handels GmbH\nnet 1180.00, tax 224.20, total 1404.20\n", n)
	r := &Run{Fold: &mission.Run{}, Doc: doc, now: at.UTC()}
	digest := sha256.Sum256(doc)
	r.Add(mission.Observation{Kind: mission.KindCreated, Created: &mission.CreatedData{
		Run: ID(at, n), Mission: name, Version: 1, MissionDigest: hex.EncodeToString(digest[:]), PolicyVersion: 3,
		PolicyDigest: hex.EncodeToString(digest[:]), Class: "internal", Key: key,
		Input: map[string]mission.InputValue{"document": {Document: &mission.DocumentRef{
			Name: fmt.Sprintf("invoice-%05d.pdf", n), SHA256: hex.EncodeToString(digest[:]), SizeBytes: int64(len(doc))}}},
		By: policy.Principal{ID: "u-17", Name: "Ada Winter", Roles: []string{"user", "approver"}},
	}})
	return r
}

// ID of the run.
func (r *Run) ID() mission.RunID { return r.Fold.ID }

// Add appends o with the next sequence number, a millisecond later. It panics
// if the fold refuses it: the test is wrong then.
func (r *Run) Add(o mission.Observation) *Run {
	r.now = r.now.Add(time.Millisecond)
	o.Seq, o.At = r.Fold.Seq+1, r.now
	if err := r.Fold.Apply(o); err != nil {
		panic(err)
	}
	r.All = append(r.All, o)
	r.new++
	return r
}

// Take returns what was added since the last call, ready to be appended.
func (r *Run) Take() (run mission.RunID, expected uint64, s mission.Summary, obs []mission.Observation) {
	obs = r.All[len(r.All)-r.new:]
	r.new = 0
	return r.Fold.ID, r.Fold.Seq - uint64(len(obs)), r.Fold.Summary(), obs
}

// Read adds that the document was read; text names the blob of its text.
func (r *Run) Read(text string) *Run {
	return r.Add(mission.Observation{Kind: mission.KindRead, Read: &mission.ReadData{
		Input: "document", MediaType: "application/pdf", Encoding: "utf-8", Pages: 2, Characters: 1873, TextSHA256: text}})
}

// Classified adds that the class of the run is c.
func (r *Run) Classified(c llm.DataClass) *Run {
	return r.Add(mission.Observation{Kind: mission.KindClassified, Classified: &mission.ClassifiedData{
		From: r.Fold.Class, Class: c, Evidence: []mission.ClassEvidence{{Rule: 0, Held: c == "restricted", Raise: "restricted",
			Because: mission.Text{"en": "the supplier is on the restricted list", "de": "der Lieferant steht auf der Liste der beschränkten"}}}}})
}

// Routed adds the intent to call model for step.
func (r *Run) Routed(step string, model llm.ModelID) *Run {
	attempt, grade := 1, 0
	if s := r.Fold.Steps[step]; s != nil {
		attempt, grade = s.Attempt+1, s.Grade
	}
	return r.Add(mission.Observation{Kind: mission.KindRouted, Step: step, Attempt: attempt, Routed: &mission.RoutedData{
		Route: policy.Route{Model: model, Pool: "routine", Grade: grade, Rule: "invoices", Rejected: []policy.Rejection{
			{Model: "strong", Reason: policy.NotPreferred, Detail: "starter came first in the pool"}}},
		Class: r.Fold.Class, Lock: "8d5e957f29789b3a", Boundary: llm.Embedded,
		Prompt: "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"}})
}

// Parked adds that nothing cleared is available for step.
func (r *Run) Parked(step string) *Run {
	return r.Add(mission.Observation{Kind: mission.KindParked, Step: step, Parked: &mission.ParkedData{Why: "no cleared model is up"}})
}

// Generated adds the answer of model with confidence c, and what it cost.
func (r *Run) Generated(step string, model llm.ModelID, c llm.Confidence) *Run {
	values := map[string]llm.Value{}
	for _, f := range [][2]string{{"supplier", `"Nordwind Handels GmbH"`}, {"number", `"2026-0417"`}, {"net", `"1180.00"`}, {"tax", `"224.20"`}, {"total", `"1404.20"`}} {
		values[f[0]] = llm.Value{JSON: json.RawMessage(f[1]), Confidence: c, Source: llm.FromTokens, Evidence: &llm.Span{Start: 120, End: 141}}
	}
	return r.Add(mission.Observation{Kind: mission.KindGenerated, Step: step, Attempt: r.Fold.Steps[step].Attempt, Generated: &mission.GeneratedData{
		Model: model, Lock: "8d5e957f29789b3a", Pool: "routine", Values: values, Usage: llm.Usage{InputTokens: 611, OutputTokens: 74, DurationMicros: 912345},
		CostMicros: 1830, Calls: 1, Confidence: c, Weakest: "number", Minimum: 0.8}})
}

// Escalated adds that step goes one grade up.
func (r *Run) Escalated(step string) *Run {
	g := r.Fold.Steps[step].Grade
	return r.Add(mission.Observation{Kind: mission.KindEscalated, Step: step, Escalated: &mission.EscalatedData{
		From: g, To: g + 1, Why: "low-confidence", Because: mission.Text{"en": "number was read with 0.41, less than 0.80"}}})
}

// Settled adds the output of step.
func (r *Run) Settled(step string) *Run {
	return r.Add(mission.Observation{Kind: mission.KindSettled, Step: step, Settled: &mission.SettledData{
		Attempt: r.Fold.Steps[step].Attempt, Output: json.RawMessage(`{"net":"1180.00","number":"2026-0417","supplier":"Nordwind Handels GmbH","tax":"224.20","total":"1404.20"}`)}})
}

// Queued opens the decision id in queue.
func (r *Run) Queued(step, id, queue string) *Run {
	subject := json.RawMessage(`{"extract":{"supplier":"Nordwind <Handels> GmbH","total":"1404.20"}}`)
	sum := sha256.Sum256(subject)
	return r.Add(mission.Observation{Kind: mission.KindQueued, Step: step, Queued: &mission.QueuedData{
		Decision: id, Kind: mission.Gate, Queue: queue, Ask: mission.Text{"en": "Pay this invoice?"}, Why: "above 1,000",
		Subject: subject, Digest: hex.EncodeToString(sum[:]), Amend: []string{"extract"}, Expires: r.now.Add(48 * time.Hour), Then: "refer"}})
}

// Decided settles the decision id.
func (r *Run) Decided(id string, outcome mission.DecisionOutcome) *Run {
	d := r.Fold.Decisions[id]
	return r.Add(mission.Observation{Kind: mission.KindDecided, Step: d.Step, Decided: &mission.DecidedData{
		Decision: id, Outcome: outcome, By: policy.Principal{ID: "u-9", Name: "Bo Lind", Roles: []string{"approver"}}, Role: "approver",
		Reason: "agreed by phone", Digest: d.Digest}})
}

// Verdict ends the run.
func (r *Run) Verdict(is string) *Run {
	return r.Add(mission.Observation{Kind: mission.KindVerdict, Verdict: &mission.VerdictData{
		Is: is, Reason: "net and tax add up to the total", Confidence: 0.93, Cites: []uint64{2, r.Fold.Seq}}})
}

// Whole adds the road of a routine run from read to verdict: ten observations
// with the first.
func (r *Run) Whole(class llm.DataClass, model llm.ModelID, is string) *Run {
	r.Read(r.Fold.Input["document"].Document.SHA256).Classified(class)
	r.Routed("extract", model).Generated("extract", model, 0.93).Settled("extract")
	r.Add(mission.Observation{Kind: mission.KindChecked, Step: "sums", Checked: &mission.CheckedData{Held: true, Results: []mission.CheckResult{
		{Because: mission.Text{"en": "net and tax add up to the total"}, Held: true, Detail: "1180.00 + 224.20 = 1404.20"}}}})
	r.Add(mission.Observation{Kind: mission.KindSettled, Step: "sums", Settled: &mission.SettledData{Output: json.RawMessage(`{"held":true,"reason":""}`)}})
	r.Add(mission.Observation{Kind: mission.KindSettled, Step: "pay", Settled: &mission.SettledData{Skipped: true, Why: "the total is below the threshold", Output: json.RawMessage(`{"asked":false}`)}})
	return r.Verdict(is)
}
