// Command converter is the program in which Skerry converts a model, as package
// convert says.
package main

import (
	"fmt"
	"os"

	"skerry/plugins/local/convert"
)

func main() {
	if err := convert.Serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
