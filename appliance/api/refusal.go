package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Unavailable answers everything while there is no API: before it is there and
// after it. why says what is going on, and secure whether it is served over TLS.
func Unavailable(why string, secure bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head(w.Header(), true, secure || r.TLS != nil)
		w.Header().Set("Connection", "close")
		(&API{}).refuse(w, r, &Error{Status: http.StatusServiceUnavailable, Code: "unavailable", RetryAfter: time.Second, Detail: why + " Try again in a moment."})
	})
}

// Refusal returns a whole HTTP/1.1 answer to a request that no handler has seen,
// because it is malformed or too large, for the connection that it came on. It
// has the headers of every other answer. home is where the web UI is, of use to
// who spoke plain HTTP.
func Refusal(status int, secure, insecure bool, home string) []byte {
	detail := map[int]string{
		http.StatusRequestHeaderFieldsTooLarge: "The headers of this request are larger than the 32 KiB that Skerry takes. Delete the cookies of this host and try again.",
		http.StatusExpectationFailed:           "Skerry knows no expectation but 100-continue. Leave the header Expect out.",
		http.StatusNotImplemented:              "Skerry knows no transfer coding but chunked. Send the body with its length.",
		http.StatusHTTPVersionNotSupported:     "Skerry speaks HTTP/1.1. Use that.",
	}[status]
	switch {
	case insecure:
		detail = "Skerry speaks HTTPS here, and this request came without. Open " + home + " instead."
	case detail == "":
		detail = "This is no request that Skerry can read. Check what sends it."
	}
	h := http.Header{}
	head(h, true, secure)
	h.Set("Content-Type", problemType)
	h.Set("Connection", "close")
	// It cannot fail: there are strings in it.
	body, _ := json.Marshal(Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}) //nolint:errchkjson // see above
	h.Set("Content-Length", strconv.Itoa(len(body)))
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 " + strconv.Itoa(status) + " " + http.StatusText(status) + "\r\n")
	_ = h.Write(&b) // a buffer takes everything
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// maxHeaders is how many headers a request may have. Browsers send about twenty.
const maxHeaders = 100

// crowded says that a request has too many headers, or returns nil.
func crowded(r *http.Request) error {
	n := 0
	for _, values := range r.Header {
		n += len(values)
	}
	if n <= maxHeaders {
		return nil
	}
	return &Error{Status: http.StatusRequestHeaderFieldsTooLarge, Detail: "This request has " + strconv.Itoa(n) + " headers; Skerry takes " + strconv.Itoa(maxHeaders) + ". Leave out what it does not need."}
}
