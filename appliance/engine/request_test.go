package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"skerry/appliance/engine"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

func TestStartSaysWhatIsWrongWithTheInput(t *testing.T) {
	w := newWorld(t, nil).start()
	doc := mission.InputValue{Document: w.upload("a.txt", "INVOICE")}
	for _, row := range []struct {
		name  string
		input map[string]mission.InputValue
		by    policy.Principal
		want  string
	}{
		{"nothing", nil, clara, "input.document: mission invoice needs a document here"},
		{"a number for a document", map[string]mission.InputValue{"document": {JSON: json.RawMessage(`7`)}}, clara, "input.document: needs a document: upload a file"},
		{"a document that was never uploaded", map[string]mission.InputValue{"document": {Document: &mission.DocumentRef{Name: "b.txt", SHA256: strings.Repeat("0", 64)}}}, clara, `input.document: the file "b.txt" is not in the store`},
		{"one input too many", map[string]mission.InputValue{"document": doc, "colour": {JSON: json.RawMessage(`"red"`)}}, clara, "input.colour: mission invoice has no such input; it has document"},
		{"somebody who may only look", map[string]mission.InputValue{"document": doc}, erin, "not permitted"},
		{"nobody", map[string]mission.InputValue{"document": doc}, policy.Principal{}, "not permitted: nobody is signed in"},
	} {
		t.Run(row.name, func(t *testing.T) {
			id, err := w.engine.Start(context.Background(), engine.StartRequest{Mission: "invoice", Input: row.input, By: row.by})
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("Start = %q, %v; want an error with %q", id, err, row.want)
			}
		})
	}
	if _, err := w.engine.Start(context.Background(), engine.StartRequest{Mission: "nonsense", By: clara}); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("an unknown mission: %v, want ErrNotFound", err)
	}
	if runs, _, err := w.db.Runs(context.Background(), storeAll); err != nil || len(runs) != 0 {
		t.Errorf("%d runs were left behind (%v), want none", len(runs), err)
	}
}

