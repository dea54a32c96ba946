package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

var benchmarkLine = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

// benchmark runs Go benchmarks and returns their metrics by name and unit.
func benchmark(ctx context.Context, pkg, pattern, benchtime string) (map[string]map[string]float64, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", pattern, "-benchtime", benchtime, pkg) //nolint:gosec // our own arguments
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("benchmarks of %s: %w\n%s", pkg, err, text)
	}
	all := map[string]map[string]float64{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		m := benchmarkLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		all[m[1]] = map[string]float64{}
		f := strings.Fields(m[2])
		for i := 0; i+1 < len(f); i += 2 {
			if v, err := strconv.ParseFloat(f[i], 64); err == nil {
				all[m[1]][f[i+1]] = v
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("benchmarks of %s: %s ran none", pkg, pattern)
	}
	return all, nil
}

// masks prints what the benchmark of the grammar measures, in processor time.
func masks(ctx context.Context, _ options, out io.Writer) error {
	all, err := benchmark(ctx, "./plugins/local/grammar", "^BenchmarkMask$/^invoice$", "10x")
	if err != nil {
		return err
	}
	m := all["Mask/invoice"]
	row(out, "mask over 150k tokens along an invoice under its schema, µs: mean; the first document under it alone; p99 of all",
		fmt.Sprintf("%.1f; %.1f; %.1f", m["all-mean-µs"], m["first-mean-µs"], m["all-p99-µs"]), "—", "—", "mean ≤ 50, p99 ≤ 200")
	return nil
}

// hops prints what a streamed token costs on its way out of a real child.
func hops(ctx context.Context, _ options, out io.Writer) error {
	all, err := benchmark(ctx, "./plugins", "^BenchmarkHop$", "20x")
	if err != nil {
		return err
	}
	fast, slow := all["Hop/fast"], all["Hop/slow"]
	row(out, "hop of a streamed token through the child protocol, µs of processor time of both ends: tokens as fast as they go; 0.5 ms apart",
		fmt.Sprintf("%.1f; %.1f", fast["processor-µs/token"], slow["processor-µs/token"]), "—", "—", "≤ 30 µs")
	return nil
}
