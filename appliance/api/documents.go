package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

type documentIn struct {
	ID    mission.RunID `path:"id" maxLength:"64"`
	Input string        `path:"input" maxLength:"64"`
}

func (a *API) bindDocuments() {
	object := aboutRun(a, func(in *documentIn) mission.RunID { return in.ID })
	bind(a, route[documentIn]{Operation: binary(get("document", "/runs/{id}/documents/{input}", "runs", "A document as it was uploaded"), "application/octet-stream", "the file as it is, always as an attachment"),
		access: asked, action: policy.ReadRuns, object: object, reads: policy.ReadRuns, reveals: copies}, a.document)
	bind(a, route[documentIn]{Operation: binary(get("document-text", "/runs/{id}/documents/{input}/text", "runs", "The text that was read from a document"), "text/plain", "the text, UTF-8"),
		access: asked, action: policy.ReadRuns, object: object, reads: policy.ReadRuns, reveals: copies}, a.documentText)
}

// attachment answers with bytes that a browser saves and never shows: they come
// from outside.
func attachment(name, mediaType string, data []byte) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		attach(ctx, name, mediaType, int64(len(data)))
		ctx.BodyWriter().Write(data) //nolint:errcheck // the caller is gone; nobody is left to tell
	}}
}

func attach(ctx huma.Context, name, mediaType string, size int64) {
	ctx.SetHeader("Content-Type", safeType(mediaType))
	ctx.SetHeader("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	ctx.SetHeader("Content-Length", strconv.FormatInt(size, 10))
	ctx.SetStatus(http.StatusOK)
}

// safeType returns the media type where it is one that missions take, and
// bytes of no meaning otherwise: a file that calls itself HTML stays inert.
func safeType(mediaType string) string {
	switch base, _, _ := strings.Cut(mediaType, ";"); strings.TrimSpace(base) {
	case "application/pdf":
		return "application/pdf"
	case "text/plain":
		return mediaType
	}
	return "application/octet-stream"
}

// typeByName guesses the media type of a document that has not been read.
func typeByName(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".pdf":
		return "application/pdf"
	case ".txt", ".text":
		return "text/plain"
	}
	return ""
}

func (a *API) document(ctx context.Context, in *documentIn) (*huma.StreamResponse, error) {
	run, err := a.fold(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	ref := run.Input[in.Input].Document
	if ref == nil {
		return nil, notFound("document", in.Input)
	}
	mediaType := run.Documents[in.Input].MediaType
	if mediaType == "" {
		mediaType = typeByName(ref.Name)
	}
	return a.blob(ctx, ref.SHA256, func(hc huma.Context) { attach(hc, ref.Name, mediaType, ref.SizeBytes) })
}

func (a *API) documentText(ctx context.Context, in *documentIn) (*huma.StreamResponse, error) {
	run, err := a.fold(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	read := run.Documents[in.Input]
	if read.TextSHA256 == "" {
		why := "it has not been read yet; wait a moment"
		if read.Problem != "" {
			why = read.Problem
		}
		return nil, &Error{Status: http.StatusNotFound, Code: "no-text", Detail: fmt.Sprintf("There is no text of document %q: %s", in.Input, why)}
	}
	return a.blob(ctx, read.TextSHA256, func(hc huma.Context) {
		hc.SetHeader("Content-Type", "text/plain; charset=utf-8")
		hc.SetStatus(http.StatusOK)
	})
}

// blob answers with a blob behind the given head. It is opened before the
// status is written, so that one that is missing is an error like any other.
func (a *API) blob(ctx context.Context, digest string, head func(huma.Context)) (*huma.StreamResponse, error) {
	r, err := a.Blobs.Open(ctx, digest)
	if err != nil {
		return nil, fmt.Errorf("open blob %s: %w", digest, opaque(err))
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer r.Close()
		head(hc)
		if _, err := io.Copy(patient(hc), r); err != nil {
			a.Log.WarnContext(hc.Context(), "document not sent to its end", "blob", digest, "err", err)
			panic(http.ErrAbortHandler) // the length was promised; a short answer must not look whole
		}
	}}, nil
}

// patient returns a writer whose reader may take as long as it wants, as long as
// it takes something every now and then.
func patient(hc huma.Context) io.Writer {
	w := humagin.Unwrap(hc).Writer
	return patientWriter{w, http.NewResponseController(w)}
}

type patientWriter struct {
	w  io.Writer
	rc *http.ResponseController
}

func (p patientWriter) Write(b []byte) (int, error) {
	if err := p.rc.SetWriteDeadline(time.Now().Add(usualAnswerTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.w.Write(b)
}

// opaque hides sentinels: a blob that a run names and that is missing is a
// fault of the appliance, not a slip of the caller.
func opaque(err error) error { return fmt.Errorf("%v", err) } //nolint:errorlint // on purpose

// readText returns the text of a document, or "" if it has none or is longer
// than what pages show.
func (a *API) readText(ctx context.Context, read mission.ReadData) (string, error) {
	if read.TextSHA256 == "" || read.Characters > maxShownCharacters {
		return "", nil
	}
	r, err := a.Blobs.Open(ctx, read.TextSHA256)
	if err != nil {
		return "", fmt.Errorf("open text of %s: %w", read.Input, opaque(err))
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return "", fmt.Errorf("read text of %s: %w", read.Input, err)
	}
	return string(b), nil
}

const maxShownCharacters = 2_000_000
