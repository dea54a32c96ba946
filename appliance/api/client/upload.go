package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/llm"
)

// LocalFile is a file to be sent.
type LocalFile struct {
	Name    string
	Size    int64 // bytes
	Content io.ReaderAt
}

// ModelFiles is a model to import in one file or several. An import that was
// broken off is gone on with when the same files are sent again.
type ModelFiles struct {
	Files         []LocalFile
	Name          string // that the model is known by; "" = that of the first file
	ID            llm.ModelID
	Title         string
	Profile       string
	Template      string
	ContextTokens int
	SHA256        string // of the one file, or of what is made of several
	Start         bool

	// Progress is told how far the upload is, every now and then; resumed are
	// the bytes that were there before. nil = nobody cares.
	Progress func(u api.ModelUpload, resumed int64)
}

// progressEvery is how often a long assembly is asked how far it is.
const progressEvery = time.Second

// SendModel imports a model. new is false if the same file was imported before.
func (c *Client) SendModel(ctx context.Context, m ModelFiles) (entry api.ModelEntry, isNew bool, err error) {
	u, err := c.beginUpload(ctx, m.Files)
	if err != nil {
		return api.ModelEntry{}, false, err
	}
	resumed := u.Done
	told := func(u api.ModelUpload) {
		if m.Progress != nil {
			m.Progress(u, resumed)
		}
	}
	told(u)
	for n, f := range m.Files {
		for at := u.Files[n].Kept; at < f.Size; at = u.Files[n].Kept {
			if u, err = c.sendPiece(ctx, u, n, io.NewSectionReader(f.Content, at, min(u.ChunkBytes, f.Size-at)), at, f.Size); err != nil {
				return api.ModelEntry{}, false, fmt.Errorf("send %s: %w", f.Name, err)
			}
			told(u)
		}
	}
	return c.finishUpload(ctx, u.ID, m, told)
}

// beginUpload begins an upload or goes on with one, if what is there is what is
// to be sent.
func (c *Client) beginUpload(ctx context.Context, files []LocalFile) (api.ModelUpload, error) {
	var in struct {
		Files []api.UploadFile `json:"files"`
	}
	for _, f := range files {
		in.Files = append(in.Files, api.UploadFile{Name: f.Name, Size: f.Size})
	}
	u, err := send[api.ModelUpload](ctx, c, http.MethodPost, "/model-uploads", in)
	if err != nil {
		return u, err
	}
	if len(u.Files) != len(files) || u.ChunkBytes <= 0 {
		return u, errors.New("the appliance answers with another upload than was asked for")
	}
	for n, f := range files {
		ours, err := ChunkDigest(ctx, io.NewSectionReader(f.Content, 0, u.Files[n].Kept), u.ChunkBytes)
		if err != nil {
			return u, fmt.Errorf("read %s: %w", f.Name, err)
		}
		if ours != u.Files[n].Digest { // another file of the same name and size, or a damaged disk
			if err := c.DiscardUpload(ctx, u.ID); err != nil {
				return u, err
			}
			return send[api.ModelUpload](ctx, c, http.MethodPost, "/model-uploads", in)
		}
	}
	return u, nil
}

// ChunkDigest returns the SHA-256 in hex over the SHA-256s of the chunks of r,
// which is what an upload says about the part of a file that it has.
func ChunkDigest(ctx context.Context, r io.Reader, chunkBytes int64) (string, error) {
	all := sha256.New()
	for ctx.Err() == nil {
		chunk := sha256.New()
		n, err := io.CopyN(chunk, r, chunkBytes)
		if n > 0 {
			all.Write(chunk.Sum(nil))
		}
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(all.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", ctx.Err()
}

func (c *Client) sendPiece(ctx context.Context, u api.ModelUpload, n int, piece *io.SectionReader, at, size int64) (api.ModelUpload, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, c.root+path("model-uploads", u.ID, "files", fmt.Sprint(n)), io.NopCloser(piece))
	if err != nil {
		return u, err
	}
	r.ContentLength = piece.Size()
	r.Header.Set("Content-Type", "application/octet-stream")
	r.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", at, at+piece.Size()-1, size))
	return answer[api.ModelUpload](c.do(r))
}

func (c *Client) finishUpload(ctx context.Context, id string, m ModelFiles, told func(api.ModelUpload)) (entry api.ModelEntry, isNew bool, err error) {
	in := map[string]any{}
	for k, v := range map[string]string{"file": m.Name, "id": string(m.ID), "title": m.Title, "profile": m.Profile, "template": m.Template, "sha256": strings.ToLower(m.SHA256)} {
		if v != "" {
			in[k] = v
		}
	}
	if m.Name == "" {
		in["file"] = m.Files[0].Name
	}
	if m.ContextTokens != 0 {
		in["context"] = m.ContextTokens
	}
	if m.Start {
		in["start"] = true
	}
	watching, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-watching.Done():
				return
			case <-tick.C:
			}
			if u, err := get[api.ModelUpload](watching, c, path("model-uploads", id)); err == nil {
				told(u)
			}
		}
	}()
	defer func() { stop(); <-watched }()
	resp, err := c.post(ctx, path("model-uploads", id, "import"), in)
	if err != nil {
		return api.ModelEntry{}, false, err
	}
	isNew = resp.StatusCode == http.StatusCreated
	entry, err = answer[api.ModelEntry](resp, nil)
	return entry, isNew, err
}

func (c *Client) post(ctx context.Context, path string, in any) (*http.Response, error) {
	b, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	return c.call(ctx, http.MethodPost, path, http.Header{"Content-Type": {"application/json"}}, bytes.NewReader(b))
}

// Uploads returns the uploads that are under way.
func (c *Client) Uploads(ctx context.Context) ([]api.ModelUpload, error) {
	l, err := get[api.UploadList](ctx, c, "/model-uploads")
	return l.Uploads, err
}

// DiscardUpload forgets an upload and what has come of it.
func (c *Client) DiscardUpload(ctx context.Context, id string) error {
	resp, err := c.call(ctx, http.MethodDelete, path("model-uploads", id), nil, nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}
