// Package plugins runs code that must not be trusted with the appliance:
// providers as supervised child processes ([Start], [Child]) and one-off work
// such as document parsing ([RunIsolated]). It decides nothing about which
// model may see which data; it makes sure that a crash, a hang or a hostile
// file costs one attempt. Start with [Spec] and [Child]; the protocol and the
// side of the author are in plugins/sdk.
package plugins
