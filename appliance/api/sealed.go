package api

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"skerry/appliance/policy"
)

// SealedVault is a vault that waits for somebody to open it. Errors of type
// [*Error] are shown to the caller.
type SealedVault interface {
	// Status says who can open it.
	Status() VaultStatus

	// Unseal opens it with the root key and returns when the appliance serves.
	// It may change root.
	Unseal(ctx context.Context, by Opener, root []byte) error

	// UnsealPassphrase is Unseal with the passphrase of an admin.
	UnsealPassphrase(ctx context.Context, by Opener, passphrase string) error
}

// Opener is who brings a key, as far as that is known: whoever comes over the
// network is not.
type Opener struct {
	Who    policy.Principal // zero = nobody who is known
	Source string           // address, or "local socket"
}

func openerOf(r *http.Request) Opener {
	if p, ok := r.Context().Value(principalKey{}).(policy.Principal); ok {
		return Opener{p, "local socket"}
	}
	return Opener{Source: host(r.RemoteAddr)}
}

// SealedConfig is what a sealed appliance answers with.
type SealedConfig struct {
	Vault SealedVault
	Hosts []string         // as in [Config]
	TLS   bool             // as in [Config]
	Log   *slog.Logger     // nil = nowhere
	Now   func() time.Time // nil = time.Now
}

// NewSealed returns what answers while the appliance is sealed: one page, who
// can open it, and the two requests that do. There are no people and no
// sessions then; whoever brings the key may open. Everything else is refused
// with the problem urn:skerry:sealed.
func NewSealed(c SealedConfig) http.Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &sealed{vault: c.Vault, log: c.Log, phrase: make(chan struct{}, 1),
		// What all answers have in common; it serves no routes.
		common: &API{Config: Config{Hosts: c.Hosts, TLS: c.TLS, Log: c.Log, Now: c.Now, BodyTime: usualBodyTime, AnswerTime: usualAnswerTime}}}
	s.common.logins.now = c.Now
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+prefix+"/health", s.health)
	mux.HandleFunc("GET "+prefix+"/vault", s.status)
	mux.HandleFunc("POST "+prefix+"/vault/unseal", s.unseal)
	mux.HandleFunc("POST /unseal", s.form)
	mux.HandleFunc("GET /sealed.css", s.style)
	mux.HandleFunc("/api/", s.refuse)
	mux.HandleFunc("/", s.page)
	s.routes = http.NewCrossOriginProtection().Handler(mux)
	return s
}

type sealed struct {
	vault  SealedVault
	log    *slog.Logger
	common *API
	routes http.Handler
	phrase chan struct{} // held while a passphrase is tried, which takes memory
}

// RootKeyType is the media type of a root key on its way to the appliance.
const RootKeyType = "application/vnd.skerry.root-key"

const maxSealedBody = 8 << 10

func (s *sealed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	api := r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/")
	head(w.Header(), api, s.common.TLS || r.TLS != nil)
	w.Header().Set("Cache-Control", "no-store")
	defer s.common.recover(w, r)
	deadlines := http.NewResponseController(w)
	deadlines.SetWriteDeadline(time.Now().Add(s.common.AnswerTime))     //nolint:errcheck // recorders in tests have none
	deadlines.SetReadDeadline(time.Now().Add(s.common.Config.BodyTime)) //nolint:errcheck // as above
	if err := crowded(r); err != nil {
		s.common.refuse(w, r, err)
		return
	}
	local := r.Context().Value(principalKey{}) != nil
	if !local && !s.common.knownHost(r.Host) {
		s.common.refuse(w, r, &Error{Status: http.StatusMisdirectedRequest, Code: "unknown-host",
			Detail: "Skerry does not answer to this name. Open it at the address that it printed at its start."})
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxSealedBody)
	s.routes.ServeHTTP(w, r)
}

func (s *sealed) health(w http.ResponseWriter, _ *http.Request) { answerJSON(w, Health{"sealed"}) }

func (s *sealed) status(w http.ResponseWriter, _ *http.Request) { answerJSON(w, s.vault.Status()) }

func answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v) //nolint:errcheck // the caller is gone; nobody is left to tell
}

func (s *sealed) refuse(w http.ResponseWriter, r *http.Request) { s.common.refuse(w, r, errSealed) }

var errSealed = &Error{Status: http.StatusServiceUnavailable, Code: "sealed",
	Detail: "Skerry is sealed: it has no keys, and reads and does nothing. One of its admins opens it, on its page or with: skerry vault unseal"}

