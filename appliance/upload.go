package appliance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/catalogue"
	"skerry/appliance/llm"
	"skerry/plugins"
)

// BeginUpload implements api.Models.
func (m *models) BeginUpload(ctx context.Context, files []api.UploadFile) (api.ModelUpload, error) {
	wanted := make([]catalogue.Arrival, len(files))
	for i, f := range files {
		wanted[i] = catalogue.Arrival{Name: f.Name, Size: f.Size}
	}
	if err := m.sendable(wanted); err != nil {
		return api.ModelUpload{}, err
	}
	if n, err := m.kept.Sweep(time.Now()); err != nil || n > 0 {
		m.log.Info("uploads that nobody went on with are removed", "uploads", n, "err", err)
	}
	u, err := m.kept.Begin(ctx, wanted, time.Now())
	if err != nil {
		return api.ModelUpload{}, uploadFault(err)
	}
	return m.described(u), nil
}

// sendable checks what can be known of files before a byte arrives.
func (m *models) sendable(files []catalogue.Arrival) error {
	invalid := func(format string, a ...any) error {
		return &api.Error{Status: http.StatusUnprocessableEntity, Code: "import-invalid", Detail: fmt.Sprintf(format, a...)}
	}
	total, names := int64(0), map[string]bool{}
	for _, f := range files {
		switch {
		case f.Name == "" || f.Name != filepath.Base(f.Name) || strings.HasPrefix(f.Name, ".") || strings.ContainsAny(f.Name, "\\\x00\n"):
			return invalid("A file cannot be called %q here: give its name without folders.", f.Name)
		case names[f.Name]:
			return invalid("There are two files %s. Give each a name of its own.", f.Name)
		case f.Size <= 0:
			return invalid("The file %s is empty. Get it again.", f.Name)
		case f.Size > m.config.ModelBytes:
			return m.tooBig(f.Size)
		}
		names[f.Name] = true
		total += f.Size
	}
	if total > m.config.ModelBytes {
		return m.tooBig(total)
	}
	if _, err := kindOf(files); err != nil {
		return invalid("%s", sentence(err.Error()))
	}
	return m.roomFor(files, total)
}

func (m *models) tooBig(size int64) error {
	return &api.Error{Status: http.StatusRequestEntityTooLarge, Code: "too-big",
		Detail: fmt.Sprintf("The file has %s; at most %s are taken in. Raise modelBytes in config.yaml, or import a smaller model.", catalogue.Bytes(size), catalogue.Bytes(m.config.ModelBytes))}
}

// roomFor refuses files for which there is no room: what is still to come, what
// other uploads expect, and the model that is made of several.
func (m *models) roomFor(files []catalogue.Arrival, total int64) error {
	free, err := m.kept.Free()
	if err != nil {
		return err
	}
	need := total + m.kept.Arriving()
	if u, err := m.kept.Upload(context.Background(), catalogue.UploadID(files)); err == nil {
		for _, a := range u.Arrivals() {
			need -= a.Size // once among what arrives, and what is kept needs no room
		}
	}
	what := catalogue.Bytes(total)
	if len(files) > 1 {
		need += total // the whole, beside its parts
		what += ", and as much again for the one file that is made of them"
	}
	if need > free-reserveBytes {
		return &api.Error{Status: http.StatusInsufficientStorage, Code: "disk-full",
			Detail: fmt.Sprintf("The model has %s, and the data directory has room for %s beside what runs need. Make room on its disk, or remove a model that is not needed.", what, catalogue.Bytes(max(free-reserveBytes, 0)))}
	}
	return nil
}

// kind is what the files of an upload are.
type kind int

const (
	oneFile     kind = iota // GGUF
	splitParts              // GGUF in parts
	tensorFiles             // Safetensors, with config.json and tokenizer
)

// kindOf says what files are, by their names alone.
func kindOf(files []catalogue.Arrival) (kind, error) {
	gguf, tensors := 0, 0
	for _, f := range files {
		switch strings.ToLower(filepath.Ext(f.Name)) {
		case ".gguf":
			gguf++
		case ".safetensors":
			tensors++
		}
	}
	switch {
	case len(files) == 0:
		return 0, errors.New("there is no file; give a GGUF file, all parts of a split one, or the files of a Safetensors directory")
	case len(files) > catalogue.MaxUploadFiles:
		return 0, fmt.Errorf("a model of %d files is more than %d", len(files), catalogue.MaxUploadFiles)
	case tensors > 0 && gguf == 0:
		return tensorFiles, catalogue.AllSafetensors(files)
	case len(files) == 1:
		return oneFile, catalogue.AllParts(files)
	case gguf == len(files):
		return splitParts, catalogue.AllParts(files)
	}
	return 0, errors.New("these files are not one model: give one GGUF file, or all parts of a split one, or the files of one Safetensors directory")
}

