package api_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"skerry/appliance/api"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/store/storetest"
)

// part is one part of a form; without a file name it is a value.
type part struct{ name, file, content string }

func (s *site) startForm(key string, parts ...part) *httptest.ResponseRecorder {
	s.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, p := range parts {
		create := func() (io.Writer, error) { return form.CreateFormField(p.name) }
		if p.file != "" {
			create = func() (io.Writer, error) { return form.CreateFormFile(p.name, p.file) }
		}
		w, err := create()
		if err != nil {
			s.t.Fatal(err)
		}
		if _, err := w.Write([]byte(p.content)); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		s.t.Fatal(err)
	}
	h := map[string]string{"Content-Type": form.FormDataContentType()}
	if key != "" {
		h["Idempotency-Key"] = key
	}
	return s.do(ask{as: ada, method: "POST", path: "/api/v1/missions/invoice/runs", body: b.String(), header: h})
}

func (s *site) input(w *httptest.ResponseRecorder) map[string]mission.InputValue {
	s.t.Helper()
	var sum mission.Summary
	decode(s.t, w, &sum)
	var d api.RunDetail
	decode(s.t, s.do(ask{as: ada, path: "/api/v1/runs/" + string(sum.ID)}), &d)
	return d.Run.Input
}

// TestStart: what is sent as a form or as JSON is what the run gets.
func TestStart(t *testing.T) {
	s := newSite(t)
	w := s.startForm("", part{"input.document", `C:\scans\März 1.pdf`, "%PDF-1.7 x"}, part{"input.limit", "", " 0100.50 "}, part{"input.kind", "", "b"})
	if w.Code != 202 || !strings.HasPrefix(w.Header().Get("Location"), "/api/v1/runs/0") {
		t.Fatalf("start: %d %v %s", w.Code, w.Header(), w.Body)
	}
	in := s.input(w)
	if d := in["document"].Document; d == nil || d.Name != "März 1.pdf" || d.SizeBytes != 10 {
		t.Errorf("document %+v", d)
	}
	if string(in["limit"].JSON) != `"0100.50"` || string(in["kind"].JSON) != `"b"` {
		t.Errorf("scalars %s %s", in["limit"].JSON, in["kind"].JSON)
	}

	w = s.startForm("", part{"input.document", "", "typed words"})
	if d := s.input(w)["document"].Document; d == nil || d.Name != "document.txt" || d.SizeBytes != 11 {
		t.Errorf("typed document %+v", d)
	}

	for name, body := range map[string]string{
		"inline": fmt.Sprintf(`{"input":{"document":{"document":{"name":"a.txt","data":%q}},"limit":{"value":"7.10"}}}`, base64.StdEncoding.EncodeToString([]byte("net 10.00"))),
		"sample": `{"input":{"document":{"sample":"routine-01.txt"},"limit":{"value":7.10}}}`,
		"words":  `{"version":1,"input":{"document":{"value":"net 10.00"},"limit":{"value":"7.10"}}}`,
	} {
		w := s.do(ask{as: ada, method: "POST", path: "/api/v1/missions/invoice/runs", body: body})
		if w.Code != 202 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
			continue
		}
		in := s.input(w)
		if d := in["document"].Document; d == nil || d.SizeBytes != 9 || string(in["limit"].JSON) != `"7.10"` {
			t.Errorf("%s: got %+v, limit %s", name, d, in["limit"].JSON)
		}
	}
}

