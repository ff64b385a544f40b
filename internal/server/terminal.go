package server

import (
	"bytes"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/sallyport-ai/sallyport/web"
)

// terminal serves the Terminal: the files that its build made, and for every
// other path that could be a page of it the one page, which finds out itself
// which one is meant.
//
// It works under any path prefix that a proxy takes away: the page names its
// files relative to the path that was asked for, so nobody has to tell us the
// prefix, and no header is believed.
type terminal struct {
	files fs.FS
	page  []byte
}

func newTerminal() *terminal { return &terminal{files: web.Files(), page: web.Page()} }

// pages serves the Terminal, or says that there is nothing.
func (s *Server) pages(w http.ResponseWriter, r *http.Request) {
	if !s.terminal.serve(w, r) {
		notFound(w)
	}
}

// notPages are the beginnings of paths that never are a page: who asks there
// for what does not exist is a program, and is told so as one.
var notPages = []string{"/v1/", "/api/", "/hooks/", "/assets/", "/openapi", "/metrics", "/debug/"}

// contentPolicy allows nothing from elsewhere and no script but our files.
// Inline styles are needed: diagrams, toasts and the editor bring their own.
const contentPolicy = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
	"font-src 'self'; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// How long a browser may keep a file: one whose name has its hash for ever, any
// other only after asking.
const (
	cacheHashed = "public, max-age=31536000, immutable"
	cacheAsk    = "no-cache"
)

// serve answers with a file or the page, and says whether there was one.
func (t *terminal) serve(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if content, err := t.file(r.URL.Path); err == nil {
		t.serveFile(w, r, content)
		return true
	}
	if !pagePath(r.URL.Path) {
		return false
	}
	safeHeaders(w.Header())
	w.Header().Set("Cache-Control", cacheAsk)
	writeAsset(w, r, "text/html; charset=utf-8", relativeTo(t.page, r.URL.Path))
	return true
}

// file reads a file of the build. The page itself is none: it is made for each path.
func (t *terminal) file(p string) ([]byte, error) {
	name := strings.TrimPrefix(p, "/")
	if name == "index.html" || strings.HasPrefix(path.Base(name), ".") || strings.HasSuffix(name, ".gz") || !fs.ValidPath(name) {
		return nil, fs.ErrNotExist
	}
	return fs.ReadFile(t.files, name)
}

// kinds are the files that a build makes. A machine's own table may say otherwise.
var kinds = map[string]string{
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".json":  "application/json",
	".png":   "image/png",
	".svg":   "image/svg+xml",
	".ttf":   "font/ttf",
	".txt":   "text/plain; charset=utf-8",
	".woff":  "font/woff",
	".woff2": "font/woff2",
}

func (t *terminal) serveFile(w http.ResponseWriter, r *http.Request, content []byte) {
	h := w.Header()
	safeHeaders(h)
	h.Set("Cache-Control", cacheAsk)
	if strings.HasPrefix(r.URL.Path, "/assets/") {
		h.Set("Cache-Control", cacheHashed)
	}
	kind := kinds[path.Ext(r.URL.Path)]
	if kind == "" {
		kind = "application/octet-stream"
	}
	packed, err := fs.ReadFile(t.files, strings.TrimPrefix(r.URL.Path, "/")+".gz")
	if err == nil {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			h.Set("Content-Encoding", "gzip")
			content = packed
		}
	}
	writeAsset(w, r, kind, content)
}

// writeAsset fails only when the client has left.
func writeAsset(w http.ResponseWriter, r *http.Request, kind string, content []byte) {
	allowWrite(w)
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(content)
	}
}

func safeHeaders(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// pagePath says whether a path could be a page. /favicon.ico is none, and a
// file that the build no longer has must not come back as HTML.
func pagePath(p string) bool {
	for _, prefix := range notPages {
		if strings.HasPrefix(p, prefix) || p == strings.TrimSuffix(prefix, "/") {
			return false
		}
	}
	deep := strings.Count(p, "/")
	return deep <= pageDepthMax && (deep > 1 || !strings.Contains(p, "."))
}

// pageDepthMax bounds what a path can make of the page; none is half as deep.
const pageDepthMax = 8

// relativeTo makes the page's own "./" lead from the path p to the root.
func relativeTo(page []byte, p string) []byte {
	up := strings.Count(p, "/") - 1
	if up <= 0 {
		return page
	}
	return bytes.ReplaceAll(page, []byte(`="./`), []byte(`="`+strings.Repeat("../", up)))
}

// acceptsGzip reads Accept-Encoding as far as browsers use it.
func acceptsGzip(r *http.Request) bool {
	for _, offer := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		coding, weight, _ := strings.Cut(offer, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return !strings.HasPrefix(strings.ReplaceAll(weight, " ", ""), "q=0") || strings.Contains(weight, "q=0.")
		}
	}
	return false
}
