// Package client talks to a running appliance in the types of package api. The
// command line uses it over the local socket, where whoever may open the file
// acts as its owner and nobody signs in. Start with [New].
//
// Every method returns a [*api.Problem] as its error where the appliance
// refused, and an error wrapping [ErrDown] where none answers.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"skerry/appliance/api"
)

// ErrDown: nobody answers at the socket. Start the appliance first.
var ErrDown = errors.New("no appliance answers")

// Client talks to one appliance. It may be used concurrently.
type Client struct {
	http   *http.Client
	socket string // or the host, where it is another one
	root   string // address of the API

	// Language of sentences: "en" or "de"; empty = the appliance's choice.
	Language string
}

// New returns a client for the appliance that listens on the unix socket.
func New(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial, ExpectContinueTimeout: time.Minute}}, socket: socket, root: localRoot}
}

// Close releases idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// apiPath is where the API begins.
const apiPath = "/api/v1"

// localRoot is an address that is never resolved: all connections go to the socket.
const localRoot = "http://localhost" + apiPath

// call sends a request and returns its answer where that is a success.
func (c *Client) call(ctx context.Context, method, path string, header http.Header, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.root+path, body)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		r.Header[k] = v
	}
	return c.do(r)
}

// do sends a request and returns its answer where that is a success.
func (c *Client) do(r *http.Request) (*http.Response, error) {
	if c.Language != "" {
		r.Header.Set("Accept-Language", c.Language)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) {
			return nil, fmt.Errorf("%w at %s; start one with: skerry serve", ErrDown, c.socket)
		}
		return nil, err
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, problem(resp)
}

// problem returns the error that a refusal carries.
func problem(resp *http.Response) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read refusal: %w", err)
	}
	p := &api.Problem{}
	if json.Unmarshal(b, p) != nil || p.Detail == "" {
		p = &api.Problem{Type: "about:blank", Title: resp.Status, Status: resp.StatusCode, Detail: "the appliance answers " + resp.Status}
	}
	return p
}

// send sends in as JSON, if it is not nil, and decodes the answer into T.
func send[T any](ctx context.Context, c *Client, method, path string, in any) (T, error) {
	var out T
	header := http.Header{}
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return out, err
		}
		body = bytes.NewReader(b)
		header.Set("Content-Type", "application/json")
	}
	return answer[T](c.call(ctx, method, path, header, body))
}

func answer[T any](resp *http.Response, err error) (T, error) {
	var out T
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("decode answer: %w", err)
	}
	return out, nil
}

func get[T any](ctx context.Context, c *Client, path string) (T, error) {
	return send[T](ctx, c, http.MethodGet, path, nil)
}

func raw(resp *http.Response, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// path joins elements into a path, each escaped.
func path(elements ...string) string {
	var b strings.Builder
	for _, e := range elements {
		b.WriteString("/" + url.PathEscape(e))
	}
	return b.String()
}

// query appends the values that are not empty, given as name, value …
func query(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}
