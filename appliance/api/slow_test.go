package api_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"skerry/appliance/api"
)

// closing serves s with the limits of production but for change, and tells when
// the server has closed a connection.
func closing(t *testing.T, s *site, change func(*http.Server)) (address string, closed <-chan struct{}) {
	t.Helper()
	server := httptest.NewUnstartedServer(s.api)
	server.Config = api.NewServer(s.api)
	gone := make(chan struct{}, 10)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			gone <- struct{}{}
		}
	}
	change(server.Config)
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(s.api.Close)
	return server.Listener.Addr().String(), gone
}

func within(t *testing.T, what string, closed <-chan struct{}) {
	t.Helper()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Errorf("%s: the server keeps the connection", what)
	}
}

// TestSlowHeaders: who sends headers a byte at a time is cut off, however lively
// that is.
func TestSlowHeaders(t *testing.T) {
	s := newSite(t)
	address, closed := closing(t, s, func(h *http.Server) {
		if h.ReadHeaderTimeout <= 0 || h.ReadHeaderTimeout > 10*time.Second || h.IdleTimeout <= 0 || h.IdleTimeout > 2*time.Minute || h.MaxHeaderBytes > 32<<10 {
			t.Errorf("the limits of production are %s, %s, %d", h.ReadHeaderTimeout, h.IdleTimeout, h.MaxHeaderBytes)
		}
		h.ReadHeaderTimeout = 100 * time.Millisecond
	})
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			text := "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 1<<20)
			if _, err := io.WriteString(c, text[i:i+1]); err != nil {
				return
			}
			time.Sleep(time.Millisecond) // an attacker's pace, which nothing waits for
		}
	}()
	within(t, "headers, byte by byte", closed)
	<-stopped
}

// TestSlowReader: who does not read the answer is cut off. The negative control is
// a reader who does, where the time is what it usually is.
func TestSlowReader(t *testing.T) {
	large := strings.Repeat("x", 32<<20) // more than the kernel keeps
	get := func(answer time.Duration) (net.Conn, <-chan struct{}) {
		s := newSite(t, func(c *api.Config) {
			c.AnswerTime = answer
			c.UI = fstest.MapFS{"assets/large.js": {Data: []byte(large)}, "index.html": {}}
		})
		address, closed := closing(t, s, func(*http.Server) {})
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := io.WriteString(c, "GET /assets/large.js HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		return c, closed
	}
	slow, closed := get(time.Second)
	within(t, "nothing is read", closed)
	if n, err := io.Copy(io.Discard, slow); n >= int64(len(large)) {
		t.Errorf("the answer went out whole: %v", err)
	}
	quick, _ := get(0)
	resp, err := http.ReadResponse(bufio.NewReader(quick), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); n != int64(len(large)) || err != nil {
		t.Errorf("negative control, a quick reader: %d of %d bytes, %v", n, len(large), err)
	}
}