// Upload implements api.Models.
func (m *models) Upload(ctx context.Context, id string) (api.ModelUpload, error) {
	u, err := m.kept.Upload(ctx, id)
	if err != nil {
		return api.ModelUpload{}, uploadFault(err)
	}
	return m.described(u), nil
}

// SendPiece implements api.Models.
func (m *models) SendPiece(ctx context.Context, p api.UploadPiece) (api.ModelUpload, error) {
	if err := m.kept.Append(ctx, p.Upload, p.File, p.At, p.Size, p.Body); err != nil {
		return api.ModelUpload{}, uploadFault(err)
	}
	return m.Upload(ctx, p.Upload)
}

// DiscardUpload implements api.Models.
func (m *models) DiscardUpload(_ context.Context, id string) error { return m.kept.Discard(id) }

// FinishUpload implements api.Models.
func (m *models) FinishUpload(ctx context.Context, upload string, r api.ModelImport) (id llm.ModelID, existed bool, err error) {
	release, err := m.takeImport()
	if err != nil {
		return "", false, err
	}
	defer release()
	err = m.kept.Take(ctx, upload, func(u *catalogue.Upload) (done bool, err error) {
		files := u.Arrivals()
		r.Size = 0
		for _, f := range files {
			r.Size += f.Size
		}
		if err := m.admissible(&r); err != nil {
			return false, err
		}
		var card catalogue.Card
		accept := func(ctx context.Context, f *os.File) (err error) {
			info, err := f.Stat()
			if err == nil {
				r.Size = info.Size()
				card, err = inspect(ctx, f.Name(), r.Size, r.Template)
			}
			return err
		}
		defer m.busyWith(upload, r.Size)()
		digest, err := m.assembled(ctx, u, files, r.SHA256, accept)
		if err != nil {
			// What is at fault itself is of no use; what failed for another
			// reason need not be sent again.
			return isRefused(err), importFault(err)
		}
		if id, existed, err = m.adopt(ctx, &r, digest, card); err != nil {
			return false, errors.Join(err, m.dropUnused(digest))
		}
		return true, nil
	})
	if err != nil {
		return "", false, uploadFault(err)
	}
	if !existed {
		m.log.Info("model imported", "model", id, "file", r.Name, "bytes", r.Size, "by", r.By.ID)
	}
	return id, existed, nil
}

func isRefused(err error) bool {
	var refused *catalogue.RefusedError
	return errors.As(err, &refused) || errors.Is(err, catalogue.ErrOtherDigest)
}

// assembled makes one kept file of an upload.
func (m *models) assembled(ctx context.Context, u *catalogue.Upload, files []catalogue.Arrival, digest string, accept func(context.Context, *os.File) error) (string, error) {
	k, err := kindOf(files)
	if err != nil {
		return "", &catalogue.RefusedError{Why: err.Error()}
	}
	if k == oneFile {
		return m.kept.Adopt(ctx, u, digest, accept)
	}
	opened, err := openAll(u, len(files))
	if err != nil {
		return "", err
	}
	defer func() {
		for _, f := range opened {
			_ = f.Close() // was read only
		}
	}()
	return m.kept.Made(ctx, digest, func(out *os.File) error {
		m.watchWritten(u.ID, out)
		if k == splitParts {
			return join(ctx, files, opened, out)
		}
		return m.convert(ctx, files, opened, out)
	}, accept)
}

