package embed

import (
	"fmt"
	"io/fs"
	"strings"
)

// Runner is one build of the local runner: an executable for some level of
// processors.
type Runner struct {
	Level string   // what it was compiled for: native, v2, v3, v4 or arm64
	Needs []string // features of the processor without which it must not be started, as /proc/cpuinfo names them

	file string
}

// Open returns the executable, packed with Zstandard.
func (r Runner) Open() (fs.File, error) { return build.Open(r.file) }

// Converter returns the program that makes GGUF of Safetensors, packed with
// Zstandard. The error is fs.ErrNotExist if it was not built in.
func Converter() (fs.File, error) { return build.Open("build/skerry-converter.zst") }

// Runners returns the builds of the local runner that are in this binary: the
// one for the machine that it was built on, or one for each level of
// processors. There may be none.
func Runners() ([]Runner, error) { return runners(build) }

func runners(files fs.FS) ([]Runner, error) {
	const prefix, packed = "build/skerry-runner", ".zst"
	names, err := fs.Glob(files, prefix+"*"+packed)
	if err != nil {
		return nil, err
	}
	var list []Runner
	for _, name := range names {
		base := strings.TrimSuffix(name, packed)
		needs, err := fs.ReadFile(files, base+".needs")
		if err != nil {
			return nil, fmt.Errorf("a runner in this binary does not say which processors it is for; build it again with make: %w", err)
		}
		level := strings.TrimPrefix(strings.TrimPrefix(base, prefix), "-")
		if level == "" {
			level = "native"
		}
		list = append(list, Runner{Level: level, Needs: strings.Fields(string(needs)), file: name})
	}
	return list, nil
}
