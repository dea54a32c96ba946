package catalogue

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// Verb is the hidden command of the appliance's binary under which [Main] runs:
// a file by a stranger is looked at in a process that has nothing to lose.
const Verb = "model-inspect"

// inspectFile is the descriptor on which the child finds the file: the first
// behind stdin, stdout and stderr.
const inspectFile = 3

// verdict is what the child writes: a card or a reason.
type verdict struct {
	Card    *Card  `json:"card,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// RefusedError says why a model file is not taken in, and what to do.
type RefusedError struct{ Why string }

func (e *RefusedError) Error() string { return e.Why }

// job is what the child is asked.
type job struct {
	Size     int64  `json:"size"` // of the whole file, of which all but the head may be missing
	Template string `json:"template"`
}

// Job returns what [Main] is to read from stdin, for a file of size bytes once
// it is whole.
func Job(size int64, template string) ([]byte, error) { return json.Marshal(job{size, template}) }

// Main inspects the file on descriptor 3 as stdin asks, and writes the verdict.
// A file that is refused is a result like any other; the error is for a job
// that cannot be read.
func Main(stdin io.Reader, stdout io.Writer) error {
	var j job
	if err := json.NewDecoder(stdin).Decode(&j); err != nil {
		return fmt.Errorf("model job: %w", err)
	}
	f := os.NewFile(inspectFile, "model")
	if f == nil {
		return fmt.Errorf("model job: no file on descriptor %d", inspectFile)
	}
	defer f.Close()
	c, err := Inspect(f, j.Size, j.Template)
	v := verdict{Card: &c}
	if err != nil {
		v = verdict{Problem: err.Error()}
	}
	return json.NewEncoder(stdout).Encode(v)
}

// Verdict reads what [Main] wrote: a card, or a [*RefusedError].
func Verdict(out []byte) (Card, error) {
	var v verdict
	if err := json.Unmarshal(out, &v); err != nil {
		return Card{}, fmt.Errorf("model verdict: %w", err)
	}
	if v.Card == nil || v.Problem != "" {
		return Card{}, &RefusedError{v.Problem}
	}
	return *v.Card, nil
}