func TestTheSameKeyMakesOneRun(t *testing.T) {
	w := newWorld(t, nil).start()
	r := w.request(invoice{}.String())
	r.Key = "order-4711"
	var wg sync.WaitGroup
	ids := make([]mission.RunID, 8)
	for i := range ids {
		wg.Go(func() {
			id, err := w.engine.Start(context.Background(), r)
			if err != nil {
				t.Errorf("start %d: %v", i, err)
			}
			ids[i] = id
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("ids %v, want one", ids)
		}
	}
	w.verdict(ids[0], mission.Approved)
	if id, err := w.engine.Start(context.Background(), r); err != nil || id != ids[0] {
		t.Errorf("again after the end: %s, %v; want %s", id, err, ids[0])
	}
	other := w.request(invoice{total: "1.00"}.String())
	other.Key = r.Key
	if _, err := w.engine.Start(context.Background(), other); !isConflict(err) {
		t.Errorf("other input under the same key: %v, want a conflict", err)
	}
	r.By = dave
	if _, err := w.engine.Start(context.Background(), r); !isConflict(err) {
		t.Errorf("somebody else under the same key: %v, want a conflict", err)
	}
}

func TestDecideSaysWhatIsWrong(t *testing.T) {
	w := newWorld(t, nil).start()
	id := w.submit(invoice{net: "10000.00", tax: "1900.00", total: "11900.00"}.String())
	w.until(id, kind(mission.KindQueued))
	amend := func(step, field, to string) engine.DecideRequest {
		return engine.DecideRequest{Outcome: mission.Amend, Reason: "r", Amendments: []mission.Amendment{{Step: step, Field: field, To: json.RawMessage(to)}}}
	}
	for _, row := range []struct {
		name string
		r    engine.DecideRequest
		want string
	}{
		{"an outcome that people do not have", engine.DecideRequest{Outcome: mission.Expire}, `outcome: "expire" is no outcome`},
		{"a rejection without a reason", engine.DecideRequest{Outcome: mission.Reject, Reason: "  "}, "reason: say why"},
		{"an amendment without a reason", engine.DecideRequest{Outcome: mission.Amend, Amendments: amend("invoice", "total_amount", `"1"`).Amendments}, "reason: say why"},
		{"an amendment of nothing", engine.DecideRequest{Outcome: mission.Amend, Reason: "r"}, "amendments: name at least one"},
		{"an approval with changes", engine.DecideRequest{Outcome: mission.Approve, Amendments: amend("invoice", "total_amount", `"1"`).Amendments}, "approve changes nothing"},
		{"a step that may not be amended", amend("sums", "held", "true"), `step "sums" may not be amended here; it may be: invoice, terms`},
		{"a field that is not there", amend("invoice", "colour", `"red"`), `step "invoice" has no field "colour"`},
		{"an amount in words", amend("invoice", "total_amount", `"a lot"`), "invoice.total_amount must be a decimal"},
		{"an amount with an exponent", amend("invoice", "total_amount", `1e9`), "invoice.total_amount must be a decimal"},
		{"a date that does not exist", amend("invoice", "invoice_date", `"2026-02-30"`), "invoice.invoice_date must be a date"},
		{"an unknown currency", amend("invoice", "currency", `"XXX"`), "invoice.currency must be one of EUR, USD, GBP, CHF"},
		{"a mistyped IBAN", amend("invoice", "iban", `"DE02120300000000202052"`), "invoice.iban is not an IBAN"},
		{"a field that must not be empty", amend("invoice", "total_amount", `null`), "invoice.total_amount must not be empty"},
		{"broken JSON", amend("invoice", "total_amount", `"1`), "invoice.total_amount is not valid JSON"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := w.decision(id, row.r)
			r.By = dave
			err := w.engine.Decide(context.Background(), r)
			var problems mission.Problems
			if !errors.As(err, &problems) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("Decide: %v, want problems with %q", err, row.want)
			}
		})
	}
	approve := w.decision(id, engine.DecideRequest{Outcome: mission.Approve, By: dave})
	for _, row := range []struct {
		name   string
		change func(*engine.DecideRequest)
		want   error
	}{
		{"who may only look", func(r *engine.DecideRequest) { r.By = erin }, mission.ErrForbidden},
		{"who saw something else", func(r *engine.DecideRequest) { r.Digest = "0" }, mission.ErrConflict},
		{"about an unknown decision", func(r *engine.DecideRequest) { r.Decision = "nonsense" }, mission.ErrNotFound},
		{"about an unknown run", func(r *engine.DecideRequest) { r.Run = "01ARZ3NDEKTSV4RRFFQ69G5FAV" }, mission.ErrNotFound},
	} {
		r := approve
		row.change(&r)
		if err := w.engine.Decide(context.Background(), r); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
	}
	if err := w.engine.Decide(context.Background(), approve); err != nil {
		t.Fatalf("approve: %v", err)
	}
	_, obs := w.verdict(id, mission.Approved)
	if n := count(obs, mission.KindDecided); n != 1 {
		t.Errorf("%d decided, want 1", n)
	}
	if err := w.engine.Decide(context.Background(), approve); !isConflict(err) {
		t.Errorf("after the end: %v, want a conflict", err)
	}
}

func TestOneOfManyDecidersWins(t *testing.T) {
	w := newWorld(t, nil).start()
	id := w.submit(invoice{net: "10000.00", tax: "1900.00", total: "11900.00"}.String())
	w.until(id, kind(mission.KindQueued))
	r := w.decision(id, engine.DecideRequest{Outcome: mission.Approve, By: dave})
	var wg sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		wg.Go(func() { errs[i] = w.engine.Decide(context.Background(), r) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !isConflict(err):
			t.Errorf("lost with %v, want a conflict", err)
		}
	}
	if won != 1 {
		t.Errorf("%d decided, want 1", won)
	}
	w.verdict(id, mission.Approved)
}

