// Command bench measures what the README publishes and prints it as one table:
// durable appends beside a named peer, runs with an instant fake model, recovery,
// lists over a million observations, and start-up and memory of the real
// binary. Every figure is a median; the machine is named, because no figure
// means anything without it.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// rounds is how often every Go benchmark runs. Peers alternate with ours inside
// one round, so that a machine whose speed drifts treats both alike.
const rounds = 5

func run(ctx context.Context, out io.Writer) error {
	fmt.Fprintf(out, "%s, %d CPUs, %s, %s\n\n", processor(), runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format("2006-01-02"))
	fmt.Fprint(out, "| what | Skerry | peer, same run | bar |\n|---|---|---|---|\n")
	for _, part := range []func(context.Context, io.Writer) error{appends, runs, recovery, lists, binary} {
		if err := part(ctx, out); err != nil {
			return err
		}
	}
	return nil
}

func row(out io.Writer, cells ...string) {
	fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
}

// samples are the values of one metric by benchmark name.
type samples map[string][]float64

func (s samples) median(name string) float64 {
	v := slices.Clone(s[name])
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}

var benchmarkLine = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

// benchmarks runs Go benchmarks and returns their metrics by unit.
func benchmarks(ctx context.Context, times int, pkg, pattern, benchtime string) (map[string]samples, error) {
	units := map[string]samples{}
	for range times {
		cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-timeout", "30m", "-bench", pattern, "-benchtime", benchtime, pkg)
		cmd.Stderr = os.Stderr
		text, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("benchmarks of %s: %w\n%s", pkg, err, text)
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		for lines.Scan() {
			m := benchmarkLine.FindStringSubmatch(lines.Text())
			if m == nil {
				continue
			}
			f := strings.Fields(m[2])
			for i := 0; i+1 < len(f); i += 2 {
				v, err := strconv.ParseFloat(f[i], 64)
				if err != nil {
					continue
				}
				if units[f[i+1]] == nil {
					units[f[i+1]] = samples{}
				}
				units[f[i+1]][m[1]] = append(units[f[i+1]][m[1]], v)
			}
		}
	}
	if len(units) == 0 {
		return nil, fmt.Errorf("benchmarks of %s: %s ran none", pkg, pattern)
	}
	return units, nil
}

func appends(ctx context.Context, out io.Writer) error {
	u, err := benchmarks(ctx, rounds, "./store", "^BenchmarkAppend", "1s")
	if err != nil {
		return err
	}
	for _, writers := range []int{1, 16, 256} {
		name := fmt.Sprintf("writers=%d", writers)
		bar := "—"
		if writers == 16 {
			bar = "≥ 1,000/s"
		}
		row(out, fmt.Sprintf("durable appends per second, %d writers; peer writes two keys and no index", writers), number(u["appends/s"].median("Append/"+name)),
			fmt.Sprintf("bbolt Update %s, Batch %s", number(u["appends/s"].median("AppendPeer/bbolt.Update/"+name)), number(u["appends/s"].median("AppendPeer/bbolt.Batch/"+name))), bar)
	}
	for _, writers := range []int{1, 16, 256} {
		name := fmt.Sprintf("writers=%d", writers)
		row(out, fmt.Sprintf("the same sealed by a vault, %d writers; peer is Skerry without one", writers), number(u["appends/s"].median("AppendSealed/sealed/"+name)),
			number(u["appends/s"].median("AppendSealed/plain/"+name)), "—")
	}
	return nil
}

func runs(ctx context.Context, out io.Writer) error {
	u, err := benchmarks(ctx, 3, "./appliance/engine", "^BenchmarkRuns$", "2s")
	if err != nil {
		return err
	}
	row(out, "runs per second, instant fake model, fsync on", number(u["runs/s"].median("Runs")), "—", "—")
	row(out, "the same in observations per second", number(u["obs/s"].median("Runs")), "—", "≥ 1,000/s")
	u, err = benchmarks(ctx, 1, "./appliance/engine", "^BenchmarkMemory$", "1x")
	if err != nil {
		return err
	}
	row(out, "memory after 10,000 runs, engine and store in one process: heap, resident", fmt.Sprintf("%s MB, %s MB", number(u["heap-MB"].median("Memory")), number(u["rss-MB"].median("Memory"))), "—", "—")
	return nil
}

func recovery(ctx context.Context, out io.Writer) error {
	u, err := benchmarks(ctx, 3, "./appliance/engine", "^BenchmarkRecovery$", "1x")
	if err != nil {
		return err
	}
	row(out, "10,000 open runs taken up after a crash", milliseconds(u["ns/op"].median("Recovery")), "—", "≤ 1 s")
	return nil
}

