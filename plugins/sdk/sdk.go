// Package sdk is what the author of a provider adapter needs: implement
// llm.Provider, call [Serve] in main, and Skerry can load the executable. The
// package also holds the other end of the wire, [Client], which the plugin
// host uses. It starts no process by itself.
//
// Host and provider meet by the handshake of hashicorp/go-plugin, so a
// provider can be written in any language with gRPC. Serve speaks that
// handshake directly: the library's own server brings net/rpc along, whose use
// of reflection keeps the linker from dropping anything, which doubled the
// size of an adapter.
package sdk

import (
	"fmt"
	"os"
)

// What host and provider must agree on before they talk. The cookie is no
// secret: it keeps a person from starting a provider by hand.
const (
	ProtocolVersion = 1
	CookieKey       = "SKERRY_PROVIDER"
	CookieValue     = "v1"
)

// MaxMessageBytes bounds every message in both directions. The largest that
// occurs is a request with a whole document in it.
const MaxMessageBytes = 8 << 20

// ExitUnusable is the exit code that says that starting again will not help:
// the configuration or a file is at fault. The last line on stderr says why,
// in words for an administrator. After any other end the host starts the
// provider again. It is EX_CONFIG of sysexits.h.
const ExitUnusable = 78

// Unusable ends the process in the way that tells the host not to start it
// again, with the reason that an administrator reads.
func Unusable(format string, a ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", a...)
	os.Exit(ExitUnusable)
}