func TestCancelEndsARunWhateverItWaitsFor(t *testing.T) {
	for _, row := range []struct {
		name string
		text string
		wait mission.Kind
	}{
		{"people", invoice{net: "10000.00", tax: "1900.00", total: "11900.00"}.String(), mission.KindQueued},
		{"a model that is down", invoice{supplier: "Marlow Avionics"}.String(), mission.KindParked},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, nil).start()
			w.fleet.set("safe", "stopped")
			id := w.submit(row.text)
			w.until(id, kind(row.wait))
			if err := w.engine.Cancel(context.Background(), id, erin, "no"); !errors.Is(err, mission.ErrForbidden) {
				t.Errorf("by somebody who may only look: %v, want ErrForbidden", err)
			}
			if err := w.engine.Cancel(context.Background(), id, clara, "ordered twice"); err != nil {
				t.Fatal(err)
			}
			run, _ := w.verdict(id, mission.CancelledVerdict)
			if run.Verdict.Reason != "ordered twice" || run.Verdict.By == nil || run.Verdict.By.ID != "clara" {
				t.Errorf("verdict %+v, want by clara: ordered twice", run.Verdict)
			}
			if err := w.engine.Cancel(context.Background(), id, clara, ""); !isConflict(err) {
				t.Errorf("again: %v, want a conflict", err)
			}
		})
	}
}

func TestCancelStopsACallInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := fake(nil)
		entered := make(chan struct{}, 2)
		slow.Gate = gate(entered)
		w := newWorld(t, slow).start()
		id := w.submit(invoice{}.String())
		<-entered
		if err := w.engine.Cancel(context.Background(), id, clara, "too slow"); err != nil {
			t.Fatal(err)
		}
		_, obs := w.verdict(id, mission.CancelledVerdict)
		if n := count(obs, mission.KindFailed) + count(obs, mission.KindGenerated); n != 0 {
			t.Errorf("%d results after the cancellation\n%s", n, rail(obs))
		}
		w.stop()
		w.close()
	})
}

func TestAStoppedEngineRefuses(t *testing.T) {
	w := newWorld(t, nil).start()
	id := w.submit(invoice{net: "10000.00", tax: "1900.00", total: "11900.00"}.String())
	w.until(id, kind(mission.KindQueued))
	r := w.decision(id, engine.DecideRequest{Outcome: mission.Approve, By: dave})
	w.stop()
	if err := w.engine.Decide(context.Background(), r); !errors.Is(err, engine.ErrStopped) {
		t.Errorf("decide: %v, want ErrStopped", err)
	}
	if err := w.engine.Run(context.Background()); !errors.Is(err, engine.ErrStopped) {
		t.Errorf("run again: %v, want ErrStopped", err)
	}
}

func TestOneStarterDoesNotHoldUpAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := fake(nil)
		slow := make(chan struct{})
		p.Gate = func(ctx context.Context, _ gateRequest) error {
			select {
			case <-slow:
				time.Sleep(time.Second)
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		w := newWorld(t, p)
		w.config.MaxActive = 2
		w.start()
		var bulk []mission.RunID
		for range 20 {
			bulk = append(bulk, w.submit(invoice{}.String()))
		}
		r := w.request(invoice{}.String())
		r.By = dave
		single, err := w.engine.Start(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		close(slow)
		run, _ := w.verdict(single, mission.Approved)
		before := 0
		for _, id := range bulk {
			r, _ := w.verdict(id, mission.Approved)
			if r.UpdatedAt.Before(run.UpdatedAt) {
				before++
			}
		}
		if before > 6 {
			t.Errorf("%d of 20 runs of another starter came before the single one, want about 4", before)
		}
		w.stop()
		w.close()
	})
}
