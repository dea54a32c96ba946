package api_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/mission"
)

// TestClient: what the command line asks arrives, and comes back typed.
func TestClient(t *testing.T) {
	s := newSite(t)
	c := s.serve(s.api)
	ctx := t.Context()
	me, err := c.Session(ctx)
	if err != nil || me.Who.ID != "ada" || me.CSRF != "" || me.MaxBytes != 64<<10 {
		t.Errorf("session %+v, %v", me, err)
	}
	if h, err := c.Health(ctx); err != nil || h != "ok" {
		t.Errorf("health %s, %v", h, err)
	}
	missions, err := c.Missions(ctx)
	if err != nil || len(missions) != 2 || missions[0].Name != "invoice" {
		t.Errorf("missions %+v, %v", missions, err)
	}
	sum, err := c.StartRun(ctx, client.Start{Mission: "invoice", Key: "k", Values: map[string]string{"limit": "10.00"},
		Files: map[string]client.File{"document": {Name: "a.txt", Content: strings.NewReader("net 10.00")}}})
	if err != nil || sum.Subject != "a.txt" {
		t.Fatalf("start: %+v, %v", sum, err)
	}
	if _, err := c.StartSample(ctx, client.Start{Mission: "invoice"}, "document", "routine-01.txt"); err != nil {
		t.Errorf("start a sample: %v", err)
	}
	d, err := c.Run(ctx, sum.ID)
	if err != nil || string(d.Run.Input["limit"].JSON) != `"10.00"` {
		t.Errorf("run %+v, %v", d.Run.Input, err)
	}
	if text, err := c.Document(ctx, sum.ID, "document"); err != nil || string(text) != "net 10.00" {
		t.Errorf("document %q, %v", text, err)
	}
	if sum, err = c.Cancel(ctx, sum.ID, "a slip"); err != nil || sum.Verdict != mission.CancelledVerdict {
		t.Errorf("cancel: %+v, %v", sum, err)
	}
	page, err := c.Runs(ctx, api.RunFilter{State: mission.Ended, Limit: 5})
	if err != nil || len(page.Runs) != 1 {
		t.Errorf("runs: %+v, %v", page, err)
	}
	run := built(1)
	s.put(run)
	dec, err := c.Decision(ctx, "d-1")
	if err != nil || !dec.Decision.May {
		t.Fatalf("decision: %+v, %v", dec.Decision, err)
	}
	if e, err := c.Settle(ctx, "d-1", api.SettleBody{Outcome: mission.Approve, Digest: dec.Decision.Digest}); err != nil || e.Open() {
		t.Errorf("settle: %+v, %v", e, err)
	}
	if _, err = c.Settle(ctx, "d-1", api.SettleBody{Outcome: mission.Approve, Digest: dec.Decision.Digest}); err == nil {
		t.Error("settled twice")
	}
	var p *api.Problem
	if !errors.As(err, &p) || p.Status != 409 || p.Type != "urn:skerry:decision-settled" {
		t.Errorf("settling again: %v", err)
	}
	if m, err := c.StopModel(ctx, "starter"); err != nil || m.State != "stopped" {
		t.Errorf("stop: %+v, %v", m, err)
	}
	if src, err := c.PolicySource(ctx); err != nil || len(src) == 0 {
		t.Errorf("policy: %q, %v", src, err)
	}
	if _, err := c.SaveDraft(ctx, "invoice", []byte("mission: [")); !errors.As(err, &p) || p.Status != 422 || len(p.Errors) == 0 || p.Errors[0].Line == 0 {
		t.Errorf("a bad draft: %+v", err)
	}
	if _, err := c.Publish(ctx, "invoice", ""); !errors.As(err, &p) || p.Status != 404 {
		t.Errorf("publish without a draft: %v", err)
	}
}

// TestClientRefusedWhileSending: a refusal that comes before the end of the
// upload is what the caller hears.
func TestClientRefusedWhileSending(t *testing.T) {
	s := newSite(t)
	c := s.serve(s.api)
	_, err := c.StartRun(t.Context(), client.Start{Mission: "invoice", Files: map[string]client.File{"document": {Name: "a", Content: strings.NewReader(strings.Repeat("x", 1<<20))}}})
	var p *api.Problem
	if !errors.As(err, &p) || p.Status != 413 {
		t.Errorf("got %v, want a 413", err)
	}
	_, err = c.StartRun(t.Context(), client.Start{Mission: "other", Files: map[string]client.File{"document": {Name: "a", Content: failing{}}}})
	if err == nil {
		t.Error("an unknown mission starts")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

// TestClientWithoutAppliance: nobody there is an error of its own.
func TestClientWithoutAppliance(t *testing.T) {
	c := client.New(filepath.Join(t.TempDir(), "none"))
	if _, err := c.Health(t.Context()); !errors.Is(err, client.ErrDown) {
		t.Errorf("got %v, want ErrDown", err)
	}
}
