package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// shake shakes hands, or says why not; raw is open still.
func (l *Listener) shake(raw net.Conn) (*tls.Conn, error) {
	// When the listener is closed, so are those who are not in yet.
	stop := closeWith(l, raw)
	defer stop()
	if err := raw.SetDeadline(time.Now().Add(l.o.Handshake)); err != nil {
		return nil, err
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(raw, first); err != nil {
		return nil, err
	}
	if looksLikeHTTP(first[0]) {
		return nil, l.plain(raw)
	}
	t := tls.Server(&begun{raw, first}, l.o.TLS)
	if err := t.HandshakeContext(l.ctx); err != nil {
		return nil, err
	}
	return t, raw.SetDeadline(time.Time{})
}

// looksLikeHTTP reports whether a connection that begins with b is one of plain
// HTTP: methods are capital letters, and TLS begins with a record of the type
// handshake, 22 (RFC 8446, section 5.1).
func looksLikeHTTP(b byte) bool { return b >= 'A' && b <= 'Z' }

var errPlain = errors.New("plain HTTP, where TLS is spoken")

// lingerBytes and lingerTime bound what is read of a plain request: a connection
// that is closed with bytes unread is reset, and its answer is lost.
const (
	lingerBytes = 64 << 10
	lingerTime  = time.Second
)

// plain answers plain HTTP. Nothing of the request is looked at.
func (l *Listener) plain(raw net.Conn) error {
	if _, err := raw.Write(l.o.Refuse(Refusal{Status: http.StatusBadRequest, Insecure: true})); err != nil {
		return err
	}
	if w, ok := raw.(interface{ CloseWrite() error }); ok {
		if err := w.CloseWrite(); err != nil {
			return err
		}
	}
	if err := raw.SetReadDeadline(time.Now().Add(lingerTime)); err != nil {
		return err
	}
	_, _ = io.CopyN(io.Discard, raw, lingerBytes) // it ends somehow
	return errPlain
}

// begun is a connection of which the first bytes were read already.
type begun struct {
	net.Conn
	first []byte
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.first) == 0 {
		return b.Conn.Read(p)
	}
	n := copy(p, b.first)
	b.first = b.first[n:]
	return n, nil
}

// CloseWrite implements what [Conn.CloseWrite] asks for.
func (b *begun) CloseWrite() error {
	if w, ok := b.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// closeWith closes raw when the listener closes, until stop is called.
func closeWith(l *Listener, raw net.Conn) (stop func() bool) {
	return context.AfterFunc(l.ctx, func() { _ = raw.Close() })
}
