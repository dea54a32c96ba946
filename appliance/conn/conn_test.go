package conn_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"skerry/appliance/conn"
	"skerry/appliance/tlsca"
)

// refuse is an answer that the tests know again.
func refuse(r conn.Refusal) []byte {
	body := fmt.Sprintf("secure %t, insecure %t", r.Secure, r.Insecure)
	return fmt.Appendf(nil, "HTTP/1.1 %d Refused\r\nX-Ours: 1\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", r.Status, len(body), body)
}

// served is a server behind a listener of ours.
type served struct {
	addr  string
	roots *x509.CertPool
	log   *bytes.Buffer
}

func serve(t *testing.T, secure bool, h http.HandlerFunc, change func(*conn.Options)) served {
	t.Helper()
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := served{addr: raw.Addr().String(), roots: x509.NewCertPool(), log: &bytes.Buffer{}}
	o := conn.Options{Refuse: refuse, Log: slog.New(slog.NewTextHandler(&locked{w: s.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if secure {
		ca, err := tlsca.New([]string{"localhost"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		text, err := ca.Issue([]string{"localhost"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tlsca.Load(text, text)
		if err != nil {
			t.Fatal(err)
		}
		s.roots.AddCert(ca.Certificate)
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{*pair}, NextProtos: []string{"http/1.1"}}
	}
	if change != nil {
		change(&o)
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 4 << 10, DisableGeneralOptionsHandler: true,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), ConnContext: conn.Context, ConnState: conn.State,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { conn.Answer(r); h(w, r) })}
	var serving sync.WaitGroup
	l := conn.Listen(raw, o)
	serving.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
	return s
}

type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func (s served) dial(t *testing.T, secure bool) net.Conn {
	t.Helper()
	var c net.Conn
	var err error
	if secure {
		c, err = tls.Dial("tcp", s.addr, &tls.Config{RootCAs: s.roots, ServerName: "localhost"})
	} else {
		c, err = net.Dial("tcp", s.addr)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func ask(t *testing.T, c net.Conn, text string) (*http.Response, string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%.80q: %v", text, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%.80q: %v", text, err)
	}
	return resp, string(b)
}

// malformed are requests that net/http refuses before any handler.
var malformed = []struct {
	name, text string
	status     int
}{
	{"headers that are too large", "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", 431},
	{"no request", "GARBAGE\r\n\r\n", 400},
	{"no host", "GET / HTTP/1.1\r\n\r\n", 400},
	{"a header that is none", "GET / HTTP/1.1\r\nHost: localhost\r\nA B: c\r\n\r\n", 400},
	{"another version", "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", 505},
	{"another coding", "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
	{"another expectation", "POST / HTTP/1.1\r\nHost: localhost\r\nExpect: the-unexpected\r\nContent-Length: 1\r\n\r\n", 417},
}

// TestRefusals: what net/http refuses by itself is refused in our form, over TLS
// and without, on a new connection and on one that was used.
func TestRefusals(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := serve(t, secure, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") }, nil)
		for _, row := range malformed {
			for _, used := range []bool{false, true} {
				c := s.dial(t, secure)
				if used {
					if resp, body := ask(t, c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); resp.StatusCode != http.StatusOK || body != "fine" || resp.Header.Get("X-Ours") != "" {
						t.Fatalf("a good request: %d %q %v", resp.StatusCode, body, resp.Header)
					}
				}
				resp, body := ask(t, c, row.text)
				if resp.StatusCode != row.status || resp.Header.Get("X-Ours") != "1" || body != fmt.Sprintf("secure %t, insecure false", secure) {
					t.Errorf("%s, over TLS %t, used %t: %d %v %q, want %d in our form", row.name, secure, used, resp.StatusCode, resp.Header, body, row.status)
				}
			}
		}
	}
}

// TestRefusalsNegativeControl: without us these answers lack what the test above
// looks for.
func TestRefusalsNegativeControl(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{MaxHeaderBytes: 4 << 10, Handler: http.NotFoundHandler(), ReadHeaderTimeout: 10 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() { _ = server.Close(); serving.Wait() })
	for _, row := range malformed {
		if resp, _ := ask(t, served{addr: l.Addr().String()}.dial(t, false), row.text); resp.StatusCode != row.status || resp.Header.Get("X-Ours") != "" {
			t.Errorf("%s: %d %v", row.name, resp.StatusCode, resp.Header)
		}
	}
}

// TestAnswersPass: an answer of a handler is not touched, even where it looks
// like a refusal and is written in many pieces, nor what comes before it.
func TestAnswersPass(t *testing.T) {
	const evil = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"
	want := strings.Repeat(evil, 2000)
	s := serve(t, true, func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || r.TLS == nil || r.TLS.Version != tls.VersionTLS13 {
			http.Error(w, fmt.Sprint(err, r.TLS), http.StatusTeapot)
			return
		}
		for range 2000 {
			_, _ = w.Write([]byte(evil))
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = w.Write(got)
	}, nil)
	c := s.dial(t, true)
	for range 3 {
		r, err := http.NewRequest(http.MethodPost, "https://localhost/", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Expect", "100-continue")
		if err := r.Write(c); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(c)
		resp, err := http.ReadResponse(in, r)
		if err == nil && resp.StatusCode == http.StatusContinue {
			resp, err = http.ReadResponse(in, r)
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || string(b) != want+"hello" {
			t.Fatalf("%d, %d bytes, %v", resp.StatusCode, len(b), err)
		}
	}
}

// TestPlainHTTP: who forgets the s in https is told, however much they send.
func TestPlainHTTP(t *testing.T) {
	s := serve(t, true, func(w http.ResponseWriter, _ *http.Request) {}, nil)
	for _, size := range []int{0, 60 << 10} {
		resp, body := ask(t, s.dial(t, false), "POST / HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", size)+"\r\n\r\n")
		if resp.StatusCode != http.StatusBadRequest || resp.Header.Get("X-Ours") != "1" || body != "secure false, insecure true" {
			t.Errorf("%d bytes: %d %v %q", size, resp.StatusCode, resp.Header, body)
		}
	}
}

// TestSlowHandshake: who does not begin, or does not go on, is cut off in time.
func TestSlowHandshake(t *testing.T) {
	s := serve(t, true, func(w http.ResponseWriter, _ *http.Request) {}, func(o *conn.Options) { o.Handshake = 100 * time.Millisecond })
	for _, first := range []string{"", "\x16", "\x16\x03\x01\x02\x00\x01", "GET "} {
		c := s.dial(t, false)
		if _, err := io.WriteString(c, first); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%q: %v", first, err)
		}
		if d := time.Since(start); d > 15*time.Second {
			t.Errorf("%q: cut off after %s", first, d)
		}
	}
}

// TestBounds: of one address so many connections are taken in and no more, of
// others still some, and of all so many; each that closes makes room.
func TestBounds(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := serve(t, secure, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") }, func(o *conn.Options) { o.Most, o.Share = 5, 3 })
		from := func(ip string) (net.Conn, error) {
			c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}).DialContext(context.Background(), "tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			if secure {
				c = tls.Client(c, &tls.Config{RootCAs: s.roots, ServerName: "localhost"})
			}
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
				return c, err
			}
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				return c, err
			}
			return c, resp.Body.Close()
		}
		open := map[string]net.Conn{}
		for _, row := range []struct {
			ip string
			ok bool
		}{{"127.0.0.1", true}, {"127.0.0.1", true}, {"127.0.0.1", true}, {"127.0.0.1", false}, {"127.0.0.2", true}, {"127.0.0.3", true}, {"127.0.0.4", false}} {
			c, err := from(row.ip)
			if (err == nil) != row.ok {
				t.Errorf("over TLS %t, from %s: %v, want let in %t", secure, row.ip, err, row.ok)
			}
			if err == nil {
				open[row.ip] = c
			}
		}
		_ = open["127.0.0.1"].Close()
		for tries := 0; ; tries++ { // the server learns of it in a moment
			_, err := from("127.0.0.4")
			if err == nil {
				break
			}
			if tries == 1000 {
				t.Fatalf("over TLS %t: no room after one has closed: %v", secure, err)
			}
		}
	}
}

// TestClose: closing does not wait for who has not shaken hands yet.
func TestClose(t *testing.T) {
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := conn.Listen(raw, conn.Options{Refuse: refuse, TLS: &tls.Config{}, Handshake: time.Hour})
	c := served{addr: raw.Addr().String()}.dial(t, false)
	if _, err := io.WriteString(c, "\x16\x03"); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("a closed listener accepts")
	}
	if b, err := io.ReadAll(c); err == nil && len(b) > 0 {
		t.Errorf("the other end got %q", b)
	}
}
