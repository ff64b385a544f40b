package server

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	pageText   = `<meta name="root" content="./" /><script type="module" src="./assets/main-abc.js"></script>`
	scriptText = `console.log("hello")`
)

func builtTerminal(t *testing.T) *terminal {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = io.WriteString(w, scriptText)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &terminal{page: []byte(pageText), files: fstest.MapFS{
		"index.html":            {Data: []byte(pageText)},
		"theme.js":              {Data: []byte("1")},
		".gitignore":            {Data: []byte("*")},
		"assets/main-abc.js":    {Data: []byte(scriptText)},
		"assets/main-abc.js.gz": {Data: packed.Bytes()},
		"assets/font-abc.woff2": {Data: []byte("font")},
	}}
}

func TestTerminalServes(t *testing.T) {
	t.Parallel()
	term := builtTerminal(t)
	for _, tt := range []struct {
		method, path string
		served       bool
		body, kind   string
		cache        string
	}{
		{"GET", "/", true, pageText, "text/html; charset=utf-8", cacheAsk},
		{"HEAD", "/", true, "", "text/html; charset=utf-8", cacheAsk},
		{"GET", "/runs", true, pageText, "text/html; charset=utf-8", cacheAsk},
		{"GET", "/chat/0198-abc.d", true, strings.ReplaceAll(pageText, `="./`, `="../`), "text/html; charset=utf-8", cacheAsk},
		{"GET", "/settings/api/", true, strings.ReplaceAll(pageText, `="./`, `="../../`), "text/html; charset=utf-8", cacheAsk},
		{"GET", "/index.html", false, "", "", ""},
		{"GET", "/theme.js", true, "1", "text/javascript; charset=utf-8", cacheAsk},
		{"GET", "/assets/main-abc.js", true, scriptText, "text/javascript; charset=utf-8", cacheHashed},
		{"GET", "/assets/font-abc.woff2", true, "font", "font/woff2", cacheHashed},

		{"GET", "/assets/main-old.js", false, "", "", ""},
		{"GET", "/assets", false, "", "", ""},
		{"GET", "/assets/", false, "", "", ""},
		{"GET", "/assets/main-abc.js.gz", false, "", "", ""},
		{"GET", "/.gitignore", false, "", "", ""},
		{"GET", "/assets/../.gitignore", false, "", "", ""},
		{"GET", "/favicon.ico", false, "", "", ""},
		{"GET", "/v1/nothing", false, "", "", ""},
		{"GET", "/v1", false, "", "", ""},
		{"GET", "/api/v1/nothing", false, "", "", ""},
		{"GET", "/hooks/x", false, "", "", ""},
		{"GET", "/openapi.txt", false, "", "", ""},
		{"GET", strings.Repeat("/a", pageDepthMax+1), false, "", "", ""},
		{"POST", "/", false, "", "", ""},
		{"DELETE", "/runs", false, "", "", ""},
	} {
		w := httptest.NewRecorder()
		if got := term.serve(w, httptest.NewRequest(tt.method, "http://h"+tt.path, nil)); got != tt.served {
			t.Errorf("%s %s: served is %v", tt.method, tt.path, got)
			continue
		}
		if !tt.served {
			continue
		}
		h := w.Header()
		if w.Body.String() != tt.body || h.Get("Content-Type") != tt.kind || h.Get("Cache-Control") != tt.cache {
			t.Errorf("%s %s: got %q, %v", tt.method, tt.path, w.Body, h)
		}
		if h.Get("Content-Security-Policy") != contentPolicy || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") == "" {
			t.Errorf("%s %s: the headers %v lack protection", tt.method, tt.path, h)
		}
	}
}

// The policy allows no script that is not a file of ours.
func TestTerminalPolicy(t *testing.T) {
	t.Parallel()
	for _, never := range []string{"unsafe-eval", "script-src 'self' '", "http:", "https:", "*"} {
		if strings.Contains(contentPolicy, never) {
			t.Errorf("the policy has %q", never)
		}
	}
	for _, must := range []string{"default-src 'self'", "script-src 'self';", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(contentPolicy, must) {
			t.Errorf("the policy lacks %q", must)
		}
	}
}

func TestTerminalPacked(t *testing.T) {
	t.Parallel()
	term := builtTerminal(t)
	for accepts, packed := range map[string]bool{
		"":                         false,
		"gzip":                     true,
		"br;q=1.0, GZIP;q=0.8":     true,
		"deflate, gzip;q=0, br":    false,
		"identity":                 false,
		"gzip ; q=0.001, identity": true,
	} {
		r := httptest.NewRequest(http.MethodGet, "http://h/assets/main-abc.js", nil)
		r.Header.Set("Accept-Encoding", accepts)
		w := httptest.NewRecorder()
		term.serve(w, r)
		got := w.Body.String()
		if packed != (w.Header().Get("Content-Encoding") == "gzip") || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: the headers are %v", accepts, w.Header())
		}
		if packed {
			unpacked, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Errorf("%q: %v", accepts, err)
				continue
			}
			text, err := io.ReadAll(unpacked)
			if err != nil {
				t.Errorf("%q: %v", accepts, err)
			}
			got = string(text)
		}
		if got != scriptText {
			t.Errorf("%q: got %q", accepts, got)
		}
	}
}
