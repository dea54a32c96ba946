// Package conn takes in connections from the network before anybody speaks HTTP
// on them: it bounds how many there are, in all and of one address, shakes hands
// over TLS within a time, answers who speaks plain HTTP where TLS is spoken, and
// gives the refusals that net/http writes by itself, which no handler sees, the
// form and the headers of all others. It knows nothing of what is served. Start
// with [Listen]; a server that serves a [Listener] needs [State] and [Context],
// and its handler has to begin with [Answer].
package conn

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how connections are taken in. Refuse must be set.
type Options struct {
	TLS       *tls.Config   // nil = plain
	Most      int           // connections at once; 0 = 1,024
	Share     int           // of one address, or one /64 of IPv6; 0 = a quarter of Most
	Handshake time.Duration // for the handshake, and for the first byte before it; 0 = 10 s

	// Refuse returns a whole HTTP/1.1 answer.
	Refuse func(Refusal) []byte
	Log    *slog.Logger // nil = nowhere
}

// Refusal is why a request is refused that no handler sees.
type Refusal struct {
	Status   int  // HTTP status
	Secure   bool // the answer goes over TLS
	Insecure bool // the request was plain HTTP, where TLS is spoken
}

// Listener accepts connections that are ready to be served. It implements
// [net.Listener].
type Listener struct {
	net.Listener
	o      Options
	ready  chan accepted
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	open    int                  // guarded by mu
	by      map[netip.Prefix]int // guarded by mu
	refused int                  // since said; guarded by mu
	said    time.Time            // guarded by mu
}

type accepted struct {
	net.Conn
	err error
}

// Listen takes l over.
func Listen(l net.Listener, o Options) *Listener {
	if o.Most == 0 {
		o.Most = 1024
	}
	if o.Share == 0 {
		o.Share = max(1, o.Most/4)
	}
	if o.Handshake == 0 {
		o.Handshake = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	n := &Listener{Listener: l, o: o, ready: make(chan accepted), by: map[netip.Prefix]int{}}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.work.Go(n.accept)
	return n
}

// Accept implements [net.Listener].
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case a := <-l.ready:
		return a.Conn, a.err
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close stops listening and ends the handshakes that are under way. Connections
// that were accepted stay.
func (l *Listener) Close() error {
	l.cancel()
	err := l.Listener.Close()
	l.work.Wait()
	return err
}

// accept runs until the listener beneath fails for good.
func (l *Listener) accept() {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			if !l.deliver(accepted{err: err}) {
				return
			}
			// The server waits before it asks again after a fault that passes; after
			// any other it closes.
			continue
		}
		release, ok := l.take(raw.RemoteAddr())
		if !ok {
			_ = raw.Close() // nobody is told: that would take a connection
			continue
		}
		l.work.Go(func() { l.admit(raw, release) })
	}
}

// deliver hands a connection or an error to Accept; false = nobody asks any more.
func (l *Listener) deliver(a accepted) bool {
	select {
	case l.ready <- a:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// admit makes a raw connection ready, or ends it.
func (l *Listener) admit(raw net.Conn, release func()) {
	c := &Conn{Conn: raw, refuse: l.o.Refuse, release: release}
	var out net.Conn = c
	if l.o.TLS != nil {
		t, err := l.shake(raw)
		if err != nil {
			// About what strangers do to a connection, so it is of little weight.
			l.o.Log.Debug("tls", "remote", raw.RemoteAddr().String(), "err", err)
			_ = c.Close()
			return
		}
		c.Conn, c.secure = t, true
		out = &tlsConn{c, t}
	}
	c.began = time.Now()
	if !l.deliver(accepted{Conn: out}) {
		_ = c.Close()
	}
}

// take counts a connection; release takes it off again.
func (l *Listener) take(from net.Addr) (release func(), ok bool) {
	who := block(from)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.o.Most || l.by[who] >= l.o.Share {
		l.refused++
		if now := time.Now(); now.Sub(l.said) >= time.Minute {
			l.o.Log.Warn("connections are refused, because there are too many", "open", l.open, "of this address", l.by[who], "address", who.String(), "refused", l.refused)
			l.said, l.refused = now, 0
		}
		return nil, false
	}
	l.open++
	l.by[who]++
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.open--
		if l.by[who]--; l.by[who] == 0 {
			delete(l.by, who)
		}
	}), true
}

// block is what counts as one address: an IPv4 address, or the /64 of an IPv6
// one, which is what one host or one home has (RFC 6177).
func block(a net.Addr) netip.Prefix {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Prefix{}
	}
	ip, bits := p.Addr().Unmap().WithZone(""), 64
	if ip.Is4() {
		bits = 32
	}
	block, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return block
}

// Conn is a connection that was taken in.
type Conn struct {
	net.Conn
	refuse    func(Refusal) []byte
	release   func()
	secure    bool
	began     time.Time   // when it was ready: over TLS, when the handshake had ended
	answering atomic.Bool // a handler has the request; what is written is its answer
	refused   atomic.Bool // no handler had it, and the answer is written
}

// tlsConn is a Conn of which net/http can tell that it is one over TLS.
type tlsConn struct {
	*Conn
	tls *tls.Conn
}

// ConnectionState tells net/http what to set [http.Request.TLS] to.
func (c *tlsConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

func (c *Conn) base() *Conn { return c }

// Close closes the connection; another may come in its place.
func (c *Conn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// CloseWrite ends what is sent, so that net/http can wait for the other end to
// read it.
func (c *Conn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// Write writes answers of handlers as they are. What net/http writes while no
// handler has a request is a refusal of its own; ours is written in its place.
func (c *Conn) Write(b []byte) (int, error) {
	if c.answering.Load() {
		return c.Conn.Write(b)
	}
	if c.refused.Swap(true) {
		return len(b), nil // the rest of it
	}
	_, err := c.Conn.Write(c.refuse(Refusal{Status: statusOf(b), Secure: c.secure}))
	return len(b), err
}

// statusOf reads the status line of an answer of net/http's.
func statusOf(b []byte) int {
	const before = len("HTTP/1.1 ")
	status := 0
	for i := before; i < before+3; i++ {
		if len(b) <= i || b[i] < '0' || b[i] > '9' {
			return http.StatusBadRequest
		}
		status = status*10 + int(b[i]-'0')
	}
	if status < 400 || status > 599 {
		return http.StatusBadRequest
	}
	return status
}

type connKey struct{}

// Context is for [http.Server.ConnContext].
func Context(ctx context.Context, c net.Conn) context.Context {
	if b, ok := c.(interface{ base() *Conn }); ok {
		return context.WithValue(ctx, connKey{}, b.base())
	}
	return ctx
}

// Began returns when the connection of a request was ready, over TLS when the
// handshake had ended; zero if it is none of ours.
func Began(ctx context.Context) time.Time {
	if c, ok := ctx.Value(connKey{}).(*Conn); ok {
		return c.began
	}
	return time.Time{}
}

// State is for [http.Server.ConnState]: an answer has ended when the connection
// is idle again.
func State(c net.Conn, s http.ConnState) {
	if b, ok := c.(interface{ base() *Conn }); ok && s == http.StateIdle {
		b.base().answering.Store(false)
	}
}

// Answer says that a handler has the request from now on.
func Answer(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*Conn); ok {
		c.answering.Store(true)
	}
}
