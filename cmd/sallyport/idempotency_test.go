package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// once makes a chat call with an Idempotency-Key.
func (h *house) once(prompt, name string) (reply, error) {
	r := h.request(h.t.Context(), http.MethodPost, "/v1/chat/completions", chatBody(false, prompt))
	r.Header.Set("Idempotency-Key", name)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(text)}, err
}

// TestRepeatAfterKill: an answer that was given before kill -9 is given again
// after it. A call that was under way is not made a second time: it is charged
// once, and a repeat is told what became of it.
func TestRepeatAfterKill(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(testing.TB) string{
		"SQLite": func(testing.TB) string { return "" }, "Postgres": storetest.NewPostgres,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := openHouseOn(t, `providers: [{name: local, type: openai, base_url: "${PROVIDER}"}]
models: [{id: mock-large, provider: local, target: gpt-4o-mini, price: {input: 2.5, output: 10}}]
credits: {starting: 1000}
`, url(t))
			first, err := h.once("hello", "answered")
			if err != nil || first.status != http.StatusOK {
				t.Fatalf("first: %+v %v", first, err)
			}
			h.fake.Queue(providertest.Answer{Fault: providertest.Hang})
			cut := make(chan error)
			go func() {
				_, err := h.once("hello", "cut")
				cut <- err
			}()
			h.fake.Wait(t, 2)
			h.server.kill()
			if err := <-cut; err == nil {
				t.Error("the call that was under way was answered")
			}
			s, err := startServer(func(name string) string { return h.env[name] }, h.dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.kill)
			h.server = s

			again, err := h.once("hello", "answered")
			if err != nil || again.status != http.StatusOK || again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("again: %+v %v, want %s", again, err, first.body)
			}
			for range 2 {
				lost, err := h.once("hello", "cut")
				if err != nil || lost.status != http.StatusConflict || !strings.Contains(lost.body, "took effect, but the server failed") || lost.header.Get("Retry-After") != "" {
					t.Errorf("a repeat of the call that was under way: %+v %v", lost, err)
				}
			}
			if n := len(h.fake.Requests()); n != 2 {
				t.Errorf("the provider was asked %d times, want 2", n)
			}
			if err := h.server.stop(); err != nil {
				t.Fatal(err)
			}
			db := h.database()
			checkBooks(t, db, h.account.OrgID)
			charges := 0
			entries, err := db.Ledger(t.Context(), h.account.OrgID, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if e.Kind == sallyport.LedgerCharge {
					charges++
				}
			}
			if charges != 2 {
				t.Errorf("there are %d charges, want one for each call", charges)
			}
		})
	}
}
