package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

// goneCalls are the calls that a person has under way: a stream, a plain answer,
// an answer of a chat and a step of a run.
const goneCalls = 4

// TestGone takes a person's rights away while calls of theirs are under way, by the
// command line, which no server hears of but by the counter of changes. Each call
// ends with an error that says why, is in the trail and holds no credits.
func TestGone(t *testing.T) {
	eachCluster(t, nodesConfig, func(t *testing.T, c *cluster) {
		for _, tt := range []struct {
			name string
			does func(email, key string)
		}{
			{"deactivated", func(email, _ string) { c.command("user", "deactivate", email) }},
			{"key revoked", func(_, key string) { c.command("key", "revoke", key) }},
		} {
			t.Run(tt.name, func(t *testing.T) { goneInTheMiddle(t, c, tt.does) })
		}
		c.stopAll()
		checkBooks(t, c.db, c.account.OrgID)
	})
}

func goneInTheMiddle(t *testing.T, c *cluster, does func(email, key string)) {
	email := strings.ReplaceAll(t.Name(), "/", ".") + "@acme.test"
	email = strings.NewReplacer(",", "", "_", "").Replace(email)
	c.command("user", "create", "--email", email, "--role", "agent_creator")
	var key struct {
		ID     string `json:"id"`
		APIKey string `json:"api_key"`
	}
	if err := json.Unmarshal(c.command("key", "create", "--user", email, "--json"), &key); err != nil {
		t.Fatal(err)
	}
	node := len(c.nodes) - 1
	send := func(method, path, body string) []byte {
		t.Helper()
		status, text, err := c.send(t.Context(), node, key.APIKey, method, path, body)
		if err != nil || status/100 != 2 {
			t.Fatalf("%s %s: %d %s: %v", method, path, status, text, err)
		}
		return text
	}
	id := func(text []byte, name string) string {
		t.Helper()
		found, err := member(text, name)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	begun := len(c.fake.Requests())
	before, _, err := c.db.ChainHead(t.Context(), c.account.OrgID)
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		status int
		text   string
		err    error
	}
	answers := make(chan answer, 2)
	begin := func(stream string, script providertest.Answer) {
		c.fake.Queue(script)
		asked := len(c.fake.Requests())
		go func() {
			status, text, err := c.send(t.Context(), node, key.APIKey, http.MethodPost, "/v1/chat/completions",
				`{"model":"mock-large","stream":`+stream+`,"messages":[{"role":"user","content":"Hello"}]}`)
			answers <- answer{status, string(text), err}
		}()
		c.fake.Wait(t, asked+1)
	}
	stalls := providertest.Answer{Pieces: []string{"some ", "words"}, Fault: providertest.Stall, After: 1}
	begin("true", stalls)
	begin("false", providertest.Answer{Text: "late", Step: make(chan struct{})})
	conversation := id(send(http.MethodPost, "/api/v1/conversations", `{"model":"mock-large"}`), "id")
	messages := "/api/v1/conversations/" + conversation + "/messages"
	c.fake.Queue(stalls)
	send(http.MethodPost, messages, `{"parent":"","text":"Hello"}`)
	c.fake.Wait(t, begun+3)
	agent := id(send(http.MethodPost, "/api/v1/agents",
		`{"displayName":"One","description":"","systemPrompt":"s","model":"mock-large","inputs":[],"steps":[{"llmStep":{"prompt":"Begin."}}]}`), "agent_id")
	c.fake.Queue(providertest.Answer{Fault: providertest.Hang})
	send(http.MethodPost, "/v1/agents/"+agent+"/run", "{}")
	c.fake.Wait(t, begun+goneCalls)

	does(email, key.ID)
	gone := time.Now()
	for range 2 {
		answer := <-answers
		streamed := strings.Contains(answer.text, "data: ")
		if answer.err != nil || streamed && (answer.status != http.StatusOK || !strings.Contains(answer.text, `"code":"unauthorized"`)) ||
			!streamed && (answer.status != http.StatusUnauthorized || !strings.Contains(answer.text, "The call was ended")) {
			t.Errorf("an answer ended with %d %q: %v", answer.status, answer.text, answer.err)
		}
	}
	var ends []string
	until(t, func() bool {
		ends = nil
		records, err := c.db.Records(t.Context(), c.account.OrgID, before, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, stored := range records {
			var r sallyport.Record
			if err := json.Unmarshal(stored.Body, &r); err != nil {
				t.Fatal(err)
			}
			if r.Phase == sallyport.PhaseOutcome || r.Action == "runs.end" {
				ends = append(ends, r.Action+" "+r.Outcome+" "+string(r.Code))
			}
		}
		return len(ends) == goneCalls+1
	})
	t.Logf("all had ended %s after it", time.Since(gone))
	slices.Sort(ends)
	want := []string{
		"agents.step failure unauthorized", "chat.completions failure unauthorized", "chat.completions failure unauthorized",
		"messages.answer failure unauthorized", "runs.end  unauthorized",
	}
	if !slices.Equal(ends, want) {
		t.Errorf("the trail says %q, want %q", ends, want)
	}
	if asked := len(c.fake.Requests()) - begun; asked != goneCalls {
		t.Errorf("the provider was asked %d times, want %d", asked, goneCalls)
	}
}