// TestStartRefuses: what does not fit is said in words, by place, and nothing
// starts.
func TestStartRefuses(t *testing.T) {
	s := newSite(t)
	doc := part{"input.document", "a.txt", "x"}
	for _, row := range []struct {
		name   string
		parts  []part
		status int
		has    string
	}{
		{"no document", nil, 422, "input document is missing"},
		{"an input that the mission has not", []part{doc, {"input.other", "", "x"}}, 422, `no input \"other\"; it has document, limit, kind`},
		{"a part that is no input", []part{doc, {"other", "", "x"}}, 422, "inputs are called input.NAME"},
		{"an input twice", []part{doc, doc}, 422, "given twice"},
		{"a number with separators", []part{doc, {"input.limit", "", "1,000.00"}}, 422, "write it like 1234.50"},
		{"an enum value that is none", []part{doc, {"input.kind", "", "c"}}, 422, "use one of a, b"},
		{"a version that is no number", []part{{"version", "", "x"}, doc}, 422, "version is a number"},
		{"a version that was never published", []part{{"version", "", "9"}, doc}, 422, "no published version 9"},
		{"a version behind the inputs", []part{doc, {"version", "", "1"}}, 422, "before the inputs"},
		{"a document over the limit", []part{{"input.document", "a.txt", strings.Repeat("x", 64<<10+1)}}, 413, "larger than the 64 KiB"},
		{"a body over every limit", []part{{"input.document", "a.txt", strings.Repeat("x", 3<<20)}}, 413, "larger than the 64 KiB"},
	} {
		w := s.startForm("", row.parts...)
		wantProblem(t, row.name, w, row.status)
		if !strings.Contains(w.Body.String(), row.has) {
			t.Errorf("%s: lacks %s: %s", row.name, row.has, w.Body)
		}
	}
	if w := s.startForm("", part{"input.document", "a.txt", strings.Repeat("x", 64<<10)}); w.Code != 202 {
		t.Errorf("a document at the limit: %d %s", w.Code, w.Body)
	}
	for name, q := range map[string]ask{
		"a body that is neither form nor JSON": {body: "x", header: map[string]string{"Content-Type": "text/plain"}},
		"a form that ends early":               {body: "--b\r\nContent-Disposition: form-data; name=\"input.document\"\r\n\r\nxx", header: map[string]string{"Content-Type": "multipart/form-data; boundary=b"}},
		"a form without a boundary":            {body: "x", header: map[string]string{"Content-Type": "multipart/form-data"}},
		"JSON of another shape":                {body: `{"input":[]}`},
		"JSON with more members":               {body: `{"input":{},"as":"root"}`},
		"a value and a sample":                 {body: `{"input":{"document":{"value":"x","sample":"routine-01.txt"}}}`},
		"a sample that is not there":           {body: `{"input":{"document":{"sample":"../key"}}}`},
		"a document where a number goes":       {body: `{"input":{"limit":{"sample":"routine-01.txt"}}}`},
	} {
		q.as, q.method, q.path = ada, "POST", "/api/v1/missions/invoice/runs"
		if w := s.do(q); w.Code < 400 || w.Code >= 500 || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if n := s.engine.changed(); n != 1 {
		t.Errorf("%d runs were started, want the one at the limit", n)
	}
	wantProblem(t, "a mission that was never published", s.do(ask{as: ada, method: "POST", path: "/api/v1/missions/draft-only/runs", body: "{}"}), 409)
	wantProblem(t, "waiting too long", s.do(ask{as: ada, method: "POST", path: "/api/v1/missions/invoice/runs?wait=900s", body: "{}"}), 422)
}

// TestIdempotencyKey: one key, one run; other input is refused; and other
// people have keys of their own.
func TestIdempotencyKey(t *testing.T) {
	s := newSite(t)
	doc := part{"input.document", "a.txt", "one"}
	first, again := s.startForm("k1", doc), s.startForm("k1", doc)
	if first.Code != 202 || again.Code != 202 || first.Header().Get("Location") != again.Header().Get("Location") {
		t.Errorf("the same twice: %v, then %v", first.Header(), again.Header())
	}
	w := s.startForm("k1", part{"input.document", "a.txt", "two"})
	wantProblem(t, "the key with other input", w, 409)
	if !strings.Contains(w.Body.String(), "key-reused") {
		t.Errorf("got %s", w.Body)
	}
	body := `{"input":{"document":{"sample":"routine-01.txt"}}}`
	other := ada
	other.ID = "bea"
	if w := s.do(ask{as: other, method: "POST", path: "/api/v1/missions/invoice/runs", body: body, header: map[string]string{"Idempotency-Key": "k1"}}); w.Code != 202 {
		t.Errorf("somebody else with the same key: %d %s", w.Code, w.Body)
	}
}

// TestStartWaits: wait=… answers when a person or nobody is needed any more.
func TestStartWaits(t *testing.T) {
	s := newSite(t)
	go func() { // the engine, which settles the run behind the start's back
		for o, err := range s.db.WatchAll(t.Context()) {
			if err != nil {
				return
			}
			if o.State == mission.Running {
				s.engine.mu.Lock()
				s.engine.add(t.Context(), o.ID, mission.Observation{Kind: mission.KindVerdict, Verdict: &mission.VerdictData{Is: "approved", Confidence: 1}})
				s.engine.mu.Unlock()
			}
		}
	}()
	body := `{"input":{"document":{"sample":"routine-01.txt"}}}`
	var sum mission.Summary
	w := s.do(ask{as: ada, method: "POST", path: "/api/v1/missions/invoice/runs?wait=30s", body: body})
	if decode(t, w, &sum); w.Code != 200 || sum.Verdict != "approved" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestTypedValues(t *testing.T) {
	for _, row := range []struct {
		t        llm.FieldType
		in, want string // want empty = refused
	}{
		{llm.TypeDecimal, "12.50", `"12.50"`}, {llm.TypeDecimal, "-0.1", `"-0.1"`}, {llm.TypeDecimal, "1e3", ""}, {llm.TypeDecimal, "1.", ""}, {llm.TypeDecimal, "NaN", ""}, {llm.TypeDecimal, "", ""},
		{llm.TypeInteger, "007", "7"}, {llm.TypeInteger, "-0", "0"}, {llm.TypeInteger, "1.0", ""}, {llm.TypeInteger, "9999999999999999999", ""},
		{llm.TypeBoolean, "true", "true"}, {llm.TypeBoolean, "yes", ""},
		{llm.TypeDate, "2026-02-28", `"2026-02-28"`}, {llm.TypeDate, "2026-02-30", ""}, {llm.TypeDate, "28.02.2026", ""},
		{llm.TypeEnum, "EUR", `"EUR"`}, {llm.TypeEnum, "eur", ""},
		{llm.TypeIBAN, "de89 3704 0044 0532 0130 00", `"DE89370400440532013000"`}, {llm.TypeIBAN, "DE88370400440532013000", ""}, {llm.TypeIBAN, "DE", ""},
		{llm.TypeString, "<a>\n", `"\u003ca\u003e\n"`}, {llm.TypeString, "\xff", ""}, {llm.TypeList, "[]", ""},
	} {
		got, err := api.Typed(row.t, []string{"EUR"}, row.in, "input.x")
		if string(got) != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%s %q: got %s, %v; want %s", row.t, row.in, got, err, row.want)
		}
	}
}

// FuzzTyped: whatever is typed becomes JSON or an error.
func FuzzTyped(f *testing.F) {
	for _, s := range []string{"1", "-00.10", "DE89370400440532013000", "2026-01-01", "\xff", `"`} {
		f.Add("decimal", s)
		f.Add("iban", s)
	}
	f.Fuzz(func(t *testing.T, kind, text string) {
		if got, err := api.Typed(llm.FieldType(kind), []string{"a"}, text, "x"); err == nil && !json.Valid(got) {
			t.Errorf("%s %q becomes %q", kind, text, got)
		}
	})
}

func TestFileName(t *testing.T) {
	for in, want := range map[string]string{
		"a.pdf": "a.pdf", "/etc/passwd": "passwd", `..\..\x.txt`: "x.txt", "": "document", "..": "document", "a\r\nb\x00.txt": "ab.txt",
		"abc\u202efdp.exe": "abcfdp.exe", "x/": "document",
	} {
		if got := api.FileName(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		got := api.FileName(rapid.String().Draw(t, "name"))
		if got == "" || len(got) > 255 || !utf8.ValidString(got) || strings.ContainsAny(got, "/\\\r\n\x00") {
			t.Errorf("got %q", got)
		}
	})
}

// TestEvidence: a place in bytes is told as browsers count, and the quote is
// what stands there.
func TestEvidence(t *testing.T) {
	s := newSite(t)
	text := "Rechnung 🧾 Nr. 7: Müller & Söhne, netto 10,00 €"
	r := storetest.New(1, storetest.Epoch, "invoice", "")
	r.Doc = []byte(text)
	digest, _, err := s.db.Put(t.Context(), strings.NewReader(text), 0)
	if err != nil {
		t.Fatal(err)
	}
	start := strings.Index(text, "Müller")
	r.Read(digest).Classified("internal").Routed("extract", "starter")
	r.Add(mission.Observation{Kind: mission.KindGenerated, Step: "extract", Attempt: 1, Generated: &mission.GeneratedData{Model: "starter", Confidence: 0.9,
		Values: map[string]llm.Value{
			"supplier": {JSON: json.RawMessage(`"Müller & Söhne"`), Confidence: 0.9, Source: llm.FromTokens, Evidence: &llm.Span{Start: start, End: start + len("Müller & Söhne")}},
			"total":    {JSON: json.RawMessage(`"10.00"`), Confidence: 0.9, Source: llm.FromTokens, Evidence: &llm.Span{Start: 5, End: 5000}},
		}}})
	s.put(r)
	var d api.RunDetail
	decode(t, s.do(ask{as: ada, path: "/api/v1/runs/" + string(r.ID())}), &d)
	if len(d.Fields) != 2 || d.Fields[0].Name != "supplier" || d.Fields[1].Evidence != nil {
		t.Fatalf("fields %+v; a place outside the text must not be told", d.Fields)
	}
	if e := d.Fields[0].Evidence; e == nil || *e != (api.Evidence{Input: "document", Start: 19, End: 33, Quote: "Müller & Söhne"}) {
		t.Errorf("evidence %+v", e)
	}
}
