package servertest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// Answer is what came back.
type Answer struct {
	Status    int
	Header    http.Header
	Body      string
	RequestID string
}

// Request builds a call with the key; "" sends none.
func (h *House) Request(ctx context.Context, t testing.TB, key, method, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, h.URL+path, strings.NewReader(body))
	must(t, err)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// Call makes a call.
func (h *House) Call(t testing.TB, key, method, path, body string) Answer {
	t.Helper()
	return h.Send(t, h.Request(t.Context(), t, key, method, path, body))
}

// Chat posts a body to the chat completions.
func (h *House) Chat(t testing.TB, key, body string) Answer {
	t.Helper()
	return h.Call(t, key, http.MethodPost, "/v1/chat/completions", body)
}

// Send makes a call and reads the whole answer.
func (h *House) Send(t testing.TB, r *http.Request) Answer {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: after %q: %v", r.Method, r.URL.Path, text, err)
	}
	return Answer{resp.StatusCode, resp.Header, string(text), resp.Header.Get("X-Request-Id")}
}

// Records returns the records of a trail after the sequence number, oldest first.
func (h *House) Records(t testing.TB, org sallyport.OrgID, after int64) []sallyport.Record {
	t.Helper()
	const all = 10_000
	stored, err := h.DB.Records(t.Context(), org, after, all)
	must(t, err)
	records := make([]sallyport.Record, len(stored))
	for i, s := range stored {
		must(t, json.Unmarshal(s.Body, &records[i]))
	}
	return records
}

// Mark is a place in a trail.
func (h *House) Mark(t testing.TB, org sallyport.OrgID) int64 {
	t.Helper()
	seq, _, err := h.DB.ChainHead(t.Context(), org)
	must(t, err)
	return seq
}

// waitMax is how long a record that must come may take.
const waitMax = 30 * time.Second

// WaitRecords waits until n records stand after the mark and returns them.
func (h *House) WaitRecords(t testing.TB, org sallyport.OrgID, after int64, n int) []sallyport.Record {
	t.Helper()
	late := time.After(waitMax)
	for {
		next := h.Faults.next()
		if records := h.Records(t, org, after); len(records) >= n {
			return records
		}
		select {
		case <-next:
		case <-late:
			t.Fatalf("there are %d records, want %d", len(h.Records(t, org, after)), n)
		}
	}
}

// Balance returns the balance of an organisation and what is held of it.
func (h *House) Balance(t testing.TB, org sallyport.OrgID) (balance, held sallyport.Credits) {
	t.Helper()
	balance, held, err := h.DB.Balance(t.Context(), org)
	must(t, err)
	return balance, held
}
