package appliance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/catalogue"
	"skerry/appliance/document"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
)

// TestMain lets this test binary stand in for skerry where the appliance calls
// itself.
func TestMain(m *testing.M) {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == document.Verb:
		err = document.Main(os.Stdin, os.Stdout)
	case len(os.Args) == 2 && os.Args[1] == catalogue.Verb:
		err = catalogue.Main(os.Stdin, os.Stdout)
	case len(os.Args) == 3 && os.Args[1] == PagesVerb:
		err = CheckPages(os.Args[2], os.Stdout)
	case len(os.Args) == 3 && os.Args[1] == victimVerb:
		err = victim(os.Args[2])
	case len(os.Args) == 5 && os.Args[1] == appenderVerb:
		err = appender(os.Args[2], os.Args[3], os.Args[4])
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// storyTimeout bounds one run on a busy machine.
const storyTimeout = 2 * time.Minute

// site is a running appliance with the real store, runner and models.
type site struct {
	config func(*Config)
	now    func() time.Time // of the models; nil = time.Now
	*client.Client
	app  *Appliance
	data string
	at   Address
	stop func()
}

// newSite initialises a data directory and serves it on the local socket.
func newSite(t *testing.T, change ...func(*site)) *site {
	t.Helper()
	data, err := os.MkdirTemp("", "skerry") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(data); err != nil {
			t.Error(err)
		}
	})
	c := DefaultConfig(data)
	if _, err := Init(t.Context(), c, Admins{Single: "a test"}); err != nil {
		t.Fatal(err)
	}
	s := &site{data: data}
	for _, f := range change {
		f(s)
	}
	s.serve(t)
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *site) serve(t *testing.T) {
	t.Helper()
	c := DefaultConfig(s.data)
	c.Listen = ""
	if s.config != nil {
		s.config(&c)
	}
	a, err := Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if s.now != nil {
		a.models.now = s.now
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, served := make(chan struct{}), make(chan error, 1)
	go func() { served <- a.Serve(ctx, func(at Address) { s.at = at; close(ready) }) }()
	select {
	case <-ready:
	case err := <-served:
		t.Fatal(err)
	}
	s.app, s.Client = a, client.New(filepath.Join(s.data, SocketFile))
	s.stop = sync.OnceFunc(func() {
		s.Close()
		cancel()
		if err := <-served; err != nil {
			t.Error("serve:", err)
		}
		if err := a.Close(); err != nil {
			t.Error("close:", err)
		}
		report, err := Check(context.Background(), DefaultConfig(s.data), false, nil)
		if err != nil || len(report.Findings) > 0 {
			t.Errorf("the store is not in order: %v %+v", err, report.Findings)
		}
	})
}

// settled follows a run until it ends or waits, and returns it.
func (s *site) settled(t *testing.T, id mission.RunID) api.RunDetail {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), storyTimeout)
	defer cancel()
	for e, err := range s.Watch(ctx, id, 0) {
		if err != nil {
			t.Fatalf("watch %s: %v", id, err)
		}
		if e.Kind == mission.KindQueued || e.Kind == mission.KindParked {
			break
		}
	}
	d, err := s.Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (s *site) sample(t *testing.T, file string) mission.RunID {
	t.Helper()
	run, err := s.StartSample(t.Context(), client.Start{Mission: sampleMission}, "document", file)
	if err != nil {
		t.Fatalf("start %s: %v", file, err)
	}
	return run.ID
}

func (s *site) upload(t *testing.T, name string, content io.Reader) api.RunDetail {
	t.Helper()
	run, err := s.StartRun(t.Context(), client.Start{
		Mission: sampleMission, Files: map[string]client.File{"document": {Name: name, Content: content}},
	})
	if err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	return s.settled(t, run.ID)
}

// outcome is "waiting", "parked" or the verdict.
func outcome(s mission.Summary) string {
	if s.Verdict != "" {
		return s.Verdict
	}
	return string(s.State)
}

func rail(d api.RunDetail) string {
	var b strings.Builder
	for _, e := range d.Rail {
		fmt.Fprintf(&b, "%4d %s\n", e.Seq, e.Sentence)
	}
	return b.String()
}

