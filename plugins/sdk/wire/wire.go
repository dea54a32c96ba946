// Package wire is the generated code of provider.proto, the protocol between
// Skerry and its providers. Authors use plugins/sdk, which speaks it for them.
package wire

//go:generate ./generate.sh
