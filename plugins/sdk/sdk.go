// Package sdk is what the author of a provider adapter needs: implement
// llm.Provider, call [Serve] in main, and Skerry can load the executable. The
// package also holds the other end of the wire, [Client], which the plugin
// host uses. It starts no process and opens no connection by itself.
package sdk

import (
	"context"
	"fmt"
	"os"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"skerry/appliance/llm"
	"skerry/plugins/sdk/wire"
)

// Handshake is what host and provider must agree on before they talk. The
// cookie is no secret: it keeps a person from starting a provider by hand.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "SKERRY_PROVIDER",
	MagicCookieValue: "v1",
}

// MaxMessageBytes bounds every message in both directions. The largest that
// occurs is a request with a whole document in it.
const MaxMessageBytes = 8 << 20

// PluginName is the name under which a provider is dispensed.
const PluginName = "provider"

// Exit codes with a meaning for the host. After any other end, the host starts
// the provider again.
const (
	// ExitUnusable says that starting again will not help: the configuration
	// or a file is at fault. The last line on stderr says why, in words for an
	// administrator. It is EX_CONFIG of sysexits.h.
	ExitUnusable = 78
)

// Unusable ends the process in the way that tells the host not to start it
// again, with the reason that an administrator reads.
func Unusable(format string, a ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", a...)
	os.Exit(ExitUnusable)
}

// Serve runs p as a provider until the host ends the process. It is the last
// statement of an adapter's main. Use stderr for log lines; stdout belongs to
// the handshake.
func Serve(p llm.Provider) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: Handshake,
		Plugins:         plugin.PluginSet{PluginName: Plugin{Provider: p}},
		Logger:          hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr}),
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(o,
				grpc.MaxRecvMsgSize(MaxMessageBytes),
				grpc.MaxSendMsgSize(MaxMessageBytes),
				grpc.MaxConcurrentStreams(256))...)
		},
	})
}

// Plugin ties the protocol to go-plugin. Provider is nil on the host's side.
type Plugin struct {
	plugin.NetRPCUnsupportedPlugin
	Provider llm.Provider
}

var _ plugin.GRPCPlugin = Plugin{}

// GRPCServer implements plugin.GRPCPlugin.
func (p Plugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	wire.RegisterProviderServer(s, &server{p: p.Provider})
	return nil
}

// GRPCClient implements plugin.GRPCPlugin; it returns a *[Client].
func (p Plugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return NewClient(c), nil
}