// TestSamplesTellTheirStories runs every sample document through the real
// runner and models, and compares with what samples.json says of it.
func TestSamplesTellTheirStories(t *testing.T) {
	s := newSite(t)
	samples, err := s.Samples(t.Context(), sampleMission)
	if err != nil {
		t.Fatal(err)
	}
	if len(samples) < 60 {
		t.Errorf("%d samples, want at least 60", len(samples))
	}
	seen := map[string]int{}
	for _, sample := range samples {
		t.Run(sample.File, func(t *testing.T) {
			d := s.settled(t, s.sample(t, sample.File))
			if got := outcome(d.Summary); got != sample.Expect {
				t.Errorf("got %s (%s), want %s\n%s", got, d.Summary.Reason, sample.Expect, rail(d))
			}
			if strings.HasPrefix(sample.Story, "bad-") && d.Summary.Verdict == mission.Approved {
				t.Errorf("a bad document was approved\n%s", rail(d))
			}
			if d.Summary.Verdict != "" && d.Summary.Reason == "" {
				t.Error("the verdict gives no reason")
			}
			if wantClass := map[bool]llm.DataClass{true: "restricted", false: "internal"}[restricted(sample)]; d.Summary.Class != wantClass {
				t.Errorf("class %s, want %s", d.Summary.Class, wantClass)
			}
			seen[sample.Story]++
		})
	}
	for _, story := range []string{"routine", "terms", "confidence", "restricted", "threshold", "bad-sums", "bad-missing", "bad-injection", "bad-no-invoice", "bad-file", "bad-too-long"} {
		if seen[story] == 0 {
			t.Errorf("no sample tells the story %q", story)
		}
	}
}

func restricted(s api.Sample) bool {
	return s.Story == "restricted" || strings.Contains(s.File, "ardenfell")
}

// TestOnlyTheStepEscalates: unusual terms send one step to the stronger pool;
// the rail has both attempts with their costs and says which one counts.
func TestOnlyTheStepEscalates(t *testing.T) {
	s := newSite(t)
	d := s.settled(t, s.sample(t, "terms-marrowby-machinery-advance.txt"))
	attempts := map[string][]api.RunAttempt{}
	for _, step := range d.Steps {
		if len(step.Attempts) > 0 {
			attempts[step.Path] = step.Attempts
		}
	}
	if n := len(attempts["invoice"]); n != 1 {
		t.Errorf("step invoice has %d attempts, want 1: only the terms are unusual", n)
	}
	terms := attempts["terms"]
	if len(terms) != 2 {
		t.Fatalf("step terms has %d attempts, want 2\n%s", len(terms), rail(d))
	}
	if terms[0].Pool != "routine" || terms[1].Pool != "strong" {
		t.Errorf("pools %s, %s; want routine, strong", terms[0].Pool, terms[1].Pool)
	}
	if terms[0].CostMicros <= 0 || terms[1].CostMicros <= 0 {
		t.Errorf("costs %d and %d micros; both attempts cost something", terms[0].CostMicros, terms[1].CostMicros)
	}
	if terms[0].Used || !terms[1].Used {
		t.Errorf("used: %v, %v; the second attempt feeds what follows", terms[0].Used, terms[1].Used)
	}
}

