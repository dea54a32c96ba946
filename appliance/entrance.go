package appliance

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"

	"skerry/appliance/api"
)

// entrance is the listeners of an appliance and what answers there at the time:
// the API, or what stands in for it while the vault is sealed. The listeners
// stay while that changes.
type entrance struct {
	address Address
	server  *http.Server
	serving sync.WaitGroup
	failed  chan error // the first error of a listener; buffered

	mu    sync.Mutex
	stage *stage // guarded by mu
}

// stage is a handler and the requests that it works on.
type stage struct {
	handler http.Handler
	active  sync.WaitGroup
}

// newEntrance opens the listeners. Until show is called requests are told to
// come again.
func newEntrance(c Config, log *slog.Logger) (*entrance, error) {
	socket, err := listenLocal(filepath.Join(c.Data, SocketFile))
	if err != nil {
		return nil, err
	}
	listeners := []net.Listener{socket}
	e := &entrance{address: Address{Socket: filepath.Join(c.Data, SocketFile)}, failed: make(chan error, 2)}
	if c.Listen != "" {
		l, err := listen(c)
		if err != nil {
			return nil, errors.Join(err, socket.Close())
		}
		listeners = append(listeners, l)
		scheme := "http"
		if c.TLS != nil {
			scheme = "https"
		}
		at := l.Addr().String()
		if c.Site != "" {
			_, port, _ := net.SplitHostPort(at)
			at = net.JoinHostPort(c.Site, port)
		}
		e.address.URL = scheme + "://" + at
	}
	e.stage = &stage{handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "Skerry is starting; try again in a moment", http.StatusServiceUnavailable)
	})}
	e.server = api.NewServer(e)
	// About what strangers do to a connection, so it is of little weight.
	e.server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	e.server.ConnContext = identify
	for _, l := range listeners {
		e.serving.Go(func() {
			if err := e.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				e.failed <- err
			}
		})
	}
	return e, nil
}

// ServeHTTP implements [http.Handler].
func (e *entrance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	s := e.stage
	s.active.Add(1)
	e.mu.Unlock()
	defer s.active.Done()
	s.handler.ServeHTTP(w, r)
}

// show lets h answer from now on. The function that it returns waits for the
// requests that came before.
func (e *entrance) show(h http.Handler) (settled func(context.Context)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := e.stage
	e.stage = &stage{handler: h}
	return func(ctx context.Context) {
		done := make(chan struct{})
		go func() { before.active.Wait(); close(done) }()
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
}

// close answers what has come in and closes the listeners.
func (e *entrance) close(ctx context.Context) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer done()
	var err error
	if e.server.Shutdown(ctx) != nil {
		err = e.server.Close()
	}
	e.serving.Wait()
	return err
}
