package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

type startIn struct {
	Name string `path:"name" maxLength:"64"`
	Key  string `header:"Idempotency-Key" maxLength:"200" doc:"The same key starts at most one run; a repeat answers with that run."`
	Wait string `query:"wait" pattern:"^[0-9]{1,3}s$" example:"30s" doc:"Answer when the run has ended or waits for a decision, or after this time, 120s at most."`
}

type startOut struct {
	Status   int
	Location string `header:"Location"`
	Body     mission.Summary
}

// overheadBytes is what a form or a JSON body may hold beside its documents.
const overheadBytes = 1 << 20

const (
	uploadTime = 5 * time.Minute   // to send the whole body
	maxWait    = 120 * time.Second // longest that a start is waited for
)

// largestBody returns the largest body that any operation takes: a document
// in base64, which is a third longer than itself.
func (a *API) largestBody() int64 { return a.MaxUploadBytes*4/3 + overheadBytes }

func (a *API) bindStart() {
	start := post("start-run", "/missions/{name}/runs", "runs", "Start a run")
	start.Description = "Send a form with a part input.NAME for every input (a file or a value), or JSON. The run is durable when the answer comes: 202 while it goes on, 200 where wait saw it end or wait for a decision."
	start.DefaultStatus = http.StatusAccepted
	bind(a, route[startIn]{Operation: start, access: asked, action: policy.StartRun,
		object: named(func(in *startIn) string { return in.Name }), reads: policy.ReadMissions}, a.start)

	// The body is described by hand because it is read by hand: it comes in two
	// shapes, and documents go to the blob store as they arrive.
	doc := a.huma.OpenAPI()
	op := doc.Paths[prefix+"/missions/{name}/runs"].Post
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json": {Schema: schemaOf[StartBody](doc)},
		"multipart/form-data": {Schema: &huma.Schema{
			Type:                 huma.TypeObject,
			Description:          "A part input.NAME for every input, as a file or as a value; version as a value.",
			Properties:           map[string]*huma.Schema{"version": {Type: huma.TypeInteger, Description: "Version to run; absent = the latest published."}},
			AdditionalProperties: &huma.Schema{Type: huma.TypeString, Format: "binary"},
		}},
	}}
	op.Responses["200"] = &huma.Response{Description: "The run has ended or waits for a decision.",
		Content: map[string]*huma.MediaType{"application/json": {Schema: schemaOf[mission.Summary](doc)}}}
}

func (a *API) start(ctx context.Context, in *startIn) (*startOut, error) {
	c := callerOf(ctx)
	wait := time.Duration(0)
	if in.Wait != "" {
		var err error
		if wait, err = time.ParseDuration(in.Wait); err != nil || wait > maxWait {
			return nil, invalid("query.wait", "wait is a number of seconds up to %s, like 30s", maxWait)
		}
	}
	info, err := a.Missions.Mission(ctx, in.Name)
	if errors.Is(err, mission.ErrNotFound) {
		err = notFound("mission", in.Name)
	}
	if err != nil {
		return nil, err
	}
	if len(info.Versions) == 0 {
		return nil, &Error{Status: http.StatusConflict, Code: "not-published", Detail: "The mission " + in.Name + " has never been published, so it cannot be run. Publish its draft first."}
	}
	deadlines := http.NewResponseController(c.writer)
	deadlines.SetReadDeadline(time.Now().Add(uploadTime)) //nolint:errcheck // recorders in tests have none
	r := StartRequest{Mission: in.Name, By: c.who, Input: map[string]mission.InputValue{}}
	if err := a.readStart(ctx, c.request, &info, &r); err != nil {
		return nil, err
	}
	deadlines.SetReadDeadline(time.Time{})                          //nolint:errcheck // as above
	deadlines.SetWriteDeadline(time.Now().Add(wait + a.AnswerTime)) //nolint:errcheck // as above
	if in.Key != "" {
		r.Key = c.who.ID + "/" + in.Key // one caller's keys say nothing about another's
	}
	id, err := a.Engine.Start(ctx, r)
	if errors.Is(err, mission.ErrConflict) && r.Key != "" {
		return nil, &Error{Status: http.StatusConflict, Code: "key-reused", Err: err,
			Detail: "This Idempotency-Key has started another run with other input. Use a new key for every new piece of work."}
	}
	if err != nil {
		return nil, misfit(err, "", "The input does not fit the mission.")
	}
	if wait > 0 {
		if err := a.await(ctx, id, wait); err != nil {
			return nil, err
		}
	}
	s, err := a.Runs.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	status := http.StatusAccepted
	if wait > 0 && (s.State == mission.Ended || s.Decisions > 0) {
		status = http.StatusOK
	}
	return &startOut{Status: status, Location: prefix + "/runs/" + string(id), Body: s}, nil
}