// TestRestrictedRunParksAndResumes: without a cleared model nothing is sent
// anywhere; with one the run goes on by itself.
func TestRestrictedRunParksAndResumes(t *testing.T) {
	s := newSite(t)
	for _, m := range []llm.ModelID{"starter", "starter-large"} {
		if _, err := s.StopModel(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	id := s.sample(t, "restricted-falkenmoor-technik.txt")
	d := s.settled(t, id)
	if got := outcome(d.Summary); got != "parked" {
		t.Fatalf("got %s, want parked\n%s", got, rail(d))
	}
	if len(d.Summary.Models) != 0 {
		t.Errorf("models %v were called", d.Summary.Models)
	}
	if d.Summary.Class != "restricted" {
		t.Errorf("class %s before any model was called, want restricted", d.Summary.Class)
	}
	// Parked runs survive a restart, and so do stopped models.
	s.stop()
	s.serve(t)
	if _, err := s.StartModel(t.Context(), "starter"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), storyTimeout)
	defer cancel()
	for _, err := range s.Watch(ctx, id, 0) {
		if err != nil {
			t.Fatal(err)
		}
	}
	d, err := s.Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if got := outcome(d.Summary); got != mission.Approved || !slices.Equal(d.Summary.Models, []llm.ModelID{"starter"}) {
		t.Errorf("got %s with models %v, want approved with starter\n%s", got, d.Summary.Models, rail(d))
	}
}

// TestPeopleDecide: above the threshold approve, reject and amend all work and
// end in the right verdict, and nobody settles what they did not see.
func TestPeopleDecide(t *testing.T) {
	s := newSite(t)
	for _, row := range []struct {
		name   string
		settle api.SettleBody
		want   string
		value  string // of the invoice number afterwards; empty = as it was read
	}{
		{"approve", api.SettleBody{Outcome: mission.Approve, Reason: "ordered"}, mission.Approved, ""},
		{"reject", api.SettleBody{Outcome: mission.Reject, Reason: "not ordered"}, mission.Rejected, ""},
		{"amend", api.SettleBody{Outcome: mission.Amend, Reason: "misread", Amendments: []api.AmendmentBody{{Step: "invoice", Field: "invoice_number", To: []byte(`"A-4711"`)}}}, mission.Approved, `"A-4711"`},
		{"amend so that it no longer adds up", api.SettleBody{Outcome: mission.Amend, Reason: "misread", Amendments: []api.AmendmentBody{{Step: "invoice", Field: "total_amount", To: []byte(`"99999.99"`)}}}, mission.Referred, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := s.settled(t, s.sample(t, "threshold-adlerberg-stahl.txt"))
			if len(d.Decisions) != 1 {
				t.Fatalf("%d decisions are open, want 1\n%s", len(d.Decisions), rail(d))
			}
			id := d.Decisions[0]
			wrong := row.settle
			wrong.Digest = strings.Repeat("0", 64)
			if _, err := s.Settle(t.Context(), id, wrong); err == nil {
				t.Error("settled with the digest of something else")
			}
			detail, err := s.Decision(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			row.settle.Digest = detail.Decision.Digest
			if _, err := s.Settle(t.Context(), id, row.settle); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Settle(t.Context(), id, row.settle); err == nil {
				t.Error("settled twice")
			}
			d = s.settledAfter(t, d)
			if got := outcome(d.Summary); got != row.want {
				t.Errorf("got %s (%s), want %s\n%s", got, d.Summary.Reason, row.want, rail(d))
			}
			for _, f := range d.Fields {
				if row.value != "" && f.Name == "invoice_number" && (string(f.Value) != row.value || f.Source != llm.FromPerson) {
					t.Errorf("invoice_number is %s from %s, want %s from a person", f.Value, f.Source, row.value)
				}
			}
		})
	}
}

// settledAfter waits for the verdict of a run that waited at d.
func (s *site) settledAfter(t *testing.T, d api.RunDetail) api.RunDetail {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), storyTimeout)
	defer cancel()
	for _, err := range s.Watch(ctx, d.Summary.ID, d.Summary.Seq) {
		if err != nil {
			t.Fatal(err)
		}
	}
	after, err := s.Run(t.Context(), d.Summary.ID)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

// TestBadUploads: what nobody can read fails with a reason, and what is too
// large to take in is refused; nothing crashes, and the next file works.
func TestBadUploads(t *testing.T) {
	s := newSite(t)
	for _, row := range []struct {
		name    string
		content []byte
		reason  string
	}{
		{"twenty-megabytes.txt", bytes.Repeat([]byte("Invoice 12345, total 100.00 EUR. "), 20<<20/33+1), "larger|too big|at most|MB|MiB"},
		{"zeros.pdf", make([]byte, 1<<20), "neither text nor PDF"},
		{"cut.pdf", []byte("%PDF-1.7\n1 0 obj\n<< /Type /Catalog"), "damaged"},
		{"bomb.pdf", []byte("%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 1 0 R/Kids[1 0 R 1 0 R]>>endobj\ntrailer<</Root 1 0 R>>\nstartxref\n9\n%%EOF"), "damaged|without text|read"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := s.upload(t, row.name, bytes.NewReader(row.content))
			if got := outcome(d.Summary); got != mission.Failed {
				t.Errorf("got %s, want failed\n%s", got, rail(d))
			}
			if !slices.ContainsFunc(strings.Split(row.reason, "|"), func(part string) bool { return strings.Contains(d.Summary.Reason, part) }) {
				t.Errorf("reason %q, want one with %s", d.Summary.Reason, row.reason)
			}
		})
	}
	if got := outcome(s.settled(t, s.sample(t, "routine-calder-tools.txt")).Summary); got != mission.Approved {
		t.Errorf("after the bad files a good one ends %s, want approved", got)
	}
}
