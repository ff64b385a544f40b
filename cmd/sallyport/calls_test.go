package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// house is a running server with a fake provider behind it.
type house struct {
	t       *testing.T
	dir     string
	env     map[string]string
	fake    *providertest.Fake
	server  *process
	account initAnswer
}

// openHouse starts the real program with the given configuration; ${PROVIDER}
// in it is the fake provider's base URL.
func openHouse(t *testing.T, config string) *house {
	t.Helper()
	return openHouseOn(t, config, "")
}

// openHouseOn is openHouse on a database; "" is a file in the data folder.
func openHouseOn(t *testing.T, config, database string) *house {
	t.Helper()
	h := newHouse(t, config, database)
	h.account = initAccount(t, h.dir, h.env)
	h.start()
	return h
}

// newHouse is a house that is not set up yet and has no server.
func newHouse(t *testing.T, config, database string) *house {
	t.Helper()
	dir := t.TempDir()
	h := &house{t: t, dir: dir, fake: providertest.New(t)}
	h.env = map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": dir, "SALLYPORT_DATA": filepath.Join(dir, "data"),
		"SALLYPORT_CONFIG": filepath.Join(dir, "sallyport.yaml"), "PROVIDER": h.fake.URL, "SALLYPORT_DATABASE": database,
	}
	if err := os.WriteFile(h.env["SALLYPORT_CONFIG"], []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

type initAnswer struct {
	APIKey string          `json:"api_key"`
	OrgID  sallyport.OrgID `json:"org_id"`
}

// initAccount sets an installation up.
func initAccount(t *testing.T, dir string, env map[string]string) (account initAnswer) {
	t.Helper()
	path, err := lookPath("sallyport", env["PATH"])
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "init", "--json")
	cmd.Dir = dir
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("init: %v: %s", err, out)
	}
	if err := json.Unmarshal(out, &account); err != nil {
		t.Fatalf("init printed %q: %v", out, err)
	}
	return account
}

// close stops the server and returns its database.
func (h *house) close() *store.DB {
	h.t.Helper()
	if err := h.server.stop(); err != nil {
		h.t.Fatal(err)
	}
	return h.database()
}

// request builds a call with the first key.
func (h *house) request(ctx context.Context, method, path, body string) *http.Request {
	h.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, h.server.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.account.APIKey)
	return req
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
}

// fetch makes a request and reads the answer to its end. What came before an
// error is returned with it.
func fetch(by *http.Client, req *http.Request) (reply, error) {
	resp, err := by.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(body)}, err
}

func (h *house) do(method, path, body string) reply {
	h.t.Helper()
	answer, err := fetch(http.DefaultClient, h.request(h.t.Context(), method, path, body))
	if err != nil {
		h.t.Fatalf("%s %s: after %q: %v", method, path, answer.body, err)
	}
	return answer
}

func (h *house) chat(stream bool, prompt string) reply {
	h.t.Helper()
	return h.do(http.MethodPost, "/v1/chat/completions", chatBody(stream, prompt))
}

