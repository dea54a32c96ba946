package audit

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// ExportFormats are the formats that [NewExporter] knows.
func ExportFormats() []string { return []string{"jsonl", "cef", "ocsf"} }

// Exporter writes entries one line each, for other programs.
type Exporter struct {
	w      *bufio.Writer
	format func(Entry) ([]byte, error)
}

// NewExporter returns an exporter of one of [ExportFormats]; version is that of
// the program.
func NewExporter(w io.Writer, format, version string) (*Exporter, error) {
	x := &Exporter{w: bufio.NewWriterSize(w, 1<<16)}
	switch format {
	case "jsonl":
		x.format = func(e Entry) ([]byte, error) { return json.Marshal(e) }
	case "cef":
		x.format = func(e Entry) ([]byte, error) { return cef(e, version) }
	case "ocsf":
		x.format = func(e Entry) ([]byte, error) { return ocsf(e, version) }
	default:
		return nil, fmt.Errorf("there is no format %q; there are %s", format, strings.Join(ExportFormats(), ", "))
	}
	return x, nil
}

// Write writes an entry.
func (x *Exporter) Write(e Entry) error {
	line, err := x.format(e)
	if err != nil {
		return fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	if _, err := x.w.Write(line); err != nil {
		return err
	}
	return x.w.WriteByte('\n')
}

// Close writes out what is left.
func (x *Exporter) Close() error { return x.w.Flush() }

// severity is that of CEF, 0 to 10.
func severity(r *Record) int {
	switch {
	case r.Recovered, strings.HasPrefix(r.Action, "log.recovered"), r.Action == "clock.jumped":
		return 7
	case r.Outcome == "refused":
		return 6
	case r.Outcome == "failed":
		return 5
	}
	return 3
}

// cef writes an entry in the Common Event Format, version 0 (ArcSight). What
// it has no key for stands in the numbered custom strings and in flat keys of
// our own.
func cef(e Entry, version string) ([]byte, error) {
	var r Record
	if err := json.Unmarshal(e.Record, &r); err != nil {
		return nil, err
	}
	head := strings.NewReplacer(`\`, `\\`, `|`, `\|`, "\n", " ", "\r", " ")
	value := strings.NewReplacer(`\`, `\\`, `=`, `\=`, "\n", `\n`, "\r", `\r`)
	b := fmt.Appendf(nil, "CEF:0|Skerry|Skerry|%s|%s|%s|%d|", head.Replace(version), head.Replace(r.Action), head.Replace(r.Action), severity(&r))
	add := func(key, v string) {
		if v == "" {
			return
		}
		if b[len(b)-1] != '|' {
			b = append(b, ' ')
		}
		b = append(append(append(b, key...), '='), value.Replace(v)...)
	}
	add("rt", strconv.FormatInt(r.At.UnixMilli(), 10))
	add("externalId", strconv.FormatUint(e.Seq, 10))
	add("suid", r.Actor)
	add("suser", r.ActorName)
	add("spriv", r.Role)
	add("outcome", r.Outcome)
	add("reason", r.Why)
	add("fileHash", r.Digest)
	for i, c := range []struct{ label, value string }{
		{"run", r.Run}, {"mission", r.Mission}, {"class", r.Class}, {"model", r.Model}, {"lock", r.Lock}, {"boundary", r.Boundary},
	} {
		if c.value != "" {
			add(fmt.Sprintf("cs%dLabel", i+1), c.label)
			add(fmt.Sprintf("cs%d", i+1), c.value)
		}
	}
	var rest map[string]json.RawMessage
	if err := json.Unmarshal(e.Record, &rest); err != nil {
		return nil, err
	}
	for _, known := range []string{"at", "action", "actor", "actorName", "role", "outcome", "why", "digest", "run", "mission", "class", "model", "lock", "boundary"} {
		delete(rest, known)
	}
	var keys []string
	for k := range rest {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		var s string
		if json.Unmarshal(rest[k], &s) != nil {
			s = string(rest[k])
		}
		add("skerry"+strings.ToUpper(k[:1])+k[1:], s)
	}
	return b, nil
}

// Numbers of the Open Cybersecurity Schema Framework 1.3 (schema.ocsf.io).
const (
	ocsfAuthentication = 3002 // Authentication
	ocsfAPI            = 6003 // API Activity
	ocsfOther          = 99
)

// ocsf writes an entry as an OCSF event: sign-in as Authentication, all else as
// API Activity. The record stands whole in unmapped.
func ocsf(e Entry, version string) ([]byte, error) {
	var r Record
	if err := json.Unmarshal(e.Record, &r); err != nil {
		return nil, err
	}
	class, category, name := ocsfAPI, 6, "API Activity"
	if strings.HasPrefix(r.Action, "session.") {
		class, category, name = ocsfAuthentication, 3, "Authentication"
	}
	status := map[string]int{"ok": 1, "": 1, "refused": 2, "failed": 2}[r.Outcome]
	if status == 0 {
		status = ocsfOther
	}
	level := map[int]int{3: 1, 5: 2, 6: 3, 7: 4}[severity(&r)] // informational, low, medium, high
	event := map[string]any{
		"class_uid": class, "class_name": name, "category_uid": category, "activity_id": ocsfOther, "activity_name": r.Action,
		"type_uid": class*100 + ocsfOther, "time": r.At.UnixMilli(), "severity_id": level, "status_id": status, "status_detail": r.Why,
		"metadata": map[string]any{
			"version": "1.3.0", "uid": strconv.FormatUint(e.Seq, 10), "sequence": e.Seq,
			"product": map[string]any{"name": "Skerry", "vendor_name": "Skerry", "version": version},
		},
		"actor":    map[string]any{"user": map[string]any{"uid": r.Actor, "name": r.ActorName}, "session": map[string]any{"uid": r.Session}},
		"api":      map[string]any{"operation": r.Action},
		"unmapped": map[string]any{"record": e.Record, "segment": e.Segment},
	}
	if class == ocsfAuthentication {
		event["user"] = map[string]any{"uid": r.Actor, "name": r.ActorName}
	}
	if r.Source != "" {
		event["src_endpoint"] = map[string]any{"name": r.Source}
	}
	return json.Marshal(event)
}
