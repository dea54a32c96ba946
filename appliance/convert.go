package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"skerry/appliance/catalogue"
	"skerry/plugins"
	"skerry/plugins/local/safetensors"
)

// convertBytesPerSecond is how fast a slow host converts weights in CPU time.
const convertBytesPerSecond = 10 << 20

// convert makes GGUF of a Safetensors model, in two processes that have nothing
// to lose: ours checks the files and says what converting takes, the converter
// then gets no more than that.
func (m *models) convert(ctx context.Context, files []catalogue.Arrival, opened []*os.File, out *os.File) error {
	job, err := catalogue.TensorsJob(files)
	if err != nil {
		return err
	}
	answer, err := plugins.RunIsolated(ctx, plugins.Isolated{
		Args: []string{catalogue.Verb}, Stdin: job, Files: opened, MemoryBytes: 2 * inspectMemoryBytes, CPU: 2 * inspectCPU,
	})
	if err != nil {
		return endedIn(ctx, "looked at the files", err)
	}
	needs, err := catalogue.TensorsChecked(answer)
	if err != nil {
		return err
	}
	if have := catalogue.Available(); have > 0 && needs.MemoryBytes > have {
		return &catalogue.RefusedError{Why: fmt.Sprintf("converting its largest tensor may take %s of memory, and %s is available on this host; stop models that are not needed, or convert it elsewhere with llama.cpp's convert_hf_to_gguf.py",
			catalogue.Bytes(needs.MemoryBytes), catalogue.Bytes(have))}
	}
	work := safetensors.Job{}
	total := int64(0)
	for _, f := range files {
		work.Files = append(work.Files, safetensors.Named{Name: f.Name, Size: f.Size})
		total += f.Size
	}
	if job, err = json.Marshal(work); err != nil {
		return err
	}
	image, err := converterImage()
	if err != nil {
		return err
	}
	answer, err = plugins.RunIsolated(ctx, plugins.Isolated{
		Image: image, Dir: filepath.Join(m.config.Data, "run"),
		Env:   []string{"GOMAXPROCS=1", fmt.Sprintf("GOMEMLIMIT=%d", needs.MemoryBytes/4*3)}, // one tensor at a time
		Stdin: job, Files: append([]*os.File{out}, opened...), FileBytes: needs.FileBytes, MemoryBytes: needs.MemoryBytes,
		CPU:     inspectCPU + time.Duration(total/convertBytesPerSecond)*time.Second,
		Timeout: time.Hour + time.Duration(total/convertBytesPerSecond)*time.Second,
	})
	if err := image.Close(); err != nil {
		m.log.Warn("the converter's memory is not given back", "error", err)
	}
	if err != nil {
		return endedIn(ctx, "converted the model", err)
	}
	var r safetensors.Result
	switch err := json.Unmarshal(answer, &r); {
	case err != nil:
		return fmt.Errorf("what the converter says: %w", err)
	case r.Problem != "":
		return &catalogue.RefusedError{Why: r.Problem}
	case r.Bytes <= 0:
		return errors.New("the converter wrote nothing")
	}
	return nil
}
