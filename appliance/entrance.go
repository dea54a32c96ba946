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
	"skerry/appliance/conn"
)

// entrance is the listeners of an appliance and what answers there at the time:
// the API, or what stands in for it while the vault is sealed. The listeners
// stay while that changes.
type entrance struct {
	address     Address
	certificate *certificate
	clients     *clients // nil = nobody signs in with a certificate
	server      *http.Server
	serving     sync.WaitGroup
	stop        context.CancelFunc // of what watches the certificate
	failed      chan error         // the first error of a listener; buffered

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
	shown, err := newCertificate(c, log)
	if err != nil {
		return nil, err
	}
	socket, err := listenLocal(filepath.Join(c.Data, SocketFile))
	if err != nil {
		return nil, err
	}
	listeners := []net.Listener{socket}
	e := &entrance{address: Address{Socket: filepath.Join(c.Data, SocketFile)}, certificate: shown, failed: make(chan error, 3)}
	if c.Listen != "" {
		l, err := listen(c)
		if err != nil {
			return nil, errors.Join(err, socket.Close())
		}
		e.address.URL = c.url(l.Addr())
		listeners = append(listeners, e.bounded(c, l, log))
	}
	if c.ClientCertificates != nil && c.Listen != "" {
		l, err := e.admitCertificates(c, log)
		if err != nil {
			return nil, errors.Join(err, closeAll(listeners))
		}
		listeners = append(listeners, l)
	}
	e.stage = &stage{handler: api.Unavailable("Skerry is starting.", c.TLS != nil)}
	e.server = api.NewServer(e)
	// About what strangers do to a connection, so it is of little weight.
	e.server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	e.server.ConnContext = func(ctx context.Context, n net.Conn) context.Context { return conn.Context(identify(ctx, n), n) }
	e.server.ConnState = conn.State
	watch, stop := context.WithCancel(context.Background())
	e.stop = stop
	e.serving.Go(func() { shown.watch(watch, tlsCheck) })
	if e.clients != nil {
		e.serving.Go(func() { e.clients.watch(watch, tlsCheck) })
	}
	for _, l := range listeners {
		e.serving.Go(func() {
			if err := e.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				e.failed <- err
			}
		})
	}
	return e, nil
}

// admitCertificates opens the port for people with certificates.
func (e *entrance) admitCertificates(c Config, log *slog.Logger) (net.Listener, error) {
	var err error
	if e.clients, err = newClients(*c.ClientCertificates, log); err != nil {
		return nil, err
	}
	c.Listen = c.ClientCertificates.Listen
	l, err := listen(c)
	if err != nil {
		return nil, err
	}
	o := e.options(c, log, c.url(l.Addr()))
	o.TLS = e.clients.verifier.Config(e.certificate.tls())
	e.address.Certificates = c.url(l.Addr())
	return conn.Listen(l, o), nil
}

func closeAll(listeners []net.Listener) (err error) {
	for _, l := range listeners {
		err = errors.Join(err, l.Close())
	}
	return err
}

// bounded takes in what comes over the network.
func (e *entrance) bounded(c Config, l net.Listener, log *slog.Logger) net.Listener {
	return conn.Listen(l, e.options(c, log, e.address.URL))
}

func (e *entrance) options(c Config, log *slog.Logger, home string) conn.Options {
	o := conn.Options{Most: c.Connections, Log: log, Refuse: func(r conn.Refusal) []byte {
		return api.Refusal(r.Status, r.Secure, r.Insecure, home)
	}}
	if c.TLS != nil {
		o.TLS = e.certificate.tls()
	}
	return o
}

// ServeHTTP implements [http.Handler].
func (e *entrance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn.Answer(r)
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
	e.stop()
	e.serving.Wait()
	return err
}
