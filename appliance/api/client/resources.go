package client

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// Health returns "ok", "starting" or "stopping".
func (c *Client) Health(ctx context.Context) (string, error) {
	h, err := get[api.Health](ctx, c, "/health")
	return h.Status, err
}

// Version says which build answers.
func (c *Client) Version(ctx context.Context) (api.Version, error) {
	return get[api.Version](ctx, c, "/version")
}

// Session says who the caller is.
func (c *Client) Session(ctx context.Context) (api.Session, error) {
	return get[api.Session](ctx, c, "/session")
}

// Home returns what waits for the caller.
func (c *Client) Home(ctx context.Context) (api.Home, error) { return get[api.Home](ctx, c, "/home") }

// Missions returns all missions.
func (c *Client) Missions(ctx context.Context) ([]api.MissionEntry, error) {
	l, err := get[api.MissionList](ctx, c, "/missions")
	return l.Missions, err
}

// Mission returns a version of a mission; 0 = the latest.
func (c *Client) Mission(ctx context.Context, name string, version int) (api.MissionDetail, error) {
	return get[api.MissionDetail](ctx, c, query(path("missions", name), "version", number(version)))
}

// MissionSource returns the file of a version; 0 = the latest.
func (c *Client) MissionSource(ctx context.Context, name string, version int) ([]byte, error) {
	return raw(c.call(ctx, http.MethodGet, query(path("missions", name, "source"), "version", number(version)), nil, nil))
}

// DraftSource returns the file of the draft.
func (c *Client) DraftSource(ctx context.Context, name string) ([]byte, error) {
	return raw(c.call(ctx, http.MethodGet, query(path("missions", name, "source"), "draft", "true"), nil, nil))
}

// MissionSchema returns the JSON Schema of the mission file.
func (c *Client) MissionSchema(ctx context.Context) ([]byte, error) {
	return raw(c.call(ctx, http.MethodGet, "/missions/schema", nil, nil))
}

// SaveDraft saves source as the draft of a mission.
func (c *Client) SaveDraft(ctx context.Context, name string, source []byte) (api.DraftInfo, error) {
	return answer[api.DraftInfo](c.call(ctx, http.MethodPut, path("missions", name, "draft"), yaml(), bytes.NewReader(source)))
}

// Validate says what is wrong with a mission file.
func (c *Client) Validate(ctx context.Context, source []byte) (api.Validation, error) {
	return answer[api.Validation](c.call(ctx, http.MethodPost, "/missions/validate", yaml(), bytes.NewReader(source)))
}

// Publish publishes the draft with the given digest; empty = whatever it is.
func (c *Client) Publish(ctx context.Context, name, digest string) (api.MissionDetail, error) {
	return send[api.MissionDetail](ctx, c, http.MethodPost, query(path("missions", name, "publish"), "digest", digest), nil)
}

// Samples returns the sample documents of a mission.
func (c *Client) Samples(ctx context.Context, name string) ([]api.Sample, error) {
	l, err := get[api.SampleList](ctx, c, path("missions", name, "samples"))
	return l.Samples, err
}

// Sample returns the bytes of a sample document.
func (c *Client) Sample(ctx context.Context, name, file string) ([]byte, error) {
	return raw(c.call(ctx, http.MethodGet, path("missions", name, "samples", file), nil, nil))
}

// Runs returns a page of runs, newest first.
func (c *Client) Runs(ctx context.Context, f api.RunFilter) (api.RunPage, error) {
	return get[api.RunPage](ctx, c, query("/runs", "state", string(f.State), "mission", f.Mission, "class", string(f.Class), "verdict", f.Verdict,
		"model", string(f.Model), "text", f.Text, "from", when(f.From), "to", when(f.To), "cursor", f.Cursor, "limit", number(f.Limit)))
}

// Counts says how many runs there are and what waits.
func (c *Client) Counts(ctx context.Context) (api.Counts, error) {
	return get[api.Counts](ctx, c, "/runs/counts")
}

// Run returns a run with its fields, attempts and rail.
func (c *Client) Run(ctx context.Context, id mission.RunID) (api.RunDetail, error) {
	return get[api.RunDetail](ctx, c, path("runs", string(id)))
}

// Document returns an input document of a run as it was uploaded.
func (c *Client) Document(ctx context.Context, id mission.RunID, input string) ([]byte, error) {
	return raw(c.call(ctx, http.MethodGet, path("runs", string(id), "documents", input), nil, nil))
}

// DocumentText returns the text that was read from an input document.
func (c *Client) DocumentText(ctx context.Context, id mission.RunID, input string) (string, error) {
	b, err := raw(c.call(ctx, http.MethodGet, path("runs", string(id), "documents", input, "text"), nil, nil))
	return string(b), err
}

// Cancel cancels a run.
func (c *Client) Cancel(ctx context.Context, id mission.RunID, reason string) (mission.Summary, error) {
	return send[mission.Summary](ctx, c, http.MethodPost, path("runs", string(id), "cancel"), api.CancelBody{Reason: reason})
}

// Decisions returns a page of decisions. Of several queues in the filter only
// the first counts.
func (c *Client) Decisions(ctx context.Context, f api.DecisionFilter) (api.DecisionPage, error) {
	queue := ""
	if len(f.Queues) > 0 {
		queue = f.Queues[0]
	}
	return get[api.DecisionPage](ctx, c, query("/decisions", "open", strconv.FormatBool(!f.Settled), "queue", queue, "cursor", f.Cursor, "limit", number(f.Limit)))
}

// Decision returns a decision with what it is about.
func (c *Client) Decision(ctx context.Context, id string) (api.DecisionDetail, error) {
	return get[api.DecisionDetail](ctx, c, path("decisions", id))
}

// Settle settles a decision.
func (c *Client) Settle(ctx context.Context, id string, s api.SettleBody) (api.DecisionEntry, error) {
	return send[api.DecisionEntry](ctx, c, http.MethodPost, path("decisions", id), s)
}

// Models returns the catalogue as it stands now.
func (c *Client) Models(ctx context.Context) ([]api.ModelEntry, error) {
	l, err := get[api.ModelList](ctx, c, "/models")
	return l.Models, err
}

// Card returns the card of a model.
func (c *Client) Card(ctx context.Context, id llm.ModelID) (llm.Card, error) {
	return get[llm.Card](ctx, c, path("models", string(id), "card"))
}

// StopModel stops a model; runs that need it park.
func (c *Client) StopModel(ctx context.Context, id llm.ModelID) (api.ModelEntry, error) {
	return send[api.ModelEntry](ctx, c, http.MethodPost, path("models", string(id), "stop"), nil)
}

// StartModel starts a model; runs that wait for it go on.
func (c *Client) StartModel(ctx context.Context, id llm.ModelID) (api.ModelEntry, error) {
	return send[api.ModelEntry](ctx, c, http.MethodPost, path("models", string(id), "start"), nil)
}

// Policy returns the active policy.
func (c *Client) Policy(ctx context.Context) (policy.Policy, error) {
	return get[policy.Policy](ctx, c, "/policy")
}

// PolicySource returns the file of the active policy.
func (c *Client) PolicySource(ctx context.Context) ([]byte, error) {
	return raw(c.call(ctx, http.MethodGet, "/policy/source", nil, nil))
}

func yaml() http.Header { return http.Header{"Content-Type": {"application/yaml"}} }

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
