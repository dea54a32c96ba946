package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"skerry/appliance/llm"
	"skerry/appliance/policy"
)

type importIn struct {
	File     string      `query:"file" required:"true" minLength:"1" maxLength:"255" doc:"Name of the file."`
	ID       llm.ModelID `query:"id" maxLength:"41" doc:"Id in the catalogue; absent = made from the file's own name."`
	Title    string      `query:"title" maxLength:"200" doc:"For people; absent = what the file calls itself."`
	Profile  string      `query:"profile" maxLength:"64" doc:"Prompt profile; absent = the usual one."`
	Template string      `query:"template" maxLength:"64" doc:"Chat template; absent = recognised from the file."`
	Context  int         `query:"context" minimum:"0" doc:"Tokens of context to run it with; absent = chosen from the file."`
	SHA256   string      `query:"sha256" maxLength:"64" doc:"SHA-256 in hex that the file must have."`
	Start    bool        `query:"start" doc:"Start it at once."`
}

type importOut struct {
	Status   int
	Location string `header:"Location"`
	Body     ModelEntry
}

type removeIn struct {
	ID    llm.ModelID `path:"id" maxLength:"128"`
	Force bool        `query:"force" doc:"Also if the policy has it in a pool or calls are in progress, which end."`
}

// importPath is where model files arrive, which are larger than anything else.
const importPath = prefix + "/models"

func (a *API) bindImport() {
	op := post("import-model", "/models", "models", "Import a model file")
	op.Description = "The body is a GGUF file. It is checked before anything else looks at it, kept by its digest, and joins the catalogue stopped; " +
		"no run can use it until the policy names it. 201 when it is new, 200 when the same file was imported before."
	op.DefaultStatus = http.StatusCreated
	bind(a, route[importIn]{Operation: op, access: asked, action: policy.OperateModels, leaves: true}, a.importModel)

	// The body is described by hand because it is read by hand: it is large.
	doc := a.huma.OpenAPI()
	described := doc.Paths[importPath].Post
	described.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}
	described.Responses["200"] = &huma.Response{Description: "The same file was imported before.",
		Content: map[string]*huma.MediaType{"application/json": {Schema: schemaOf[ModelEntry](doc)}}}

	a.bindUpload()
	bind(a, route[removeIn]{Operation: operation("remove-model", http.MethodDelete, "/models/{id}", "models", "Remove an imported model and its file"),
		access: asked, action: policy.OperateModels, leaves: true, always: true}, a.removeModel)
}

// bodyLimit returns the largest body that a request may have: whoever sends
// more is cut off while sending.
func (a *API) bodyLimit(r *http.Request) int64 {
	if r.Method == http.MethodPost && r.URL.Path == importPath {
		return a.Models.Importing().MaxBytes
	}
	if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, prefix+"/model-uploads/") {
		return maxPieceBytes
	}
	return a.largestBody()
}

// maxPieceBytes bounds a piece of an upload; how large it has to be, the
// catalogue says.
const maxPieceBytes = 64 << 20

// patience is how long an upload may stand still.
const patience = time.Minute

// patientReader reads a body that takes as long as it takes, as long as
// something comes every now and then.
type patientReader struct {
	r  io.Reader
	rc *http.ResponseController
}

func (p patientReader) Read(b []byte) (int, error) {
	if err := p.rc.SetReadDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.r.Read(b)
}

func (a *API) importModel(ctx context.Context, in *importIn) (*importOut, error) {
	c := callerOf(ctx)
	rc := http.NewResponseController(c.writer)
	rc.SetWriteDeadline(time.Time{}) //nolint:errcheck // recorders in tests have none
	r := ModelImport{
		Name: fileName(in.File), ID: in.ID, Title: strings.TrimSpace(in.Title), Profile: in.Profile, Template: in.Template, ContextTokens: in.Context,
		SHA256: strings.ToLower(in.SHA256), Size: c.request.ContentLength, Body: patientReader{c.request.Body, rc}, By: c.who,
	}
	id, existed, err := a.Models.ImportModel(ctx, r)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, &Error{Status: http.StatusRequestEntityTooLarge, Code: "too-big", Detail: fmt.Sprintf("The file is larger than the %s that are taken in. Import a smaller model, or raise modelBytes in config.yaml.", bytesInWords(tooLarge.Limit))}
	}
	if err != nil {
		return nil, err
	}
	rc.SetReadDeadline(time.Time{})                      //nolint:errcheck // as above
	rc.SetWriteDeadline(time.Now().Add(2 * time.Minute)) //nolint:errcheck // as above
	return a.importedModel(ctx, id, existed, in.Start)
}

func (a *API) removeModel(ctx context.Context, in *removeIn) (*struct{}, error) {
	if _, err := a.model(ctx, in.ID); err != nil {
		return nil, err
	}
	if !in.Force {
		var pools []string
		for _, p := range a.Policies.Active().Pools {
			if slices.Contains(p.Models, in.ID) {
				pools = append(pools, p.Name)
			}
		}
		if len(pools) > 0 {
			return nil, &Error{Status: http.StatusConflict, Code: "model-in-use", Detail: fmt.Sprintf(
				"The active policy has the model %s in the pools %s, so runs may be routed to it. Take it out of the policy first, or remove it with force: runs that need it then wait.", in.ID, strings.Join(pools, ", "))}
		}
	}
	return nil, a.Models.RemoveModel(ctx, in.ID, in.Force, callerOf(ctx).who)
}
