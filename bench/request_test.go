package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestRequests(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range scenarios {
		path := "/v1/" + cmp.Or(s.dialect, "chat/completions")
		r := s.request(target{addr: "127.0.0.1:1", key: "k"}, 5)
		for range 3 {
			r.next()
			if sent := bytes.Join(r.parts, nil); !bytes.Equal(sent, r.bytes) || (len(r.parts) > 1) != s.answer.early {
				t.Errorf("%s: %d parts of %d bytes, want all %d", s.name, len(r.parts), len(sent), len(r.bytes))
			}
			sent, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(r.bytes)))
			if err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			if sent.Host != "127.0.0.1:1" || sent.URL.Path != path || sent.Header.Get("Authorization") != "Bearer k" {
				t.Errorf("%s: request to %s %s with %v", s.name, sent.Host, sent.URL, sent.Header)
			}
			body, err := io.ReadAll(sent.Body)
			if err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			if len(body) != s.bodyBytes {
				t.Errorf("%s: body of %d bytes, want %d", s.name, len(body), s.bodyBytes)
			}
			var asked struct {
				Model    string
				Stream   bool
				Messages []struct{ Content string }
				Input    []struct{ Content string }
			}
			if err := json.Unmarshal(body, &asked); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			turns := append(asked.Messages, asked.Input...)
			prompt := turns[len(turns)-1].Content
			if seen[prompt] {
				t.Errorf("%s: a prompt came twice", s.name)
			}
			seen[prompt] = true
			if asked.Stream != (s.answer.chunks > 0) || asked.Model != s.answer.model() {
				t.Errorf("%s: stream %t, model %s", s.name, asked.Stream, asked.Model)
			}
			email := string(r.email)
			if (email != "") != s.email || strings.Count(prompt, "@") != strings.Count(email, "@") || !strings.Contains(prompt, email) {
				t.Errorf("%s: address %q in %.120q", s.name, email, prompt)
			}
		}
	}
}

// What the gateway passes on as a model's name tells the mock what to do.
func TestModelNames(t *testing.T) {
	for _, want := range answers() {
		got, err := answerOf(want.model())
		want.unscanned = false // is for the gateway to know
		if err != nil || got != want {
			t.Errorf("answerOf(%q) = %+v, %v, want %+v", want.model(), got, err, want)
		}
	}
	if got, err := answerOf("gpt-4o"); err == nil {
		t.Errorf("answerOf(gpt-4o) = %+v, want an error", got)
	}
}
