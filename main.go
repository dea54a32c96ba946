// Skerry: work as missions, independent of any language model. See README.md.
package main

import (
	"os"

	"skerry/appliance/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