func lists(ctx context.Context, out io.Writer) error {
	u, err := benchmarks(ctx, 1, "./store", "^BenchmarkMillion$/^(list|counts|decisions)", "1s")
	if err != nil {
		return err
	}
	worst, at := 0.0, ""
	for name := range u["ns/op"] {
		if v := u["ns/op"].median(name); v > worst {
			worst, at = v, strings.ReplaceAll(strings.TrimPrefix(name, "Million/"), "_", " ")
		}
	}
	row(out, "list over 1,000,000 observations: first page", milliseconds(u["ns/op"].median("Million/list/first_page")), "—", "≤ 100 ms")
	row(out, fmt.Sprintf("slowest of %d lists and filters (%s)", len(u["ns/op"]), at), milliseconds(worst), "—", "≤ 100 ms")
	return nil
}

// starts is how often the binary is started.
const starts = 11

func binary(ctx context.Context, out io.Writer) error {
	bin := os.Getenv("SKERRY_BIN") //nolint:forbidigo // a tool, not the appliance
	if bin == "" {
		bin = "bin/skerry"
	}
	info, err := os.Stat(bin)
	if err != nil {
		return fmt.Errorf("%w; build it with: make build", err)
	}
	dir, err := os.MkdirTemp("", "skerry-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	data := filepath.Join(dir, "data")
	if text, err := exec.CommandContext(ctx, bin, "init", "--data", data).CombinedOutput(); err != nil {
		return fmt.Errorf("init: %w: %s", err, text)
	}
	var ready, resident, children []float64
	for range starts {
		r, m, c, err := start(ctx, bin, data)
		if err != nil {
			return err
		}
		ready, resident, children = append(ready, r), append(resident, m), append(children, c)
	}
	s := samples{"ready": ready, "resident": resident, "children": children}
	row(out, "start to ready: models loaded, requests answered", milliseconds(s.median("ready")), "—", "≤ 300 ms")
	row(out, "idle memory of the main process, resident", number(s.median("resident"))+" MB", "—", "≤ 60 MB")
	row(out, "idle memory of its two runners together, resident", number(s.median("children"))+" MB", "—", "—")
	row(out, "the binary, UI, runner and models inside", number(float64(info.Size())/1e6)+" MB", "—", "≤ 80 MB")
	return nil
}

// start serves once and returns the time to ready in nanoseconds, and the
// resident memory of the process and of its children in MB after a while of
// idleness.
func start(ctx context.Context, bin, data string) (ready, resident, children float64, err error) {
	cmd := exec.CommandContext(ctx, bin, "serve", "--data", data, "--listen", "127.0.0.1:0", "--quiet")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, 0, err
	}
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, 0, err
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		err = errors.Join(err, cmd.Wait())
	}()
	url := ""
	for lines := bufio.NewScanner(stdout); url == "" && lines.Scan(); {
		url, _ = strings.CutPrefix(lines.Text(), "serving ")
		if !strings.HasPrefix(url, "http") {
			url = ""
		}
	}
	// Any API request waits until models are loaded and runs are taken up; this
	// one needs a session, and is refused when all of that is done.
	client := http.Client{Transport: &http.Transport{}}
	resp, err := client.Get(url + "/api/v1/home")
	if err != nil {
		return 0, 0, 0, err
	}
	ready = float64(time.Since(began))
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		return 0, 0, 0, fmt.Errorf("the appliance answered %s", resp.Status)
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	select {
	case <-time.After(2 * time.Second):
	case <-ctx.Done():
		return 0, 0, 0, ctx.Err()
	}
	resident, err = residentMB(cmd.Process.Pid)
	if err != nil {
		return 0, 0, 0, err
	}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", cmd.Process.Pid))
	if err != nil {
		return 0, 0, 0, err
	}
	var list []byte
	for _, t := range tasks {
		b, err := os.ReadFile(t)
		if err == nil {
			list = append(list, b...)
		}
	}
	for _, pid := range strings.Fields(string(list)) {
		n, err := strconv.Atoi(pid)
		if err != nil {
			continue
		}
		if mb, err := residentMB(n); err == nil {
			children += mb
		}
	}
	return ready, resident, children, nil
}

// residentMB reads VmRSS (proc_pid_status(5)).
func residentMB(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")), 64)
			return kb * 1024 / 1e6, err
		}
	}
	return 0, errors.New("the kernel does not tell the resident memory")
}

func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func milliseconds(ns float64) string {
	ms := ns / 1e6
	if ms < 10 {
		return fmt.Sprintf("%.2g ms", ms)
	}
	return number(ms) + " ms"
}

// number prints with thousands separated, and decimals only where they count.
func number(v float64) string {
	if v < 100 && v != float64(int64(v)) {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	s := strconv.FormatInt(int64(v+0.5), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