// unseal takes the root key, as one admin's identity has opened it elsewhere.
func (s *sealed) unseal(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") != RootKeyType {
		s.common.refuse(w, r, &Error{Status: http.StatusUnsupportedMediaType, Detail: "This takes a root key (" + RootKeyType + "), which skerry vault unseal sends."})
		return
	}
	if err := s.attempt(r); err != nil {
		s.common.refuse(w, r, err)
		return
	}
	root, err := io.ReadAll(r.Body)
	defer clear(root)
	if err == nil {
		err = s.vault.Unseal(r.Context(), openerOf(r), root)
	}
	if err != nil {
		s.log.WarnContext(r.Context(), "unseal refused", "remote", host(r.RemoteAddr), "err", err)
		s.common.refuse(w, r, err)
		return
	}
	s.log.WarnContext(r.Context(), "unsealed", "remote", host(r.RemoteAddr), "with", "root key")
	w.WriteHeader(http.StatusNoContent)
}

// attempt counts a try to open the vault, as sign-ins are counted.
func (s *sealed) attempt(r *http.Request) error {
	if wait := s.common.logins.take(host(r.RemoteAddr)); wait > 0 {
		return &Error{Status: http.StatusTooManyRequests, Code: "too-many-attempts", RetryAfter: wait,
			Detail: "Too many attempts to unseal from here. Wait a minute and try again."}
	}
	return nil
}

// form takes the passphrase that was typed on the page.
func (s *sealed) form(w http.ResponseWriter, r *http.Request) {
	err := s.attempt(r)
	if err == nil {
		err = s.tryPassphrase(r)
	}
	if err == nil {
		s.log.WarnContext(r.Context(), "unsealed", "remote", host(r.RemoteAddr), "with", "passphrase")
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	s.log.WarnContext(r.Context(), "unseal refused", "remote", host(r.RemoteAddr), "err", err)
	p, _ := s.common.render(r.Context(), err)
	s.show(w, r, p.Status, p.Detail)
}

func (s *sealed) tryPassphrase(r *http.Request) error {
	select {
	case s.phrase <- struct{}{}:
		defer func() { <-s.phrase }()
	case <-r.Context().Done():
		return r.Context().Err()
	}
	if err := r.ParseForm(); err != nil {
		return &Error{Status: http.StatusBadRequest, Detail: "The form did not arrive whole. Send it again."}
	}
	return s.vault.UnsealPassphrase(r.Context(), openerOf(r), r.PostForm.Get("passphrase"))
}

//go:embed sealed.html
var sealedHTML string

//go:embed sealed.css
var sealedCSS []byte

var sealedPage = template.Must(template.New("sealed").Parse(sealedHTML))

func (s *sealed) style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Write(sealedCSS) //nolint:errcheck // as in answerJSON
}

// page answers every address outside of the API, with the status that tells
// programs that this is not what they asked for.
func (s *sealed) page(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		s.common.refuse(w, r, errSealed)
		return
	}
	s.show(w, r, http.StatusServiceUnavailable, "")
}

func (s *sealed) show(w http.ResponseWriter, r *http.Request, status int, problem string) {
	admins := s.vault.Status().Admins
	v := struct {
		Words      map[string]string
		Lang       string
		Admins     []VaultAdmin
		Passphrase bool
		Problem    string
	}{Lang: Locale{Accept: r.Header.Get("Accept-Language")}.language(), Admins: admins, Problem: problem}
	v.Words = sealedWords[v.Lang]
	v.Passphrase = slices.ContainsFunc(admins, func(a VaultAdmin) bool { return a.With == WithPassphrase })
	var b bytes.Buffer
	if err := sealedPage.Execute(&b, v); err != nil {
		s.common.refuse(w, r, errors.Join(errors.New("page of the sealed appliance"), err))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(b.Bytes()) //nolint:errcheck // as in answerJSON
	}
}

// What admins open a vault with, as [VaultAdmin] says it.
const (
	WithPassphrase = "passphrase"
	WithIdentity   = "age identity"
	WithKeyFile    = "key file on the host"
)

var sealedWords = map[string]map[string]string{
	"en": {
		"title": "Skerry is sealed", "lead": "It holds no keys, so nothing that is stored here can be read, and no mission runs. What was under way goes on when somebody opens it.",
		"who": "Who can open it", "alone": "Each of them alone.", "phrase": "Passphrase", "open": "Unseal",
		"terminal": "With an age identity, on a terminal:", WithPassphrase: "with a passphrase", WithIdentity: "with an age identity",
	},
	"de": {
		"title": "Skerry ist versiegelt", "lead": "Es hat keine Schlüssel: Nichts, was hier gespeichert ist, kann gelesen werden, und keine Mission läuft. Was unterwegs war, geht weiter, sobald jemand öffnet.",
		"who": "Wer öffnen kann", "alone": "Jede dieser Personen allein.", "phrase": "Passphrase", "open": "Öffnen",
		"terminal": "Mit einer age-Identität im Terminal:", WithPassphrase: "mit einer Passphrase", WithIdentity: "mit einer age-Identität",
	},
}