func chatBody(stream bool, prompt string) string {
	body, err := json.Marshal(map[string]any{
		"model": "mock-large", "stream": stream, "max_tokens": 100,
		"messages": []any{map[string]string{"role": "user", "content": prompt}},
	})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// records returns the records of one request, oldest first.
func (h *house) records(requestID string) []sallyport.Record {
	h.t.Helper()
	var page struct {
		Records []struct{ Record sallyport.Record }
	}
	answer := h.do(http.MethodGet, "/api/v1/audit/records?limit=200", "")
	if err := json.Unmarshal([]byte(answer.body), &page); err != nil {
		h.t.Fatalf("records: %d %s: %v", answer.status, answer.body, err)
	}
	var found []sallyport.Record
	for _, r := range page.Records {
		if r.Record.RequestID == requestID {
			found = append([]sallyport.Record{r.Record}, found...)
		}
	}
	return found
}

const mockConfig = `
providers:
  - {name: local, type: openai, base_url: "${PROVIDER}", timeouts: {first_byte: 5s, idle: 5s}}
models:
  - {id: mock-large, provider: local, target: gpt-4o-mini, price: {input: 2.5, output: 10}}
`

// TestProviderFaults gives each way in which a provider can fail its documented
// answer, and exactly one intent and one outcome.
func TestProviderFaults(t *testing.T) {
	t.Parallel()
	h := openHouse(t, mockConfig)
	faults := []struct {
		fault  string // of the fake's directive
		stream bool
		status int
		want   string // in the body
		code   sallyport.Code
	}{
		{`{"status":429,"header":{"Retry-After":"7","Content-Type":"text/odd"},"body":"{\"odd\": [1,2]}"}`, false, 429, `{"odd": [1,2]}`, sallyport.UpstreamError},
		{`{"status":500,"body":"{\"error\":{\"message\":\"x\"}}"}`, true, 500, `{"error":{"message":"x"}}`, sallyport.UpstreamError},
		{`{"status":404,"body":"not here"}`, false, 404, `not here`, sallyport.UpstreamError},
		{`{"status":401,"body":"{\"error\":\"our key\"}"}`, false, 502, `"code":"upstream_auth"`, sallyport.UpstreamAuth},
		{`{"fault":"empty"}`, false, 502, `"code":"upstream_empty_body"`, sallyport.UpstreamEmptyBody},
		{`{"fault":"hang"}`, false, 504, `"code":"upstream_timeout"`, sallyport.UpstreamTimeout},
		{`{"fault":"hang"}`, true, 504, `"code":"upstream_timeout"`, sallyport.UpstreamTimeout},
		{`{"fault":"garbage"}`, false, 502, `"code":"upstream_invalid"`, sallyport.UpstreamInvalid},
		{`{"fault":"bad_json"}`, false, 502, `"code":"upstream_invalid"`, sallyport.UpstreamInvalid},
		{`{"fault":"close"}`, false, 502, `"code":"upstream_closed"`, sallyport.UpstreamClosed},
		{`{"fault":"wrong_length"}`, false, 502, `"code":"upstream_closed"`, sallyport.UpstreamClosed},
		{`{"fault":"redirect"}`, false, 502, `"code":"upstream_invalid"`, sallyport.UpstreamInvalid},
		{`{"text":"a b c","fault":"cut","after":2}`, true, 200, `"code":"stream_error"`, sallyport.UpstreamClosed},
		{`{"text":"a b c","fault":"close","after":2}`, true, 200, `"code":"stream_error"`, sallyport.UpstreamClosed},
		{`{"text":"a b c","fault":"stall","after":2}`, true, 200, `"code":"stream_error"`, sallyport.UpstreamTimeout},
		{`{"text":"a b c","fault":"garbage","after":2}`, true, 200, `"code":"stream_error"`, sallyport.UpstreamInvalid},
		{`{"text":"a b c","fault":"long_line","after":2}`, true, 200, `"code":"stream_error"`, sallyport.UpstreamInvalid},
	}
	t.Run("all", func(t *testing.T) {
		for _, tt := range faults {
			t.Run(fmt.Sprintf("%s stream %t", tt.fault, tt.stream), func(t *testing.T) {
				t.Parallel()
				h := *h
				h.t = t
				answer := h.chat(tt.stream, "Hello. fake: "+tt.fault)
				if answer.status != tt.status || !strings.Contains(answer.body, tt.want) {
					t.Errorf("got %d %s, want %d and %s", answer.status, answer.body, tt.status, tt.want)
				}
				if tt.status == 200 && !strings.HasSuffix(answer.body, "data: [DONE]\n\n") {
					t.Errorf("the stream ends with %q, want [DONE]", answer.body)
				}
				if tt.status == 429 && (answer.header.Get("Retry-After") != "7" || answer.header.Get("Content-Type") != "text/odd") {
					t.Errorf("the provider's headers are lost: %v", answer.header)
				}
				checkPair(t, h.records(answer.header.Get("X-Request-Id")), sallyport.OutcomeFailure, tt.code, tt.status)
			})
		}
	})
	checkBooks(t, h.close(), h.account.OrgID)
}

// checkPair wants an intent and its outcome, and nothing else.
func checkPair(t *testing.T, records []sallyport.Record, outcome string, code sallyport.Code, status int) {
	t.Helper()
	if len(records) != 2 || records[0].Phase != sallyport.PhaseIntent || records[1].Phase != sallyport.PhaseOutcome {
		t.Fatalf("got records %+v, want one intent and one outcome", records)
	}
	if r := records[1]; r.Outcome != outcome || r.Code != code || r.Status != status {
		t.Errorf("got outcome %s, code %s, status %d; want %s, %s, %d", r.Outcome, r.Code, r.Status, outcome, code, status)
	}
}

// TestClientLeaves cancels the upstream call when the client's connection ends,
// charges what was used, and says so.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	h := openHouse(t, mockConfig)
	ctx, leave := context.WithCancel(t.Context())
	resp, err := http.DefaultClient.Do(h.request(ctx, http.MethodPost, "/v1/chat/completions",
		chatBody(true, `Hello. fake: {"text":"one two three","fault":"stall","after":2}`)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	first := make([]byte, 1)
	if _, err := io.ReadFull(resp.Body, first); err != nil {
		t.Fatal(err)
	}
	leave()
	h.fake.Wait(t, 1).WaitGone(t)

	id := resp.Header.Get("X-Request-Id")
	var records []sallyport.Record
	until(t, func() bool {
		records = h.records(id)
		return len(records) >= 2
	})
	checkPair(t, records, sallyport.OutcomeClientLeft, sallyport.ClientClosed, 200)
	if cost := records[1].Cost; cost.Charge <= 0 || !cost.Estimated {
		t.Errorf("got cost %+v, want a charge that is marked estimated", cost)
	}
	checkBooks(t, h.close(), h.account.OrgID)
}
