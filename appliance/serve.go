package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
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
	URL          string // of the web UI; empty = local socket only
	Certificates string // of the web UI, for people with client certificates; empty = nowhere
	Socket       string // path of the local socket
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
	e, err := newEntrance(a.Config, a.Log)
	if err != nil {
		return err
	}
	err = a.serve(ctx, e, ready)
	return errors.Join(err, e.close(ctx))
}

// serve is [Appliance.Serve] at an entrance that is open already and stays so.
// It returns an error wrapping errSeal when somebody has sealed the vault.
func (a *Appliance) serve(ctx context.Context, e *entrance, ready func(Address)) error {
	a.url.Store(&e.address.URL)
	a.certificate, a.clients = e.certificate, e.clients
	a.tryRenewal(ctx)
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
	a.seal = cancel
	var watching sync.WaitGroup
	watching.Go(func() { a.watchAudit(ctx, cancel) })
	watching.Go(func() { a.space.watch(ctx) })
	watching.Go(func() { a.sealAnew(ctx) })
	watching.Go(func() { a.keepOwn(ctx) })
	watching.Go(func() { a.accounts.outsiders(ctx) })
	stopped := make(chan error, 1)
	go func() {
		settle, done := context.WithTimeout(ctx, settleTimeout)
		a.models.Settle(settle)
		done()
		debug.FreeOSMemory() // unpacking the runner has left garbage that an idle process would keep
		stopped <- a.engine.Run(ctx)
	}()
	e.show(a.whenClaimed(a.api))
	ready(e.address)

	var failed error
	select {
	case <-ctx.Done():
	case failed = <-e.failed:
		cancel(failed)
	}
	settled := e.show(api.Unavailable("Skerry is stopping.", a.Config.TLS != nil))
	a.api.Close() // ends the event streams
	shutdown, done := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer done()
	settled(shutdown)
	failed = errors.Join(failed, <-stopped)
	watching.Wait()
	sealed, end := errors.Is(context.Cause(ctx), errSeal), audit.Record{Action: "appliance.stopped"}
	if sealed {
		end.Why = errSeal.Error()
	}
	if a.audit != nil && a.audit.Err() != nil {
		return errors.Join(failed, a.audit.Err())
	}
	if err := a.record(end); err != nil {
		return errors.Join(failed, err) // not sealed: what cannot be recorded ends the whole appliance
	}
	if sealed {
		return errors.Join(errSeal, failed)
	}
	return failed
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

// listen opens the port.
func listen(c Config) (net.Listener, error) {
	l, err := net.Listen("tcp", c.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen: %s is taken by another program; choose another with --listen", c.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
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
