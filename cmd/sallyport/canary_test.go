package main

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

const canaryConfig = `
metrics_addr: 127.0.0.1:0
log: {level: debug, calls: true}
providers:
  - {name: local, type: openai, base_url: "${PROVIDER}", api_key: CANARY-provider-key, headers: {X-Team: CANARY-provider-header}}
models:
  - {id: mock-large, provider: local, target: gpt-4o-mini, price: {input: 2.5, output: 10}}
`

// TestCanaries writes a word into every place that a person or a provider can
// write to, and then looks for it in everything that the product writes down:
// the database, the state of runs and every other file of the data folder, the
// exported trail, the log, the metrics. It is nowhere, and nobody else can read
// the files. TestObserved looks at what a collector of telemetry gets.
func TestCanaries(t *testing.T) {
	t.Parallel()
	h := openHouse(t, canaryConfig)
	imported := h.do(http.MethodPost, "/api/v1/agents", `{"displayName":"A","description":"d","systemPrompt":"s","model":"mock-large",
		"inputs":[{"name":"topic"}],"steps":[{"name":"one","llmStep":{"prompt":"About {{topic}}"}}]}`)
	_, agent, _ := strings.Cut(imported.body, `"agent_id":"`)
	agent, _, _ = strings.Cut(agent, `"`)

	ask := func(name string, stream bool, a providertest.Answer) reply {
		t.Helper()
		h.fake.Queue(a)
		got, err := h.once("CANARY-prompt "+name, "CANARY-idempotency-key-"+name)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for name, a := range map[string]providertest.Answer{
		"answered": {Text: "CANARY-answer"},
		"refused":  {Status: 400, Body: `{"error":"CANARY-upstream-words, Authorization: Bearer CANARY-provider-key, X-Team: CANARY-provider-header"}`},
		"failed":   {Status: 500, Body: "CANARY-upstream-words Bearer CANARY-provider-key"},
		"our key":  {Status: 401, Body: "CANARY-upstream-words: CANARY-provider-key is wrong"},
		"broken":   {Body: `{"CANARY-upstream-words": `},
		"garbage":  {Fault: providertest.Garbage, Text: "CANARY-answer"},
	} {
		if got := ask(strings.ReplaceAll(name, " ", "-"), false, a); strings.Contains(got.body, "CANARY-provider") {
			t.Errorf("%s: a client is told our credential: %d %s", name, got.status, got.body)
		}
	}
	h.chat(true, "CANARY-prompt streamed")
	h.do(http.MethodPost, "/v1/chat/completions", `{"CANARY-field": `)
	h.do(http.MethodPost, "/v1/chat/completions", `{"model":"CANARY model that is none","messages":[{"role":"user","content":"CANARY-prompt"}]}`)
	h.do(http.MethodPost, "/api/v1/dlp/scan", `{"text":"CANARY-prompt ann@acme.test"}`)
	h.do(http.MethodGet, "/v1/runs/CANARY-path", "")
	h.do(http.MethodGet, "/v1/models?CANARY-query=CANARY-query", "")
	for _, path := range []string{"/v1/agents/" + agent + "/run", "/v1/agents/none/run"} {
		h.do(http.MethodPost, path, `{"input":"CANARY-run-input"}`)
	}
	stranger := h.request(t.Context(), http.MethodGet, "/v1/models", "")
	stranger.Header.Set("Authorization", "Bearer sp-CANARY-strangers-key")
	finish(t, stranger, http.StatusUnauthorized)
	h.fake.Wait(t, 8) // the run's step has come to the provider
	numbers := h.metrics()
	if err := h.server.stop(); err != nil {
		t.Fatal(err)
	}

	written := map[string][]byte{"the log": []byte(h.server.output()), "the metrics": []byte(numbers)}
	err := filepath.WalkDir(h.env["SALLYPORT_DATA"], func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		if info, err := entry.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v %v", path, info.Mode(), err)
		}
		written[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	exported := filepath.Join(h.dir, "trail.jsonl")
	h.command("audit", "export", "--out", exported)
	if written[exported], err = os.ReadFile(exported); err != nil {
		t.Fatal(err)
	}
	h.command("audit", "export", "--org", "instance", "--out", exported+".instance")
	if written[exported+".instance"], err = os.ReadFile(exported + ".instance"); err != nil {
		t.Fatal(err)
	}

	known := 0
	for place, text := range written {
		for _, secret := range []string{"CANARY", h.account.APIKey, h.account.APIKey[len(h.account.APIKey)-20:], "ann@acme.test"} {
			if i := bytes.Index(text, []byte(secret)); i >= 0 {
				t.Errorf("%s: %q stands in …%q…", place, secret, text[max(0, i-100):min(len(text), i+100)])
			}
		}
		if bytes.Contains(text, []byte("mock-large")) {
			known++
		}
	}
	if known < 3 { // the database, the trail, the metrics
		t.Errorf("of %d places only %d know the model: this test looks at the wrong ones", len(written), known)
	}
}
