package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const leakConfig = `
metrics_addr: 127.0.0.1:0
providers:
  - {name: local, type: openai, base_url: "${PROVIDER}", timeouts: {first_byte: 300ms, idle: 300ms}}
models:
  - {id: mock-large, provider: local, target: gpt-4o-mini, price: {input: 2.5, output: 10}}
credits: {starting: 1000}
`

// What a bad day may leave behind: connections to the provider that are kept
// open, at most as many as there were callers, with two goroutines each.
const (
	leakCallers = 16
	leakRounds  = 20 // of every caller, so that a leak of one a call stands out
	leakSlack   = 3 * leakCallers
)

// TestNothingLeaks has a bad day three times: providers that fail in every way,
// clients that leave, connections that say half of something. After each,
// goroutines and files of the server come back to what they were after the first.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	h := openHouse(t, leakConfig)
	badDay(t, h)
	goroutines, files := h.settled(leakSlack, leakSlack)
	for range 2 {
		badDay(t, h)
		if g, f := h.settled(goroutines+leakSlack, files+leakSlack); g > goroutines+leakSlack || f > files+leakSlack {
			t.Errorf("after another bad day there are %d goroutines and %d files, before it were %d and %d", g, f, goroutines, files)
		}
	}
	checkBooks(t, h.close(), h.account.OrgID)
}

// badDay ends when all its callers have had, or given up, their answers.
func badDay(t *testing.T, h *house) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	directives := []string{
		"", `{"status":500,"body":"{}"}`, `{"status":400,"body":"{}"}`, `{"fault":"empty"}`, `{"fault":"close"}`, `{"fault":"reset"}`,
		`{"fault":"garbage"}`, `{"fault":"not_http"}`, `{"fault":"wrong_length"}`, `{"fault":"hang"}`,
		`{"text":"a b c","fault":"stall","after":1}`, `{"text":"a b c","fault":"long_line","after":1}`,
		`{"text":"a b c","fault":"endless","after":1}`, `{"text":"a b c","fault":"cut","after":1}`,
	}
	var callers sync.WaitGroup
	for caller := range leakCallers {
		callers.Go(func() {
			for round := range leakRounds {
				n := caller*leakRounds + round
				half(h, n)
				prompt := "Hello."
				if d := directives[n%len(directives)]; d != "" {
					prompt += " fake: " + d
				}
				ctx, leave := context.WithCancel(t.Context())
				resp, err := client.Do(h.request(ctx, http.MethodPost, "/v1/chat/completions", chatBody(n%2 == 0, prompt)))
				if err == nil {
					if strings.Contains(prompt, "endless") || n%3 == 0 {
						_, _ = io.ReadFull(resp.Body, make([]byte, 10)) // and leaves in the middle
					} else {
						_, _ = io.Copy(io.Discard, resp.Body)
					}
					resp.Body.Close()
				}
				leave()
			}
		})
	}
	callers.Wait()
}

// half says half of a request on a connection of its own, and leaves.
func half(h *house, n int) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.server.url, "http://"))
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, []string{
		"", "GET /v1", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nX-Api-Key: " + h.account.APIKey + "\r\nContent-Length: 100\r\n\r\n{",
	}[n%4])
}

// settled waits until no call is under way and there are at most so many
// goroutines and files, or until it has waited long enough, and returns how many
// there are.
func (h *house) settled(goroutines, files int) (g, f int) {
	h.t.Helper()
	for late := time.Now().Add(readyTime); ; <-time.After(pollTime) {
		text := h.metrics()
		g, f = metric(h.t, text, "go_goroutines"), metric(h.t, text, "process_open_fds")
		under := metric(h.t, text, "sallyport_calls_under_way")
		if under == 0 && g <= goroutines && f <= files || time.Now().After(late) {
			if under != 0 {
				h.t.Errorf("%d calls are under way that nobody waits for", under)
			}
			return g, f
		}
	}
}