// await returns when the run has ended, when a decision of it is open, or when
// the time is up, none of which is an error.
func (a *API) await(ctx context.Context, id mission.RunID, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	defer context.AfterFunc(a.closing, cancel)()
	for o, err := range a.Runs.Watch(ctx, id, 0) {
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if o.Kind == mission.KindVerdict || o.Kind == mission.KindQueued {
			return nil
		}
	}
	return nil
}

// readStart reads the body of a start into r.
func (a *API) readStart(ctx context.Context, req *http.Request, info *MissionInfo, r *StartRequest) error {
	kind, params, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	in := inputs{a: a, ctx: ctx, info: info, r: r}
	switch {
	case err == nil && kind == "multipart/form-data":
		err = in.form(multipart.NewReader(req.Body, params["boundary"]))
	case err == nil && kind == "application/json":
		err = in.json(req.Body, req.ContentLength)
	default:
		return &Error{Status: http.StatusUnsupportedMediaType, Detail: "Send the input as multipart/form-data or as application/json."}
	}
	if err != nil {
		return err
	}
	return in.complete()
}

// inputs gathers the input of a run against what its mission asks for.
type inputs struct {
	a    *API
	ctx  context.Context // of the request that this value lives for
	info *MissionInfo
	spec *mission.Mission // the version that will run; nil until known
	r    *StartRequest
}

// mission returns the version that will run.
func (in *inputs) mission() (*mission.Mission, error) {
	if in.spec != nil {
		return in.spec, nil
	}
	version := in.r.Version
	if version == 0 {
		version = in.info.Versions[0]
	}
	m, err := in.a.Missions.MissionVersion(in.ctx, in.r.Mission, version)
	if errors.Is(err, mission.ErrNotFound) || version == 0 {
		return nil, invalid("version", "mission %s has no published version %d", in.r.Mission, version)
	}
	in.spec = &m
	return in.spec, err
}

// field returns what the mission says about an input, once.
func (in *inputs) field(name string) (*mission.InputField, error) {
	m, err := in.mission()
	if err != nil {
		return nil, err
	}
	if _, twice := in.r.Input[name]; twice {
		return nil, invalid("input."+name, "input %s is given twice", name)
	}
	var known []string
	for i := range m.Input {
		if m.Input[i].Name == name {
			return &m.Input[i], nil
		}
		known = append(known, m.Input[i].Name)
	}
	return nil, invalid("input."+name, "mission %s has no input %q; it has %s", m.Name, name, strings.Join(known, ", "))
}

func (in *inputs) complete() error {
	m, err := in.mission()
	if err != nil {
		return err
	}
	for _, f := range m.Input {
		if _, ok := in.r.Input[f.Name]; !ok && !f.Optional {
			return invalid("input."+f.Name, "input %s is missing", f.Name)
		}
	}
	return nil
}

const maxScalarBytes = 64 << 10

func (in *inputs) form(parts *multipart.Reader) error {
	for {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return in.bodyFault(err)
		}
		if err := in.part(p); err != nil {
			return err
		}
	}
}

// bodyFault says that a body could not be read, unless the reason is a better
// one.
func (in *inputs) bodyFault(err error) error {
	var tooLarge *http.MaxBytesError
	var shown *Error
	switch {
	case errors.As(err, &tooLarge):
		return tooBig(in.a.MaxUploadBytes)
	case errors.As(err, &shown), errors.Is(err, context.Canceled):
		return err
	}
	return &Error{Status: http.StatusBadRequest, Code: "bad-body", Detail: "The body ends early or is not what its Content-Type says. Send it again.", Err: err}
}

