package server_test

import (
	"bufio"
	"bytes"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// clientCall is what a client sends, and in which ways a provider of the client's own
// dialect gets something else.
type clientCall struct {
	path       string
	header     http.Header
	body       string
	exceptions [][2]string // what stands in the body, once, and what stands there then
}

// readClientCall reads a file of testdata/clients: prose that says where the form is
// from, the request, and lines in pairs: "- " with what the client wrote and "+ " with
// what the provider gets in its place.
func readClientCall(t *testing.T, path string) (c clientCall) {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil || len(archive.Files) != 2 {
		t.Fatalf("%s: %d sections, %v", path, len(archive.Files), err)
	}
	head, body, _ := bytes.Cut(archive.Files[0].Data, []byte("\n\n"))
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(string(head), "\n", "\r\n") + "\r\n\r\n")))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	c.path, c.header, c.body = r.URL.RequestURI(), r.Header, strings.TrimSuffix(string(body), "\n")
	lines := strings.Split(strings.TrimSuffix(string(archive.Files[1].Data), "\n"), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		was, isOld := strings.CutPrefix(lines[i], "- ")
		is, isNew := strings.CutPrefix(lines[i+1], "+ ")
		if !isOld || !isNew || strings.Count(c.body, was) != 1 {
			t.Fatalf("%s: the exception %q must name what stands in the body once", path, lines[i])
		}
		c.exceptions = append(c.exceptions, [2]string{was, is})
	}
	return c
}

// placeholder is what stands for a value, which is another for each organisation.
var placeholder = regexp.MustCompile("⟦([A-Z_]+):[^⟧]+⟧")

// passedOn are the headers of a client that a provider gets.
var passedOn = []string{"Anthropic-Version", "Anthropic-Beta", "X-Claude-Code-Session-Id"}

// What clients really send comes to a provider of their own dialect byte for byte but
// for the exceptions that ARCHITECTURE.md lists, with data protection on.
func TestClients(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/clients/*.txtar")
	if err != nil || len(files) < 14 {
		t.Fatalf("there are %d files, %v", len(files), err)
	}
	h := servertest.New(t, servertest.Options{})
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			c := readClientCall(t, path)
			r := h.Request(t.Context(), t, h.Home.User.Key, http.MethodPost, c.path, c.body)
			for name, values := range c.header {
				r.Header[name] = values
				if values[0] == "[key]" {
					r.Header.Del("Authorization")
					r.Header.Set(name, h.Home.User.Key)
				}
			}
			asked := len(h.Fake.Requests())
			if a := h.Send(t, r); a.Status != http.StatusOK {
				t.Fatalf("got %d %s", a.Status, a.Body)
			}
			want := c.body
			for _, e := range c.exceptions {
				want = strings.Replace(want, e[0], e[1], 1)
			}
			got := h.Fake.Requests()[asked]
			if body := placeholder.ReplaceAllString(string(got.Body), "⟦$1⟧"); body != want {
				t.Errorf("the provider got\n%s\nwant\n%s", body, want)
			}
			for _, name := range passedOn {
				if sent := c.header.Get(name); sent != "" && got.Header.Get(name) != sent {
					t.Errorf("%s: the provider got %q, want %q", name, got.Header.Get(name), sent)
				}
			}
			for name := range c.header {
				if strings.HasPrefix(name, "X-Stainless") && got.Header.Get(name) != "" {
					t.Errorf("the provider got %s", name)
				}
			}
		})
	}
}
