package appliance

import (
	"os"
	"strings"
	"testing"

	"skerry/embed"
)

var (
	level2 = embed.Runner{Level: "v2", Needs: []string{"popcnt", "sse4_2"}}
	level3 = embed.Runner{Level: "v3", Needs: []string{"popcnt", "sse4_2", "avx2", "fma"}}
	level4 = embed.Runner{Level: "v4", Needs: []string{"popcnt", "sse4_2", "avx2", "fma", "avx512f", "avx512_vnni"}}
	native = embed.Runner{Level: "native", Needs: []string{"popcnt", "sse4_2", "avx2", "fma", "gfni"}}
	arm    = embed.Runner{Level: "arm64", Needs: []string{"asimddp"}}
)

// TestSuitableRunner: the fastest runner that the processor can run is chosen,
// and where there is none, the message says what is missing and what to do.
func TestSuitableRunner(t *testing.T) {
	for _, row := range []struct {
		name  string
		list  []embed.Runner
		has   string
		level string
		says  []string
	}{
		{"everything there is", []embed.Runner{level2, level3, level4}, "avx512_vnni avx512f fma avx2 sse4_2 popcnt gfni", "v4", nil},
		{"AVX-512 without VNNI", []embed.Runner{level4, level2, level3}, "avx512f fma avx2 sse4_2 popcnt", "v3", nil},
		{"AVX2 that the kernel switched off", []embed.Runner{level2, level3, level4}, "fma sse4_2 popcnt", "v2", nil},
		{"the machine that it was built on", []embed.Runner{native}, "avx2 fma gfni popcnt sse4_2", "native", nil},
		{"another machine", []embed.Runner{native}, "avx2 fma popcnt sse4_2", "", []string{"built for another processor", "lacks gfni;", "make build-all"}},
		{"a processor from before 2009", []embed.Runner{level2, level3, level4}, "pni", "", []string{"too old", "lacks popcnt, sse4_2"}},
		{"arm64", []embed.Runner{arm}, "fp asimd asimddp", "arm64", nil},
		{"an arm64 that is too old", []embed.Runner{arm}, "fp asimd", "", []string{"too old", "lacks asimddp"}},
		{"a binary without a runner", nil, "avx2", "", []string{"without the local runner", "make build"}},
	} {
		have := map[string]bool{}
		for _, f := range strings.Fields(row.has) {
			have[f] = true
		}
		got, err := suitable(row.list, have)
		if got.Level != row.level || (err == nil) != (row.says == nil) {
			t.Errorf("%s: %q, %v; want %q", row.name, got.Level, err, row.level)
		}
		for _, s := range row.says {
			if err == nil || !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %v; want it to say %q", row.name, err, s)
			}
		}
	}
}

func TestFeatures(t *testing.T) {
	for name, row := range map[string]struct{ info, has string }{
		"x86":     {"processor\t: 0\nflags\t\t: fpu avx2  f16c\nbugs\t\t: spectre\n\nprocessor\t: 1\nflags\t\t: fpu avx2 f16c extra\n", "fpu avx2 f16c"},
		"arm64":   {"processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd asimddp\nCPU part\t: 0xd0c\n", "fp asimd asimddp"},
		"nothing": {"processor\t: 0\n", ""},
	} {
		got := features(row.info)
		if len(got) != len(strings.Fields(row.has)) {
			t.Errorf("%s: %v, want %s", name, got, row.has)
		}
		for _, f := range strings.Fields(row.has) {
			if !got[f] {
				t.Errorf("%s: %s is missing from %v", name, f, got)
			}
		}
	}
}

// TestThisProcessor: the file of this machine says what every processor of its
// kind has.
func TestThisProcessor(t *testing.T) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	if have := features(string(info)); !have["sse2"] && !have["asimd"] {
		t.Errorf("neither sse2 nor asimd is among %v", have)
	}
}
