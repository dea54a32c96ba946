package appliance

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"skerry/embed"
	"skerry/plugins"
)

// runnerImage unpacks the local runner that suits this processor best.
func runnerImage() (*plugins.Image, error) {
	list, err := embed.Runners()
	if err != nil {
		return nil, err
	}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return nil, fmt.Errorf("look which processor this is: %w", err)
	}
	best, err := suitable(list, features(string(info)))
	if err != nil {
		return nil, err
	}
	packed, err := best.Open()
	if err != nil {
		return nil, err
	}
	return unpacked("skerry-runner", packed)
}

// converterImage unpacks the program that makes GGUF of Safetensors.
func converterImage() (*plugins.Image, error) {
	packed, err := embed.Converter()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("this binary was built without the converter; build it with: make build")
	}
	if err != nil {
		return nil, err
	}
	return unpacked("skerry-converter", packed)
}

// unpacked makes an executable of what is packed with Zstandard, and closes that.
func unpacked(name string, packed fs.File) (*plugins.Image, error) {
	defer packed.Close()
	z, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return plugins.NewImage(name, z)
}

// features returns what /proc/cpuinfo says that the first processor has, and
// that this kernel lets programs use.
func features(cpuinfo string) map[string]bool {
	have := map[string]bool{}
	for line := range strings.Lines(cpuinfo) {
		name, value, _ := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); name == "flags" || name == "Features" { // x86, arm64
			for _, f := range strings.Fields(value) {
				have[f] = true
			}
			break
		}
	}
	return have
}

// suitable returns the most demanding of the runners that a processor with
// these features can run. One that needs more would end in the middle of its
// work, at the first instruction that the processor does not know.
func suitable(list []embed.Runner, have map[string]bool) (embed.Runner, error) {
	if len(list) == 0 {
		return embed.Runner{}, errors.New("this binary was built without the local runner; build it with: make build")
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b embed.Runner) int { return cmp.Compare(len(b.Needs), len(a.Needs)) })
	var lacks []string
	for _, r := range list {
		lacks = nil
		for _, f := range r.Needs {
			if !have[f] {
				lacks = append(lacks, f)
			}
		}
		if len(lacks) == 0 {
			return r, nil
		}
	}
	const advice = "use a Skerry that was built with `make build-all`, which carries runners for all processors since 2009"
	least := list[len(list)-1]
	if least.Level == "v2" || least.Level == "arm64" {
		return embed.Runner{}, fmt.Errorf("this processor is too old for the local runner: it lacks %s", strings.Join(lacks, ", "))
	}
	return embed.Runner{}, fmt.Errorf("the local runner in this binary was built for another processor (%s): this one lacks %s; %s",
		least.Level, strings.Join(lacks, ", "), advice)
}
