package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/store/storetest"
)

// serve starts the API on a local socket, as its owner, and returns a client.
// Everything that serves has ended when the test ends.
func (s *site) serve(h http.Handler) *client.Client {
	s.t.Helper()
	socket := filepath.Join(s.t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		s.t.Fatal(err)
	}
	server := api.NewServer(h)
	server.RegisterOnShutdown(s.api.Close)
	server.ConnContext = func(ctx context.Context, _ net.Conn) context.Context { return api.WithPrincipal(ctx, ada) }
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	c := client.New(socket)
	s.t.Cleanup(func() {
		c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			s.t.Errorf("shutdown: %v", err)
		}
		<-done
	})
	return c
}

// long adds n observations to a run that never comes further.
func long(r *storetest.Run, n int) *storetest.Run {
	for range n {
		r.Add(mission.Observation{Kind: mission.KindResumed, Resumed: &mission.ResumedData{Why: "restart"}})
	}
	return r
}

// cutting breaks every event stream after some bytes.
type cutting struct {
	http.Handler
	after int
	cuts  atomic.Int32
}

func (c *cutting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/events") {
		w = &cut{ResponseWriter: w, left: c.after, c: c}
	}
	c.Handler.ServeHTTP(w, r)
}

type cut struct {
	http.ResponseWriter
	left int
	c    *cutting
}

func (c *cut) Write(b []byte) (int, error) {
	if c.left -= len(b); c.left < 0 {
		c.c.cuts.Add(1)
		panic(http.ErrAbortHandler)
	}
	return c.ResponseWriter.Write(b)
}

func (c *cut) Unwrap() http.ResponseWriter { return c.ResponseWriter }
func (c *cut) Flush()                      { c.ResponseWriter.(http.Flusher).Flush() }

// TestWatchResumes: however often the stream breaks while the run goes on, the
// reader sees every observation once, in order, up to the verdict.
func TestWatchResumes(t *testing.T) {
	s := newSite(t)
	run := storetest.New(1, storetest.Epoch, "invoice", "")
	s.put(run)
	h := &cutting{Handler: s.api, after: 3000}
	c := s.serve(h)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	writer := make(chan struct{})
	go func() {
		defer close(writer)
		for range 40 {
			long(run, 5)
			s.put(run)
		}
		run.Classified("internal").Verdict("approved")
		s.put(run)
	}()
	var want uint64
	for e, err := range c.Watch(ctx, run.ID(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if want++; e.Seq != want || e.Sentence == "" {
			t.Fatalf("got observation %d %q, want %d", e.Seq, e.Sentence, want)
		}
	}
	<-writer
	if want != 203 {
		t.Errorf("saw %d observations, want 203", want)
	}
	if h.cuts.Load() < 3 {
		t.Errorf("the stream broke %d times; the test shows nothing", h.cuts.Load())
	}
	n := 0
	for range c.Watch(ctx, run.ID(), 203) {
		n++
	}
	if n != 0 {
		t.Errorf("%d observations behind the verdict", n)
	}
}

// stream reads an event stream as it comes over the wire.
type stream struct {
	resp *http.Response
	r    *bufio.Reader
}

// open starts an event stream at the server for a session.
func open(t *testing.T, server *httptest.Server, path, cookie string) *stream {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "skerry_session", Value: cookie})
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return &stream{resp, bufio.NewReader(resp.Body)}
}

// next returns the next event, or io.EOF; comments are passed over.
func (s *stream) next() (event, data string, err error) {
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		line = strings.TrimSuffix(line, "\n")
		if v, ok := strings.CutPrefix(line, "event: "); ok {
			event = v
		}
		if v, ok := strings.CutPrefix(line, "data: "); ok {
			data = v
		}
		if line == "" && event != "" {
			return event, data, nil
		}
	}
}

// TestStreamEndsWithTheSession: who is signed out hears nothing more.
func TestStreamEndsWithTheSession(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Heartbeat = 5 * time.Millisecond })
	run := long(storetest.New(1, storetest.Epoch, "invoice", ""), 3)
	s.put(run)
	server := httptest.NewServer(s.api)
	t.Cleanup(server.Close)
	cookie, csrf := s.signIn(ada)
	in := open(t, server, "/api/v1/runs/"+string(run.ID())+"/events?after=1&lang=de", cookie)
	if got := in.resp.Header.Get("Content-Type"); in.resp.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("%d %s", in.resp.StatusCode, got)
	}
	for want := uint64(2); want <= 4; want++ {
		name, data, err := in.next()
		var e api.RailEvent
		if err == nil {
			err = json.Unmarshal([]byte(data), &e)
		}
		if err != nil || name != "observation" || e.Seq != want {
			t.Fatalf("got %s %s %v, want observation %d", name, data, err, want)
		}
	}
	if w := s.do(ask{method: "DELETE", path: "/api/v1/session", cookie: cookie, header: map[string]string{"X-CSRF-Token": csrf}}); w.Code != 204 {
		t.Fatalf("sign out: %d", w.Code)
	}
	if name, _, err := in.next(); err == nil {
		t.Errorf("got %s after signing out", name)
	}
}

