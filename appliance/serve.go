package appliance

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"skerry/appliance/api"
	"skerry/appliance/audit"
)

// Address is where a served appliance can be reached.
type Address struct {
	URL    string // of the web UI; empty = local socket only
	Socket string // path of the local socket
}

// Times that bound the beginning and the end of Serve.
const (
	settleTimeout   = 5 * time.Second  // models that start slower join later
	shutdownTimeout = 10 * time.Second // requests that take longer are cut off
)

// Serve drives runs and answers requests until ctx ends, then stops cleanly:
// calls in flight are cancelled and are repeated after the next start. ready is
// called once, when requests are answered. Serve may be called once.
func (a *Appliance) Serve(ctx context.Context, ready func(Address)) error {
	socket, err := listenLocal(filepath.Join(a.Config.Data, SocketFile))
	if err != nil {
		return err
	}
	listeners := []net.Listener{socket}
	address := Address{Socket: filepath.Join(a.Config.Data, SocketFile)}
	if a.Config.Listen != "" {
		l, err := a.listen()
		if err != nil {
			return errors.Join(err, socket.Close())
		}
		listeners = append(listeners, l)
		scheme := "http"
		if a.Config.TLS != nil {
			scheme = "https"
		}
		address.URL = scheme + "://" + l.Addr().String()
		a.url.Store(&address.URL)
	}

	// The models live a little longer than the engine: it cancels its calls,
	// and Close stops the models.
	if err := a.models.Start(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := a.record(audit.Record{Action: "appliance.started", Object: BuildVersion().Version}); err != nil {
		return err
	}
	var watching sync.WaitGroup
	watching.Go(func() { a.watchAudit(ctx, cancel) })
	watching.Go(func() { a.space.watch(ctx) })
	stopped := make(chan error, len(listeners)+1)
	go func() {
		settle, done := context.WithTimeout(ctx, settleTimeout)
		a.models.Settle(settle)
		done()
		debug.FreeOSMemory() // unpacking the runner has left garbage that an idle process would keep
		stopped <- a.engine.Run(ctx)
	}()
	server := api.NewServer(a.api)
	server.Handler = a.whenClaimed(a.api)
	server.ConnContext = identify
	for _, l := range listeners {
		go func() {
			err := server.Serve(l)
			if errors.Is(err, http.ErrServerClosed) {
				err = nil
			} else {
				cancel(err)
			}
			stopped <- err
		}()
	}
	ready(address)

	<-ctx.Done()
	shutdown, done := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer done()
	errs := []error{}
	if err := server.Shutdown(shutdown); err != nil {
		errs = append(errs, server.Close())
	}
	for range cap(stopped) {
		errs = append(errs, <-stopped)
	}
	watching.Wait()
	if a.audit != nil && a.audit.Err() != nil {
		return errors.Join(append(errs, a.audit.Err())...)
	}
	errs = append(errs, a.record(audit.Record{Action: "appliance.stopped"}))
	return errors.Join(errs...)
}

// whenClaimed holds requests back until the engine knows the open runs, which
// is a moment after the start: nobody is told that a run does not exist while it
// is being taken up. The pages and the health of the appliance do not wait.
func (a *Appliance) whenClaimed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") && r.URL.Path != "/api/v1/health" {
			select {
			case <-a.engine.Claimed():
			case <-r.Context().Done():
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// listen opens the network listener.
func (a *Appliance) listen() (net.Listener, error) {
	l, err := net.Listen("tcp", a.Config.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen: %s is taken by another program; choose another with --listen", a.Config.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if a.Config.TLS == nil {
		return l, nil
	}
	cert, err := tls.LoadX509KeyPair(a.Config.TLS.Certificate, a.Config.TLS.Key)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tls: %w", err), l.Close())
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"},
	}), nil
}

// listenLocal opens the local socket, for its owner alone. The store's lock has
// made sure that no other appliance serves here, so a socket that is there
// already was left behind.
func listenLocal(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("local socket: %w", err)
	}
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("local socket: %s is too long for a socket (%d bytes at most); choose a shorter --data", path, maxSocketPath)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("local socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("local socket: %w", err), l.Close())
	}
	return l, nil
}

// maxSocketPath is the longest path of a socket (unix(7): sun_path holds 108
// bytes, the last a zero).
const maxSocketPath = 107

// identify tells the API who is at the other end of the local socket. Someone
// whom the kernel does not name is nobody.
func identify(ctx context.Context, c net.Conn) context.Context {
	local, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := local.SyscallConn()
	if err != nil {
		return ctx
	}
	var peer *unix.Ucred
	if err := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil || peer == nil {
		return ctx
	}
	// The mode of the socket lets only its owner in, and root.
	if uid := int(peer.Uid); uid == os.Geteuid() || uid == 0 {
		return api.WithPrincipal(ctx, LocalOperator(uid))
	}
	return ctx
}