func (in *inputs) part(p *multipart.Part) error {
	name, isInput := strings.CutPrefix(p.FormName(), "input.")
	if p.FormName() == "version" {
		text, err := in.text(p, "version")
		if err != nil {
			return err
		}
		if in.r.Version, err = strconv.Atoi(text); err != nil || in.r.Version < 0 {
			return invalid("version", "version is a number, or absent for the latest")
		}
		if in.spec != nil {
			return invalid("version", "version must come before the inputs")
		}
		return nil
	}
	if !isInput {
		return invalid(p.FormName(), "the form has a part %q; inputs are called input.NAME", p.FormName())
	}
	f, err := in.field(name)
	if err != nil {
		return err
	}
	if f.Type == mission.InputDocument {
		file := p.FileName()
		if file == "" { // words that somebody typed are a document too
			file = name + ".txt"
		}
		return in.document(name, file, p)
	}
	text, err := in.text(p, "input."+name)
	if err != nil {
		return err
	}
	if text == "" && f.Optional {
		return nil
	}
	v, err := scalar(f, text)
	if err != nil {
		return err
	}
	in.r.Input[name] = mission.InputValue{JSON: v}
	return nil
}

func (in *inputs) text(r io.Reader, location string) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxScalarBytes+1))
	switch {
	case err != nil:
		return "", in.bodyFault(err)
	case len(b) > maxScalarBytes:
		return "", invalid(location, "%s is longer than %s", location, bytesInWords(maxScalarBytes))
	}
	return string(b), nil
}

// document keeps the bytes of a document. Nothing looks inside: whether they
// can be read is for the run to find out and to say on its rail.
func (in *inputs) document(name, file string, r io.Reader) error {
	limit := in.a.MaxUploadBytes
	digest, size, err := in.a.Blobs.Put(in.ctx, &capped{r: r, left: limit, limit: limit}, limit+1)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) || errors.Is(err, io.ErrUnexpectedEOF) {
		return in.bodyFault(err)
	}
	if err != nil {
		return err
	}
	in.r.Input[name] = mission.InputValue{Document: &mission.DocumentRef{Name: fileName(file), SHA256: digest, SizeBytes: size}}
	return nil
}

// capped ends with a 413 behind limit bytes.
type capped struct {
	r           io.Reader
	left, limit int64
}

func (c *capped) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	if c.left -= int64(n); c.left < 0 {
		return 0, tooBig(c.limit)
	}
	return n, err
}

// maxLargeBodies bounds how many documents in JSON are in memory at once, each
// several times over: as a body, in base64 and as itself. Forms need no such
// bound, for their documents go to the blob store as they arrive.
const maxLargeBodies = 2

func (in *inputs) json(r io.Reader, size int64) error {
	if size < 0 || size > overheadBytes {
		select {
		case in.a.large <- struct{}{}:
			defer func() { <-in.a.large }()
		case <-in.ctx.Done():
			return in.ctx.Err()
		}
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return in.bodyFault(err)
	}
	var b StartBody
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return invalid("body", "the body is not the JSON that is asked for: %s", jsonFault(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return invalid("body", "the body is not the JSON that is asked for: something stands behind its end")
	}
	in.r.Version = b.Version
	for _, name := range sortedKeys(b.Input) {
		f, err := in.field(name)
		if err == nil {
			err = in.argument(f, b.Input[name])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// jsonFault returns the text of an error of encoding/json, which is made for
// people, without what it says about Go types.
func jsonFault(err error) string {
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) {
		return cmp.Or(t.Field, "the whole") + " has the wrong type (" + t.Value + ")"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

func (in *inputs) argument(f *mission.InputField, arg StartArgument) error {
	location := "body.input." + f.Name
	given := 0
	for _, set := range []bool{len(arg.Value) > 0, arg.Document != nil, arg.Sample != ""} {
		if set {
			given++
		}
	}
	switch {
	case given != 1:
		return invalid(location, "input %s needs exactly one of value, document and sample", f.Name)
	case f.Type != mission.InputDocument:
		if len(arg.Value) == 0 {
			return invalid(location, "input %s is a %s; give it as value", f.Name, f.Type)
		}
		v, err := scalarJSON(f, arg.Value)
		if err != nil {
			return err
		}
		in.r.Input[f.Name] = mission.InputValue{JSON: v}
		return nil
	case arg.Sample != "":
		s, data, err := in.a.readSample(in.r.Mission, arg.Sample)
		if err != nil {
			return err
		}
		return in.document(f.Name, s.File, strings.NewReader(string(data)))
	case arg.Document != nil:
		return in.document(f.Name, arg.Document.Name, strings.NewReader(string(arg.Document.Data)))
	}
	var text string
	if json.Unmarshal(arg.Value, &text) != nil {
		return invalid(location, "input %s is a document; give it as document, sample, or its text as value", f.Name)
	}
	return in.document(f.Name, f.Name+".txt", strings.NewReader(text))
}
