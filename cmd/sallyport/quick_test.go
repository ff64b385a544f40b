package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// quickProvider answers at once and remembers nothing but which calls it was
// asked, so that a server in front of it works as hard as it can, for long.
type quickProvider struct {
	*httptest.Server

	mu    sync.Mutex
	asked map[int]int // how often, by the number that the prompt says
}

func newQuickProvider(t *testing.T) *quickProvider {
	t.Helper()
	q := &quickProvider{asked: make(map[int]int)}
	q.Server = httptest.NewServer(q)
	t.Cleanup(q.Close)
	return q
}

// config is nodesConfig with this provider, and more.
func (q *quickProvider) config(more string) string {
	return strings.ReplaceAll(nodesConfig, "${PROVIDER}", q.URL+"/v1") + "log: {calls: false}\n" + more
}

// quickPrompt is the prompt of call n.
func quickPrompt(n int) string {
	return fmt.Sprintf("This is call %s. What is to be done?", spelled(n))
}

func (q *quickProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client left while it sent; nothing was asked
	}
	n := unspelled(string(body), "This is call ")
	q.mu.Lock()
	q.asked[n]++
	q.mu.Unlock()

	const usage = `"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}`
	if !strings.Contains(string(body), `"stream":true`) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"c","object":"chat.completion","model":"gpt-4o-mini","choices":[{"index":0,`+
			`"message":{"role":"assistant","content":"Wait and see."},"finish_reason":"stop"}],`+usage+`}`)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for _, event := range []string{
		`"choices":[{"index":0,"delta":{"role":"assistant","content":"Wait "}}]`,
		`"choices":[{"index":0,"delta":{"content":"and see."}}]`,
		`"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]`,
		`"choices":[],` + usage,
	} {
		_, _ = fmt.Fprintf(w, `data: {"id":"c","object":"chat.completion.chunk","model":"gpt-4o-mini",%s}`+"\n\n", event)
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}

// times is how often the provider was asked a call.
func (q *quickProvider) times(call int) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.asked[call]
}
