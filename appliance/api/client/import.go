package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"skerry/appliance/api"
	"skerry/appliance/llm"
)

// ModelUpload is a model file to import. Its content is read once.
type ModelUpload struct {
	Name          string
	Content       io.Reader
	Size          int64 // bytes of Content
	ID            llm.ModelID
	Title         string
	Profile       string
	Template      string
	ContextTokens int
	SHA256        string
	Start         bool
}

// ImportModel imports a model file. new is false if the same file was imported
// before.
func (c *Client) ImportModel(ctx context.Context, u ModelUpload) (entry api.ModelEntry, isNew bool, err error) {
	start := ""
	if u.Start {
		start = "true"
	}
	q := query("/models", "file", u.Name, "id", string(u.ID), "title", u.Title, "profile", u.Profile, "template", u.Template,
		"context", number(u.ContextTokens), "sha256", u.SHA256, "start", start)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.root+q, io.NopCloser(u.Content))
	if err != nil {
		return api.ModelEntry{}, false, err
	}
	r.ContentLength = u.Size
	r.Header.Set("Content-Type", "application/octet-stream")
	// A refusal comes before the end of the body: ask first whether to send it.
	r.Header.Set("Expect", "100-continue")
	resp, err := c.do(r)
	if err != nil {
		return api.ModelEntry{}, false, err
	}
	isNew = resp.StatusCode == http.StatusCreated
	entry, err = answer[api.ModelEntry](resp, nil)
	return entry, isNew, err
}

// ExamineModel examines a running model, which takes minutes, and returns it
// with its scorecard.
func (c *Client) ExamineModel(ctx context.Context, id llm.ModelID) (api.ModelEntry, error) {
	return send[api.ModelEntry](ctx, c, http.MethodPost, path("models", string(id), "exam"), nil)
}

// RemoveModel removes an imported model; force also one that is in use.
func (c *Client) RemoveModel(ctx context.Context, id llm.ModelID, force bool) error {
	resp, err := c.call(ctx, http.MethodDelete, query(path("models", string(id)), "force", strconv.FormatBool(force)), nil, nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// PolicyVersions returns every version of the policy and who activated which.
func (c *Client) PolicyVersions(ctx context.Context) (api.PolicyVersions, error) {
	return get[api.PolicyVersions](ctx, c, "/policy/versions")
}

// PutPolicy keeps a version of the policy and, with activate, makes it the
// active one; dry only says what would change.
func (c *Client) PutPolicy(ctx context.Context, source []byte, activate, dry bool) (api.PolicyChange, error) {
	return c.PutPolicyNoted(ctx, source, activate, dry, "")
}

// PutPolicyNoted is [Client.PutPolicy] with a note for whoever has to approve it.
func (c *Client) PutPolicyNoted(ctx context.Context, source []byte, activate, dry bool, note string) (api.PolicyChange, error) {
	q := query("/policy", "activate", strconv.FormatBool(activate), "dry", strconv.FormatBool(dry), "note", note)
	return answer[api.PolicyChange](c.call(ctx, http.MethodPost, q, yaml(), bytes.NewReader(source)))
}