// TestStreamsEndAtClose: an appliance that stops does not wait for readers.
func TestStreamsEndAtClose(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := newSite(t)
	run := storetest.New(1, storetest.Epoch, "invoice", "")
	s.put(run)
	server := httptest.NewServer(s.api)
	cookie, _ := s.signIn(ada)
	one, all := open(t, server, "/api/v1/runs/"+string(run.ID())+"/events", cookie), open(t, server, "/api/v1/events", cookie)
	for _, in := range []*stream{one, all} {
		if _, _, err := in.next(); err != nil {
			t.Fatal(err)
		}
	}
	s.api.Close()
	for _, in := range []*stream{one, all} {
		if name, _, err := in.next(); err == nil {
			t.Errorf("got %s after Close", name)
		}
	}
	server.Close()
	server.Client().CloseIdleConnections()
	goleak.VerifyNone(t, before, goleak.IgnoreTopFunction("skerry/store.(*DB).commitLoop"))
}

// TestStreamsAreCounted: one caller cannot hold all the streams there are.
func TestStreamsAreCounted(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.MaxStreams = 2 })
	server := httptest.NewServer(s.api)
	t.Cleanup(server.Close)
	t.Cleanup(s.api.Close)
	cookie, _ := s.signIn(ada)
	for _, want := range []int{200, 200, 429} {
		if got := open(t, server, "/api/v1/events", cookie).resp.StatusCode; got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	other, _ := s.signIn(policy.Principal{ID: "bea", Roles: []string{policy.Viewer}})
	if got := open(t, server, "/api/v1/events", other).resp.StatusCode; got != 200 {
		t.Errorf("somebody else: %d", got)
	}
}

// TestLocalStreamsAreNotCounted: a command line that follows many runs at once
// is not cut off. Whoever may open the local socket could do worse.
func TestLocalStreamsAreNotCounted(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.MaxStreams = 2 })
	server := httptest.NewUnstartedServer(s.api)
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context { return api.WithPrincipal(ctx, ada) }
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(s.api.Close)
	for i := range 20 {
		if got := open(t, server, "/api/v1/events", "").resp.StatusCode; got != 200 {
			t.Fatalf("stream %d: got %d, want 200", i+1, got)
		}
	}
}

// TestLiveEvents: lists hear of changes, the latest of each run, and of counts
// only when they differ.
func TestLiveEvents(t *testing.T) {
	s := newSite(t)
	server := httptest.NewServer(s.api)
	t.Cleanup(server.Close)
	t.Cleanup(s.api.Close)
	cookie, _ := s.signIn(ada)
	in := open(t, server, "/api/v1/events", cookie)
	if name, data, err := in.next(); err != nil || name != "counts" || !strings.Contains(data, `"openDecisions":0`) {
		t.Fatalf("at the start: %s %s %v", name, data, err)
	}
	run := built(1)
	s.put(run)
	name, data, err := in.next()
	if err != nil || name != "run" || !strings.Contains(data, fmt.Sprintf(`"id":%q`, run.ID())) || !strings.Contains(data, `"state":"waiting"`) {
		t.Fatalf("a run: %s %s %v", name, data, err)
	}
	if name, data, err := in.next(); err != nil || name != "counts" || !strings.Contains(data, `"openDecisions":1`) || !strings.Contains(data, `"waiting":1`) {
		t.Fatalf("counts: %s %s %v", name, data, err)
	}
}

// TestLastEventID: garbage is refused, and a run that has ended says so.
func TestLastEventID(t *testing.T) {
	s := newSite(t)
	run := built(1).Decided("d-1", "approve").Verdict("approved")
	s.put(run)
	path := "/api/v1/runs/" + string(run.ID()) + "/events"
	wantProblem(t, "garbage", s.do(ask{as: ada, path: path, header: map[string]string{"Last-Event-ID": "x"}}), 422)
	wantProblem(t, "a run that is not there", s.do(ask{as: ada, path: "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/events"}), 404)
	if w := s.do(ask{as: ada, path: path, header: map[string]string{"Last-Event-ID": fmt.Sprint(run.Fold.Seq)}}); w.Code != 204 {
		t.Errorf("behind the verdict: %d", w.Code)
	}
	w := s.do(ask{as: ada, path: path, header: map[string]string{"Last-Event-ID": fmt.Sprint(run.Fold.Seq - 1)}})
	if got := w.Body.String(); !strings.Contains(got, fmt.Sprintf("id: %d\nevent: observation\ndata: {", run.Fold.Seq)) || !strings.HasSuffix(got, "event: end\ndata: {\"why\":\"the run has ended\"}\n\n") || strings.Count(got, "event: ") != 2 {
		t.Errorf("before the verdict: %q", got)
	}
}
