package plugins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"skerry/plugins/sdk"
)

const exitUnusable = sdk.ExitUnusable

// instance is one running process with a connection to it.
type instance struct {
	*sdk.Client
	process *process
	plugin  *plugin.Client
}

// kit ties the protocol to go-plugin.
type kit struct{ plugin.NetRPCUnsupportedPlugin }

func (kit) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("the host serves no provider")
}

func (kit) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return sdk.NewClient(c), nil
}

// unusableError says that starting again will not help.
type unusableError struct{ reason string }

func (e *unusableError) Error() string { return e.reason }

// launch starts the executable and returns when it is healthy. On error
// nothing is left of it.
func launch(ctx context.Context, s Spec, dir string) (*instance, error) {
	ctx, cancel := context.WithTimeout(ctx, s.StartTimeout)
	defer cancel()
	i := &instance{process: newProcess(s)}
	i.plugin = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: sdk.ProtocolVersion, MagicCookieKey: sdk.CookieKey, MagicCookieValue: sdk.CookieValue,
		},
		Plugins:          plugin.PluginSet{"provider": kit{}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     s.StartTimeout,
		Logger:           hclog.NewNullLogger(), // what it could say comes back as an error
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: dir},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, socketDir string) (runner.Runner, error) {
			// Of cmd only the handshake's environment is used: go-plugin set
			// its stdin to the host's.
			i.process.env, i.process.socketDir = append(cmd.Env, s.Env...), socketDir
			return i.process, nil
		},
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(sdk.MaxMessageBytes), grpc.MaxCallSendMsgSize(sdk.MaxMessageBytes)),
			grpc.WithChainStreamInterceptor(onlyProvider),
			grpc.WithChainUnaryInterceptor(noShutdown),
			grpc.WithIdleTimeout(0),
		},
	})
	var err error // written before connected is closed
	connected := make(chan struct{})
	go func() { defer close(connected); err = i.connect(ctx) }()
	select {
	case <-connected:
	case <-ctx.Done():
		i.process.kill()
		<-connected
		err = fmt.Errorf("it was not ready in time: %w", context.Cause(ctx))
	}
	if err == nil {
		return i, nil
	}
	i.close()
	how, unusable, byItself := i.process.how()
	switch last := i.process.stderr.why(); {
	case unusable:
		return nil, &unusableError{how}
	case byItself:
		err = fmt.Errorf("it ended before it was ready: %s", how)
	case last != "":
		err = fmt.Errorf("%w (last line of its log: %s)", err, last)
	}
	return nil, &launchError{err}
}

// launchError is an error whose text a child may have influenced: shortened
// and cleaned.
type launchError struct{ err error }

func (e *launchError) Error() string {
	s := e.err.Error()
	if len(s) > 500 {
		s = s[:500] + "…"
	}
	return printable(s)
}

func (e *launchError) Unwrap() error { return e.err }

// connect runs the handshake and asks for health once.
func (i *instance) connect(ctx context.Context) error {
	protocol, err := i.plugin.Client()
	if err != nil {
		return err
	}
	raw, err := protocol.Dispense("provider")
	if err != nil {
		return err
	}
	i.Client = raw.(*sdk.Client)
	return i.Health(ctx)
}

// close kills the process and waits until nothing of it is left: no zombie, no
// goroutine, no socket.
func (i *instance) close() {
	i.process.kill()
	if i.process.pid() != 0 {
		<-i.process.exited
	}
	i.plugin.Kill()
	if i.process.socketDir != "" {
		_ = os.RemoveAll(i.process.socketDir)
	}
}

// onlyProvider lets no stream through but the provider's own. go-plugin would
// open two more: the broker, through which a child could make the host keep
// state without bound, and its output, which is read from the pipes already.
func onlyProvider(ctx context.Context, d *grpc.StreamDesc, c *grpc.ClientConn, method string, next grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
	switch method {
	case "/plugin.GRPCBroker/StartStream", "/plugin.GRPCStdio/StreamStdio":
		return nil, status.Error(codes.Unimplemented, "not used by Skerry")
	}
	return next(ctx, d, c, method, o...)
}

// noShutdown answers go-plugin's polite question to the child to end: children
// are killed, they keep no state.
func noShutdown(ctx context.Context, method string, req, reply any, c *grpc.ClientConn, next grpc.UnaryInvoker, o ...grpc.CallOption) error {
	if method == "/plugin.GRPCController/Shutdown" {
		return status.Error(codes.Unimplemented, "not used by Skerry")
	}
	return next(ctx, method, req, reply, c, o...)
}

// healthy asks once, with a bound on the time of the answer.
func (i *instance) healthy(ctx context.Context, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return i.Health(ctx)
}
