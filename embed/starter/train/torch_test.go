package train

import (
	"math"
	"os/exec"
	"path/filepath"
	"testing"

	"skerry/embed/starter/train/weights"
)

// torch returns a Python that has PyTorch. Where there is none, the test is
// skipped.
func torch(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts PyTorch; leave out -short")
	}
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import torch").Run() == nil {
			return name
		}
	}
	t.Skip("no python3 here has PyTorch")
	return ""
}

// flat returns all weights of a checkpoint.
func flat(t *testing.T, path string) []float64 {
	t.Helper()
	m, err := weights.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []float64
	for _, n := range tensors(m) {
		for _, v := range n.values {
			out = append(out, float64(v))
		}
	}
	return out
}

// likeness returns the cosine of the angle between two moves from the same
// weights.
func likeness(from, a, b []float64) float64 {
	var ab, aa, bb float64
	for i := range from {
		x, y := a[i]-from[i], b[i]-from[i]
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}

// TestTorch: the PyTorch trainer computes the same gradient as the C++ one,
// and goes on from its checkpoint, moments and place in the records included,
// as it would itself.
func TestTorch(t *testing.T) {
	python := torch(t)
	model, records := setUp(t)
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	pytorch := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(python, append([]string{"torch_train.py", "-threads", "1"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("torch_train.py %q: %v\n%s", args, err, out)
		}
	}
	runs(t, "-init", model, "-train", records, "-gradient", path("ours"))
	pytorch("-init", model, "-train", records, "-gradient", path("theirs"))
	ours, theirs := flat(t, path("ours")), flat(t, path("theirs"))
	zero := make([]float64, len(ours))
	if got := likeness(zero, ours, theirs); got < 0.9999 {
		t.Errorf("the gradients' cosine is %v, want 0.9999", got)
	}

	// Parts are larger than a batch here, so that both take the same records.
	flags := []string{"-train", records + ":2", "-train", records, "-batch-tokens", "600", "-threads", "1"}
	runs(t, append(flags, "-init", model, "-out", path("half"), "-tokens", "12000", "-warmup-tokens", "0", "-stop-at-step", "8")...)
	runs(t, append(flags, "-resume", path("half"), "-out", path("ours"), "-stop-at-step", "12")...)
	pytorch(append(flags, "-resume", path("half"), "-out", path("theirs"), "-stop-at-step", "12")...)
	from := flat(t, path("half"))
	if got := likeness(from, flat(t, path("ours")), flat(t, path("theirs"))); got < 0.98 {
		t.Errorf("the cosine of four steps is %v, want 0.98", got)
	}
	// Negative control: other records lead elsewhere.
	other := path("other.rec")
	list := examples(130)
	write(t, other, list[10:])
	runs(t, "-resume", path("half"), "-train", other, "-batch-tokens", "600", "-threads", "1", "-out", path("elsewhere"), "-stop-at-step", "12")
	if got := likeness(from, flat(t, path("elsewhere")), flat(t, path("theirs"))); got >= 0.98 {
		t.Errorf("the cosine with a run on other records is %v; the comparison is blind", got)
	}
	// And back: the C++ trainer goes on from PyTorch's checkpoint.
	runs(t, append(flags, "-resume", path("theirs"), "-out", path("back"), "-stop-at-step", "13")...)
}
