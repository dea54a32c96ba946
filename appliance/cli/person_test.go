package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"skerry/appliance/api"
)

// browser is what a person in a script signs in with.
type browser struct {
	base    string
	cookies map[string]string
	csrf    string
}

type peopleKey struct{}

// personCommand is a verb of the scripts: somebody who works in a browser, over
// the network, as
//
//	person NAME enrol FILE PASSWORD         the link in FILE, as skerry user add or the API gives it
//	person NAME enter PASSWORD              signs in again where they were
//	person NAME approve PROPOSAL            what it says now
//	person NAME GET|POST|… PATH [BODY]
//
// It prints the status and the answer; with ! the status must be a refusal.
func personCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: person NAME VERB …")
	}
	people, _ := ts.Value(peopleKey{}).(map[string]*browser)
	name, verb := args[0], args[1]
	b := people[name]
	if b == nil {
		b = &browser{cookies: map[string]string{}}
		people[name] = b
	}
	var status int
	var body string
	var err error
	switch verb {
	case "enrol":
		base, token := linkIn(ts, ts.ReadFile(args[2]))
		b.base = base
		status, body, err = b.do("POST", "/session/enrolment", fmt.Sprintf(`{"token":%q,"password":%q}`, token, args[3]))
	case "enter":
		status, body, err = b.do("POST", "/session", fmt.Sprintf(`{"login":%q,"password":%q}`, name, args[2]))
	case "approve":
		var p struct {
			Digest string `json:"digest"`
		}
		if status, body, err = b.do("GET", "/proposals/"+args[2], ""); err == nil && status == http.StatusOK {
			ts.Check(json.Unmarshal([]byte(body), &p))
			status, body, err = b.do("POST", "/proposals/"+args[2]+"/approve", fmt.Sprintf(`{"digest":%q}`, p.Digest))
		}
	default:
		status, body, err = b.do(verb, args[2], strings.Join(args[3:], " "))
	}
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d %s\n", status, body)
	if refused := status >= 400; refused != neg {
		ts.Fatalf("%s %s: %d %s", name, strings.Join(args[1:], " "), status, body)
	}
}

// linkIn reads a link as the command line prints it, or out of an answer of the
// API.
func linkIn(ts *testscript.TestScript, text string) (base, token string) {
	if _, answer, ok := strings.Cut(text, "{"); ok {
		var i api.Invitation
		ts.Check(json.Unmarshal([]byte("{"+answer), &i))
		return i.Link.URL, i.Link.Token
	}
	link, err := url.Parse(strings.TrimSpace(text))
	ts.Check(err)
	return link.Scheme + "://" + link.Host, strings.TrimPrefix(link.Fragment, "token=")
}

func (b *browser) do(method, path, body string) (int, string, error) {
	r, err := http.NewRequest(method, b.base+"/api/v1"+path, bytes.NewBufferString(body))
	if err != nil {
		return 0, "", err
	}
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/json")
	}
	for k, v := range b.cookies {
		r.AddCookie(&http.Cookie{Name: k, Value: v})
	}
	r.Header.Set("X-CSRF-Token", b.csrf)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, "", err
	}
	for _, c := range resp.Cookies() {
		b.cookies[c.Name] = c.Value
	}
	var session struct {
		CSRF string `json:"csrf"`
	}
	if json.Unmarshal(text, &session) == nil && session.CSRF != "" {
		b.csrf = session.CSRF
	}
	return resp.StatusCode, string(text), nil
}

// TestPersonNegativeControl: the verb tells a refusal from an answer.
func TestPersonNegativeControl(t *testing.T) {
	b := &browser{base: "http://127.0.0.1:1", cookies: map[string]string{}}
	if _, _, err := b.do("GET", "/health", ""); err == nil {
		t.Error("somebody answers where nobody is")
	}
}
