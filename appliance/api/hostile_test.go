package api_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
)

// TestUnfinishedBodies: nobody keeps a connection by announcing a body that
// never comes, whatever answer the request would get, and whether or not that
// answer needs the body.
func TestUnfinishedBodies(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.BodyTime = 50 * time.Millisecond })
	server := httptest.NewServer(s.api)
	t.Cleanup(server.Close)
	t.Cleanup(s.api.Close)
	const promise = "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
	for _, row := range []struct{ name, head string }{
		{"a start by nobody", "POST /api/v1/missions/invoice/runs HTTP/1.1\r\nHost: localhost\r\n"},
		{"a sign-in", "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\n"},
		{"a read with a body", "GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n"},
		{"a page with a body", "GET / HTTP/1.1\r\nHost: localhost\r\n"},
		{"a page that is posted to", "POST / HTTP/1.1\r\nHost: localhost\r\n"},
		{"another host name", "POST /x HTTP/1.1\r\nHost: elsewhere.example\r\n"},
		{"another origin", "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nOrigin: http://elsewhere.example\r\n"},
		{"no such path", "POST /api/v1/nothing HTTP/1.1\r\nHost: localhost\r\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, row.head+promise); err != nil {
				t.Fatal(err)
			}
			if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, c); err != nil {
				t.Errorf("the connection is still there: %v", err)
			}
		})
	}
}

// TestStreamOutlivesItsBody: the bound on bodies does not end an event stream
// whose request had one.
func TestStreamOutlivesItsBody(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.BodyTime, c.Heartbeat = 50*time.Millisecond, 20*time.Millisecond })
	server := httptest.NewServer(s.api)
	t.Cleanup(server.Close)
	t.Cleanup(s.api.Close)
	cookie, _ := s.signIn(ada)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v1/events", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: s.api.CookieName(), Value: cookie})
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	// Ten heartbeats are four times as long as the body may take.
	buffer, beats := make([]byte, 512), 0
	for beats < 10 {
		n, err := resp.Body.Read(buffer)
		beats += strings.Count(string(buffer[:n]), ": beat")
		if err != nil {
			t.Fatalf("the stream ended after %d heartbeats: %v", beats, err)
		}
	}
}

// TestOneJSONValue: what stands behind the JSON of a start is not passed over.
func TestOneJSONValue(t *testing.T) {
	s := newSite(t)
	const one = `{"input":{"document":{"value":"Invoice"}}}`
	for _, row := range []struct {
		name, body string
		want       int
	}{
		{"one value", one, 202},
		{"white space behind it", one + " \n", 202},
		{"words behind it", one + " and more", 422},
		{"another value behind it", one + one, 422},
		{"a list", `[1]`, 422},
	} {
		w := s.do(ask{as: ada, method: "POST", path: "/api/v1/missions/invoice/runs", body: row.body, header: map[string]string{"Content-Type": "application/json"}})
		if w.Code != row.want {
			t.Errorf("%s: got %d, want %d: %s", row.name, w.Code, row.want, w.Body)
		}
		if strings.Contains(w.Body.String(), ":  ") {
			t.Errorf("%s: a hole in %s", row.name, w.Body)
		}
	}
}

// full is a blob store on a disk that is full.
type full struct{ api.Blobs }

func (full) Put(context.Context, io.Reader, int64) (string, int64, error) {
	return "", 0, fmt.Errorf("put blob: %w", &os.PathError{Op: "write", Path: "/data/put-1", Err: syscall.ENOSPC})
}

// TestFullDisk: a full disk is no fault of the appliance, and says what to do
// without saying where its files are.
func TestFullDisk(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Blobs = full{c.Blobs} })
	w := s.startForm("", part{"input.document", "a.txt", "Invoice"})
	wantProblem(t, "start", w, http.StatusInsufficientStorage)
	if !strings.Contains(w.Body.String(), "full") || strings.Contains(w.Body.String(), "/data") {
		t.Errorf("%s", w.Body)
	}
}

// TestNamesWithControlCharacters: a file can be handed in whatever a shell let
// somebody call it.
func TestNamesWithControlCharacters(t *testing.T) {
	s := newSite(t)
	c := s.serve(s.api)
	for _, row := range []struct{ name, want string }{
		{"a\x1b[31mred.txt", "a[31mred.txt"},
		{"new\nline.txt", "newline.txt"},
		{"return\r.txt", "return.txt"},
		{"tab\tdel\x7f.txt", "tabdel.txt"},
		{"csi\u009b1m.txt", "csi1m.txt"},
		{"quote\"back\\slash.txt", "slash.txt"},
		{"not\xffutf8.txt", "notutf8.txt"},
	} {
		run, err := c.StartRun(t.Context(), client.Start{Mission: "invoice",
			Files: map[string]client.File{"document": {Name: row.name, Content: strings.NewReader("Invoice")}}})
		if err != nil {
			t.Errorf("%q: %v", row.name, err)
		} else if run.Subject != row.want {
			t.Errorf("%q: the run is about %q, want %q", row.name, run.Subject, row.want)
		}
	}
}

// crowd counts how many documents are taken in at once.
type crowd struct {
	api.Blobs
	mu        sync.Mutex
	now, most int
}

func (c *crowd) Put(ctx context.Context, r io.Reader, limit int64) (string, int64, error) {
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	runtime.Gosched()
	digest, size, err := c.Blobs.Put(ctx, r, limit)
	c.mu.Lock()
	c.now--
	c.mu.Unlock()
	return digest, size, err
}

// TestLargeJSONWaits: documents in JSON, which are held in memory whole, come
// in a few at a time, however many are sent; none is refused.
func TestLargeJSONWaits(t *testing.T) {
	var blobs *crowd
	s := newSite(t, func(c *api.Config) {
		blobs = &crowd{Blobs: c.Blobs}
		c.Blobs, c.MaxUploadBytes = blobs, 4<<20
	})
	body := `{"input":{"document":{"value":"` + strings.Repeat("Invoice ", 256<<10) + `"}}}`
	var all sync.WaitGroup
	codes := make([]int, 16)
	for i := range codes {
		all.Go(func() {
			codes[i] = s.do(ask{as: ada, method: "POST", path: "/api/v1/missions/invoice/runs", body: body}).Code
		})
	}
	all.Wait()
	for _, code := range codes {
		if code != http.StatusAccepted {
			t.Errorf("a start got %d, want 202", code)
		}
	}
	if blobs.most > 2 {
		t.Errorf("%d large bodies were in memory at once, want 2 at most", blobs.most)
	}
}
