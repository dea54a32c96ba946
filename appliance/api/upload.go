package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"skerry/appliance/llm"
	"skerry/appliance/policy"
)

// ModelUpload is a model on its way in. It can be broken off and gone on with.
type ModelUpload struct {
	ID         string         `json:"id"`
	ChunkBytes int64          `json:"chunkBytes" doc:"Size of a piece; the last of a file is what is left."`
	Files      []UploadedFile `json:"files"`
	BeganAt    time.Time      `json:"beganAt"`
	Stage      string         `json:"stage" enum:"receiving,checking,assembling" doc:"What happens to it now."`
	Done       int64          `json:"done" doc:"Bytes that the stage has done."`
	Total      int64          `json:"total" doc:"Bytes that it has to do; an estimate while a whole is assembled."`
}

// UploadFile is a file that is to be sent.
type UploadFile struct {
	Name string `json:"name" minLength:"1" maxLength:"255"`
	Size int64  `json:"size" minimum:"1" doc:"In bytes."`
}

// UploadedFile is a file as far as it has come.
type UploadedFile struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	Kept   int64  `json:"kept" doc:"Bytes that are here; the next piece begins there."`
	Digest string `json:"digest" doc:"SHA-256 over the SHA-256s of the pieces that are here. Compare it with the file before you go on with an upload."`
}

type beginUploadIn struct {
	Body struct {
		Files []UploadFile `json:"files" minItems:"1" maxItems:"600"`
	}
}

type uploadIn struct {
	Upload string `path:"upload" maxLength:"64"`
}

type pieceIn struct {
	Upload string `path:"upload" maxLength:"64"`
	File   int    `path:"number" minimum:"0"`
	Range  string `header:"Content-Range" required:"true" doc:"bytes FROM-TO/SIZE, both ends included, as in RFC 9110 section 14.4."`
}

type finishUploadIn struct {
	Upload string `path:"upload" maxLength:"64"`
	Body   struct {
		File     string      `json:"file,omitempty" maxLength:"255" doc:"Name that the model is to be known by; absent = that of its first file."`
		ID       llm.ModelID `json:"id,omitempty" maxLength:"41" doc:"Id in the catalogue; absent = made from the file's own name."`
		Title    string      `json:"title,omitempty" maxLength:"200" doc:"For people; absent = what the file calls itself."`
		Profile  string      `json:"profile,omitempty" maxLength:"64" doc:"Prompt profile; absent = the usual one."`
		Template string      `json:"template,omitempty" maxLength:"64" doc:"Chat template; absent = recognised from the file."`
		Context  int         `json:"context,omitempty" minimum:"0" doc:"Tokens of context to run it with; absent = chosen from the file."`
		SHA256   string      `json:"sha256,omitempty" maxLength:"64" doc:"SHA-256 in hex that the file, or what is made of several, must have."`
		Start    bool        `json:"start,omitempty" doc:"Start it at once."`
	}
}

func (a *API) bindUpload() {
	const path = "/model-uploads"
	op := post("begin-upload", path, "models", "Begin to send the files of a model, or go on with an upload")
	op.Description = "One GGUF file, all parts of a split one, or the files of a Safetensors directory. The same files, by name and size, are the same upload: " +
		"what has come of it is kept for a week. Compare the digests before you go on, and discard it where they differ."
	op.MaxBodyBytes = maxSmallBodyBytes
	bind(a, route[beginUploadIn]{Operation: op, access: asked, action: policy.OperateModels}, a.beginUpload)
	bind(a, route[struct{}]{Operation: get("uploads", path, "models", "The uploads that are under way"), access: asked, action: policy.OperateModels}, a.uploads)
	bind(a, route[uploadIn]{Operation: get("upload", path+"/{upload}", "models", "How far an upload is"), access: asked, action: policy.OperateModels}, a.upload)
	bind(a, route[pieceIn]{Operation: operation("send-piece", http.MethodPut, path+"/{upload}/files/{number}", "models", "Send the next piece of a file"),
		access: asked, action: policy.OperateModels}, a.sendPiece)
	doc := a.huma.OpenAPI()
	doc.Paths[prefix+path+"/{upload}/files/{number}"].Put.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}
	finish := post("finish-upload", path+"/{upload}/import", "models", "Check what was sent and take the model in")
	finish.Description = "The parts of a split model are joined, Safetensors are converted. It joins the catalogue stopped; no run can use it until the policy names it. " +
		"201 when it is new, 200 when the same file was imported before."
	finish.DefaultStatus = http.StatusCreated
	bind(a, route[finishUploadIn]{Operation: finish, access: asked, action: policy.OperateModels, leaves: true}, a.finishUpload)
	doc.Paths[prefix+path+"/{upload}/import"].Post.Responses["200"] = &huma.Response{Description: "The same file was imported before.",
		Content: map[string]*huma.MediaType{"application/json": {Schema: schemaOf[ModelEntry](doc)}}}
	bind(a, route[uploadIn]{Operation: operation("discard-upload", http.MethodDelete, path+"/{upload}", "models", "Forget an upload and what has come of it"),
		access: asked, action: policy.OperateModels, leaves: true, always: true}, a.discardUpload)
}

