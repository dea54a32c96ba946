package api

import (
	"bytes"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

// UI returns a handler that serves the built pages in files: assets under
// /assets/, whose names hold a hash of their content, for ever; everything
// else, the start page above all, only after asking again. A path without a
// file gets the start page, which routes by itself, unless it looks like a file.
// Directories are never listed. Only GET and HEAD are answered.
func UI(files fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "pages can only be read", http.StatusMethodNotAllowed)
			return
		}
		name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
		content, ok := page(files, name)
		if !ok {
			if path.Ext(name) != "" || name == "assets" || strings.HasPrefix(name, "assets/") {
				w.Header().Set("Cache-Control", "no-store")
				http.Error(w, "there is no such file", http.StatusNotFound)
				return
			}
			name = "index.html"
			if content, ok = page(files, name); !ok {
				w.Header().Set("Cache-Control", "no-store")
				http.Error(w, "this build of Skerry has no pages; build it with: make build", http.StatusNotFound)
				return
			}
		}
		w.Header().Set("Cache-Control", "no-cache")
		if strings.HasPrefix(name, "assets/") {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		if t := mime.TypeByExtension(path.Ext(name)); t != "" {
			w.Header().Set("Content-Type", t)
		}
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	})
}

// page returns the content of a regular file.
func page(files fs.FS, name string) ([]byte, bool) {
	if !fs.ValidPath(name) || name == "." {
		return nil, false
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, false
	}
	content, err := io.ReadAll(f)
	return content, err == nil
}

// page answers everything outside the API.
func (a *API) page(w http.ResponseWriter, r *http.Request) {
	if a.ui == nil {
		a.refuse(w, r, &Error{Status: http.StatusNotFound, Detail: "This Skerry serves no pages here; its API is under /api/v1."})
		return
	}
	a.ui.ServeHTTP(w, r)
}