func openAll(u *catalogue.Upload, n int) ([]*os.File, error) {
	var list []*os.File
	for i := range n {
		f, err := u.Open(i)
		if err != nil {
			for _, f := range list {
				_ = f.Close()
			}
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

// copyBytesPerSecond is how fast a slow host copies a file in CPU time.
const copyBytesPerSecond = 100 << 20

// join writes the whole of a split model to out, in a process of its own.
func join(ctx context.Context, parts []catalogue.Arrival, files []*os.File, out *os.File) error {
	job, err := catalogue.JoinJob(parts)
	if err != nil {
		return err
	}
	total := int64(0)
	for _, p := range parts {
		total += p.Size
	}
	answer, err := plugins.RunIsolated(ctx, plugins.Isolated{
		Args: []string{catalogue.Verb}, Stdin: job, Files: append([]*os.File{out}, files...), FileBytes: total + inspectMemoryBytes,
		MemoryBytes: inspectMemoryBytes, CPU: inspectCPU + time.Duration(total/copyBytesPerSecond)*time.Second, Timeout: time.Hour + time.Duration(total/loadBytesPerSecond)*time.Second,
	})
	if err != nil {
		return endedIn(ctx, "joined the parts", err)
	}
	_, err = catalogue.Joined(answer)
	return err
}

// endedIn says that a process which did something to files came to its end.
func endedIn(ctx context.Context, did string, err error) error {
	var failed *plugins.IsolatedError
	if errors.As(err, &failed) {
		switch {
		case failed.Reason == plugins.IsolatedCancelled:
			return context.Cause(ctx)
		case strings.Contains(failed.Stderr, syscall.ENOSPC.Error()):
			return fmt.Errorf("%s: %w", did, syscall.ENOSPC)
		}
	}
	return &catalogue.RefusedError{Why: "the process that " + did + " came to its end (" + err.Error() + "), so nothing is taken in; get the files from their publisher again"}
}

// uploadFault turns an error of an upload into one that says what to do.
func uploadFault(err error) error {
	conflict := func(code, detail string) error {
		return &api.Error{Status: http.StatusConflict, Code: code, Detail: detail, Err: err}
	}
	var shown *api.Error
	switch {
	case errors.As(err, &shown):
		return err
	case errors.Is(err, catalogue.ErrNoUpload):
		return &api.Error{Status: http.StatusNotFound, Code: "no-upload", Err: err,
			Detail: "There is no such upload: it is done, was discarded, or nobody went on with it for a week. Begin again."}
	case errors.Is(err, catalogue.ErrUploadBusy):
		return conflict("upload-busy", "Somebody is sending to this upload, or it is being checked. Wait until that is done and try again.")
	case errors.Is(err, catalogue.ErrTooMany):
		return conflict("too-many-uploads", fmt.Sprintf("%d uploads are under way already. Finish one, or discard one.", catalogue.MaxUploads))
	case errors.Is(err, catalogue.ErrOffset):
		return conflict("other-offset", sentence(err.Error())+" Ask how far it is, and go on from there.")
	case errors.Is(err, catalogue.ErrIncomplete):
		return &api.Error{Status: http.StatusConflict, Code: "incomplete", Err: err, Detail: sentence(err.Error()) + " What came before is kept; go on from there."}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &api.Error{Status: http.StatusInsufficientStorage, Code: "disk-full", Err: err,
			Detail: "The disk of the data directory is full. What has come is kept: make room on the disk and import the same again, and it goes on from there."}
	}
	return importFault(err)
}

// progressOf is what an upload is being turned into.
type progressOf struct {
	out   *os.File
	total int64
}

// busyWith notes that an upload is being checked, until the function that it
// returns is called.
func (m *models) busyWith(upload string, total int64) (done func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.making[upload] = progressOf{total: total}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.making, upload)
	}
}

// watchWritten lets [models.described] say how much of the whole is written.
func (m *models) watchWritten(upload string, out *os.File) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.making[upload]
	p.out = out
	m.making[upload] = p
}

// described is an upload for the API.
func (m *models) described(u *catalogue.Upload) api.ModelUpload {
	d := api.ModelUpload{ID: u.ID, ChunkBytes: catalogue.ChunkBytes, BeganAt: u.Began, Stage: "receiving"}
	for _, a := range u.Arrivals() {
		d.Files = append(d.Files, api.UploadedFile{Name: a.Name, Size: a.Size, Kept: a.Kept, Digest: a.Digest})
		d.Done += a.Kept
		d.Total += a.Size
	}
	m.mu.Lock()
	p, busy := m.making[u.ID]
	m.mu.Unlock()
	if !busy {
		return d
	}
	d.Stage = "checking"
	if p.out != nil {
		d.Stage, d.Done, d.Total = "assembling", 0, p.total
		if info, err := p.out.Stat(); err == nil { // closed means done
			d.Done = min(info.Size(), p.total)
		}
	}
	return d
}

// Uploads implements api.Models.
func (m *models) Uploads(ctx context.Context) ([]api.ModelUpload, error) {
	list, err := m.kept.Uploads(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]api.ModelUpload, 0, len(list))
	for _, u := range list {
		out = append(out, m.described(u))
	}
	slices.SortFunc(out, func(a, b api.ModelUpload) int { return a.BeganAt.Compare(b.BeganAt) })
	return out, nil
}