// UploadList is the uploads that are under way.
type UploadList struct {
	Uploads []ModelUpload `json:"uploads"`
}

func (a *API) uploads(ctx context.Context, _ *struct{}) (*body[UploadList], error) {
	list, err := a.Models.Uploads(ctx)
	return &body[UploadList]{UploadList{list}}, err
}

// unhurried lifts the time limit of an answer that takes as long as a file is
// large, and returns what puts it back.
func unhurried(ctx context.Context) (rc *http.ResponseController, impatient func()) {
	rc = http.NewResponseController(callerOf(ctx).writer)
	rc.SetWriteDeadline(time.Time{}) //nolint:errcheck // recorders in tests have none
	return rc, func() {
		rc.SetReadDeadline(time.Time{})                      //nolint:errcheck // as above
		rc.SetWriteDeadline(time.Now().Add(2 * time.Minute)) //nolint:errcheck // as above
	}
}

func (a *API) beginUpload(ctx context.Context, in *beginUploadIn) (*body[ModelUpload], error) {
	_, impatient := unhurried(ctx) // what was kept before is read
	u, err := a.Models.BeginUpload(ctx, in.Body.Files)
	impatient()
	return &body[ModelUpload]{u}, err
}

func (a *API) upload(ctx context.Context, in *uploadIn) (*body[ModelUpload], error) {
	_, impatient := unhurried(ctx)
	u, err := a.Models.Upload(ctx, in.Upload)
	impatient()
	return &body[ModelUpload]{u}, err
}

func (a *API) discardUpload(ctx context.Context, in *uploadIn) (*struct{}, error) {
	return nil, a.Models.DiscardUpload(ctx, in.Upload)
}

func (a *API) sendPiece(ctx context.Context, in *pieceIn) (*body[ModelUpload], error) {
	var from, to, size int64
	if n, err := fmt.Sscanf(in.Range, "bytes %d-%d/%d", &from, &to, &size); n != 3 || err != nil || from < 0 || to < from || to >= size {
		return nil, invalid("header.Content-Range", "Content-Range is %q and has to say which bytes these are, like: bytes 0-16777215/4920000000.", in.Range)
	}
	c := callerOf(ctx)
	rc, impatient := unhurried(ctx)
	u, err := a.Models.SendPiece(ctx, UploadPiece{Upload: in.Upload, File: in.File, At: from, Size: to - from + 1, Body: patientReader{c.request.Body, rc}})
	impatient()
	return &body[ModelUpload]{u}, err
}

func (a *API) finishUpload(ctx context.Context, in *finishUploadIn) (*importOut, error) {
	b := &in.Body
	c := callerOf(ctx)
	_, impatient := unhurried(ctx)
	id, existed, err := a.Models.FinishUpload(ctx, in.Upload, ModelImport{
		Name: fileName(b.File), ID: b.ID, Title: strings.TrimSpace(b.Title), Profile: b.Profile, Template: b.Template, ContextTokens: b.Context,
		SHA256: strings.ToLower(b.SHA256), By: c.who,
	})
	impatient()
	if err != nil {
		return nil, err
	}
	return a.importedModel(ctx, id, existed, b.Start)
}

// importedModel answers an import with the new entry of the catalogue.
func (a *API) importedModel(ctx context.Context, id llm.ModelID, existed, start bool) (*importOut, error) {
	out := &importOut{Status: http.StatusCreated, Location: importPath + "/" + string(id)}
	if existed {
		out.Status = http.StatusOK
	}
	if start {
		if err := a.Models.StartModel(ctx, id, callerOf(ctx).who); err != nil {
			return nil, err
		}
	}
	m, err := a.model(ctx, id)
	if err != nil {
		return nil, err
	}
	out.Body = m.Body
	return out, nil
}
