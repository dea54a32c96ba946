package catalogue

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"skerry/plugins/local/gguf"
	"skerry/plugins/local/safetensors"
)

// Verb is the hidden command of the appliance's binary under which [Main] runs:
// a file by a stranger is looked at in a process that has nothing to lose.
const Verb = "model-inspect"

// firstFile is the descriptor on which the child finds the first of its files:
// that behind stdin, stdout and stderr.
const firstFile = 3

// verdict is what the child writes: a card, how much it wrote, what converting
// takes, or a reason.
type verdict struct {
	Card    *Card              `json:"card,omitempty"`
	Needs   *safetensors.Needs `json:"needs,omitempty"`
	Bytes   int64              `json:"bytes,omitempty"`
	Problem string             `json:"problem,omitempty"`
}

// RefusedError says why a model file is not taken in, and what to do.
type RefusedError struct{ Why string }

func (e *RefusedError) Error() string { return e.Why }

// job is what the child is asked: to inspect the file on descriptor 3, to join
// the parts from descriptor 4 on into it, or to check the files of a Safetensors
// model, which begin at descriptor 3.
type job struct {
	Size     int64     `json:"size"` // of the whole file, of which all but the head may be missing
	Template string    `json:"template"`
	Parts    []Arrival `json:"parts,omitempty"`
	Tensors  []Arrival `json:"tensors,omitempty"`
}

// Job returns what [Main] is to read from stdin, for a file of size bytes once
// it is whole.
func Job(size int64, template string) ([]byte, error) {
	return json.Marshal(job{Size: size, Template: template})
}

// JoinJob returns what [Main] is to read from stdin, to write the whole of
// parts to descriptor 3.
func JoinJob(parts []Arrival) ([]byte, error) { return json.Marshal(job{Parts: parts}) }

// Main inspects the file on descriptor 3 as stdin asks, or joins parts into it,
// and writes the verdict. A file that is refused is a result like any other; the
// error is for a job that cannot be done.
func Main(stdin io.Reader, stdout io.Writer) error {
	var j job
	if err := json.NewDecoder(stdin).Decode(&j); err != nil {
		return fmt.Errorf("model job: %w", err)
	}
	if len(j.Tensors) > 0 {
		needs, err := checkTensors(j.Tensors)
		v := verdict{Needs: &needs}
		if err != nil {
			v = verdict{Problem: err.Error()}
		}
		return json.NewEncoder(stdout).Encode(v)
	}
	f := os.NewFile(firstFile, "model")
	if f == nil {
		return fmt.Errorf("model job: no file on descriptor %d", firstFile)
	}
	defer f.Close()
	var v verdict
	var err error
	if len(j.Parts) > 0 {
		var fault error // of the disk, which no other file would change
		if v.Bytes, err, fault = join(f, j.Parts); fault != nil {
			return fault
		}
	} else {
		var c Card
		c, err = Inspect(f, j.Size, j.Template)
		v.Card = &c
	}
	if err != nil {
		v = verdict{Problem: err.Error()}
	}
	return json.NewEncoder(stdout).Encode(v)
}

// join writes the whole of the parts from descriptor 4 on to out.
func join(out *os.File, files []Arrival) (n int64, refused, fault error) {
	var parts []*gguf.Part
	for i, a := range files {
		f := os.NewFile(uintptr(firstFile+1+i), a.Name)
		if f == nil {
			return 0, nil, fmt.Errorf("model job: no part on descriptor %d", firstFile+1+i)
		}
		defer f.Close()
		if err := known(f, a.Size); err != nil {
			return 0, fmt.Errorf("%s: %w", a.Name, err), nil
		}
		p, err := gguf.CheckPart(a.Name, f, a.Size)
		if err != nil {
			return 0, err, nil
		}
		parts = append(parts, p)
	}
	w, err := gguf.Join(parts)
	if err != nil {
		return 0, err, nil
	}
	n, err = w.WriteTo(out)
	return n, nil, err
}

// Verdict reads what [Main] wrote about a file: a card, or a [*RefusedError].
func Verdict(out []byte) (Card, error) {
	v, err := verdictOf(out)
	if err != nil {
		return Card{}, err
	}
	if v.Card == nil {
		return Card{}, &RefusedError{"it was not looked at"}
	}
	return *v.Card, nil
}

// Joined reads what [Main] wrote about parts: the size of the whole, or a
// [*RefusedError].
func Joined(out []byte) (int64, error) {
	v, err := verdictOf(out)
	if err == nil && v.Bytes <= 0 {
		err = &RefusedError{"the parts were not joined"}
	}
	return v.Bytes, err
}

func verdictOf(out []byte) (verdict, error) {
	var v verdict
	if err := json.Unmarshal(out, &v); err != nil {
		return v, fmt.Errorf("model verdict: %w", err)
	}
	if v.Problem != "" {
		return v, &RefusedError{v.Problem}
	}
	return v, nil
}
