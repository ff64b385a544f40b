package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses/responsestest"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// The agents of these tests: with a single input, without any and with several.
const (
	digestFile = `{"displayName":"Digest","systemPrompt":"Be kind.","model":"mock-large","inputs":[{"name":"ticket"}],
		"steps":[{"name":"one","llmStep":{"prompt":"Sum up {{ticket}}"}},{"name":"two","llmStep":{"prompt":"Answer {{steps.1.output}}"}}]}`
	plainFile = `{"displayName":"Plain","systemPrompt":"","model":"mock-large","inputs":[],"steps":[{"name":"one","llmStep":{"prompt":"Say"}}]}`
	wideFile  = `{"displayName":"Wide","systemPrompt":"","model":"mock-large","inputs":[{"name":"a"},{"name":"b"}],"steps":[{"name":"one","llmStep":{"prompt":"{{a}}{{b}}"}}]}`
)

// workingHouse is a House that works on runs.
func workingHouse(t *testing.T) *servertest.House {
	t.Helper()
	h := servertest.New(t, servertest.Options{})
	if err := h.Agents.Serve(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := h.Agents.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return h
}

// agentOf is an agent of the member, as a model.
func agentOf(t *testing.T, h *servertest.House, m servertest.Member, file string) string {
	t.Helper()
	def, err := agent.Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	a := sallyport.Agent{ID: sallyport.AgentID(uuid.NewString()), Org: m.Org, Owner: m.ID, Definition: def, CreatedAt: h.Clock.Now()}
	if err := h.DB.CreateAgent(t.Context(), a, sallyport.Record{Org: m.Org, Action: "agents.create", Phase: sallyport.PhaseEvent}); err != nil {
		t.Fatal(err)
	}
	return "agent/" + string(a.ID)
}

// ended asks for a response until it is no longer in progress.
func ended(t *testing.T, h *servertest.House, id string) (responsestest.Stream, string) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); ; {
		a := h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/responses/"+id, "")
		got, err := responsestest.Whole(a.Body)
		if a.Status != http.StatusOK || err != nil {
			t.Fatalf("got %d %s: %v", a.Status, a.Body, err)
		}
		if got.Response.Status != "in_progress" {
			return got, a.Body
		}
		if time.Now().After(until) {
			t.Fatalf("it does not end: %s", a.Body)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// An agent answers as a model does: at once and polled, or streamed. The response
// is the run, for whoever may see that.
func TestAgentAsModel(t *testing.T) {
	t.Parallel()
	h := workingHouse(t)
	model := agentOf(t, h, h.Home.User, digestFile)
	h.Fake.Queue(providertest.Answer{Text: "It burns."}, providertest.Answer{Text: "Put the fire out."})
	begun := respond(t, h, responsesBody(model, false, "fire!", `,"instructions":"Be brief.","metadata":{"case":"7"},"background":true`)).Response
	run, is := strings.CutPrefix(begun.ID, "resp_run_")
	if !is || begun.Status != "in_progress" || begun.Model != model {
		t.Fatalf("got %+v", begun)
	}
	got, body := ended(t, h, begun.ID)
	if got.Response.Status != "completed" || got.Text != "Put the fire out." || got.Response.Usage.Total != 30 {
		t.Errorf("got %s", body)
	}
	if !strings.Contains(body, `"metadata":{"case":"7"}`) || !strings.Contains(body, `"instructions":"Be brief."`) || !strings.Contains(body, `"background":true`) {
		t.Errorf("got %s", body)
	}
	for i, want := range []string{"Sum up fire!", "Answer It burns."} {
		sent := string(h.Fake.Requests()[i].Body)
		if !strings.Contains(sent, want) || !strings.Contains(sent, `Be kind.\n\nBe brief.`) {
			t.Errorf("step %d was asked %s", i+1, sent)
		}
	}
	if a := h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/runs/"+run, ""); a.Status != http.StatusOK || !strings.Contains(a.Body, `"status":"success"`) {
		t.Errorf("the run is %d %s", a.Status, a.Body)
	}
	items := h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/responses/"+begun.ID+"/input_items", "")
	if items.Status != http.StatusOK || !strings.Contains(items.Body, `"text":"fire!"`) || !strings.Contains(items.Body, `"id":"msg_`) {
		t.Errorf("the input is %d %s", items.Status, items.Body)
	}
	for _, who := range []servertest.Member{h.Home.Creator, h.Other.Admin} {
		if a := h.Call(t, who.Key, http.MethodGet, "/v1/responses/"+begun.ID, ""); a.Status != http.StatusNotFound || !strings.Contains(a.Body, `"type":"not_found"`) {
			t.Errorf("somebody else gets %d %s", a.Status, a.Body)
		}
	}
	if a := h.Call(t, h.Home.User.Key, http.MethodDelete, "/v1/responses/"+begun.ID, ""); a.Status != http.StatusBadRequest || !strings.Contains(a.Body, "unsupported_parameter") {
		t.Errorf("deleting it: %d %s", a.Status, a.Body)
	}
	started := 0
	for _, rec := range h.Records(t, h.Home.ID, 0) {
		if rec.Action == "runs.start" && rec.Route == "POST /v1/responses" && string(rec.Run) == run {
			started++
		}
	}
	if started != 1 {
		t.Errorf("the trail tells of %d starts, want 1", started)
	}

	// The events, once while it runs and once afterwards: the text of the last step alone.
	h.Fake.Queue(providertest.Answer{Text: "It burns."}, providertest.Answer{Text: "Put the fire out."})
	live := respond(t, h, responsesBody(model, true, "fire!", ""))
	again := h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/responses/"+live.Response.ID+"?stream=true", "")
	later, err := responsestest.Read(again.Body)
	if err != nil {
		t.Fatalf("%v in %s", err, again.Body)
	}
	polled, _ := ended(t, h, live.Response.ID)
	for name, got := range map[string]responsestest.Stream{"live": live, "later": later, "polled": polled} {
		if got.Text != "Put the fire out." || got.Response.Status != "completed" || len(got.Response.Output) != 1 ||
			got.Response.Output[0].ID != live.Response.Output[0].ID || got.Response.Usage.Total != 30 {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// What ends a run in another way ends its response so.
func TestAgentAsModelEnds(t *testing.T) {
	t.Parallel()
	h := workingHouse(t)
	model := agentOf(t, h, h.Home.User, plainFile)
	h.Fake.Queue(providertest.Answer{Text: "One two three four", Fault: providertest.Cut, After: 2})
	failed := respond(t, h, responsesBody(model, true, "go", ""))
	if failed.Response.Status != "failed" || failed.Response.Error == nil || failed.Error == "" {
		t.Errorf("got %+v", failed)
	}
	if polled, body := ended(t, h, failed.Response.ID); polled.Response.Status != "failed" || polled.Response.Error == nil || polled.Text != "" {
		t.Errorf("got %s", body)
	}

	step := make(chan struct{})
	h.Fake.Queue(providertest.Answer{Text: "One two", Step: step})
	begun := respond(t, h, responsesBody(model, false, "go", "")).Response
	for range 2 {
		a := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses/"+begun.ID+"/cancel", "")
		if a.Status != http.StatusOK || !strings.Contains(a.Body, `"status":"cancelled"`) || !strings.Contains(a.Body, begun.ID) {
			t.Errorf("cancelling: %d %s", a.Status, a.Body)
		}
	}
	close(step)
	if a := h.Call(t, h.Home.Creator.Key, http.MethodPost, "/v1/responses/"+begun.ID+"/cancel", ""); a.Status != http.StatusNotFound {
		t.Errorf("somebody else cancels: %d %s", a.Status, a.Body)
	}
	read := h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/responses/"+begun.ID+"?stream=true", "")
	if got, err := responsestest.Read(read.Body); err != nil || got.Response.Status != "cancelled" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A repeat with the same Idempotency-Key is the same run, in both forms.
func TestAgentAsModelOnce(t *testing.T) {
	t.Parallel()
	h := workingHouse(t)
	model := agentOf(t, h, h.Home.User, plainFile)
	for _, stream := range []bool{false, true} {
		h.Fake.Queue(providertest.Answer{Text: "Hello."})
		key := uuid.NewString()
		first := respond(t, h, responsesBody(model, stream, "go", ""), "Idempotency-Key", key)
		second := respond(t, h, responsesBody(model, stream, "go", ""), "Idempotency-Key", key)
		if first.Response.ID != second.Response.ID || first.Text != second.Text {
			t.Errorf("stream %v: got %+v and %+v", stream, first.Response, second.Response)
		}
		ended(t, h, first.Response.ID)
	}
}

func TestAgentAsModelRefused(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	own, wide, plain := agentOf(t, h, h.Home.User, digestFile), agentOf(t, h, h.Home.User, wideFile), agentOf(t, h, h.Home.User, plainFile)
	hidden := agentOf(t, h, h.Home.Creator, digestFile)
	unknown := "agent/" + uuid.NewString()
	for _, tt := range []struct {
		model, more, code string
	}{
		{own + "@2", "", "agent_version_pinning_unsupported"},
		{wide, "", "agent_inputs_unmappable"},
		{own, `,"tools":[{"type":"function","name":"f"}]`, "unsupported_parameter"},
		{own, `,"temperature":0.5`, "unsupported_parameter"},
		{own, `,"metadata":{"k":1}`, "invalid_body"},
		{own, `,"conversation":"conv_1"`, "unsupported_parameter"},
	} {
		a := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses", responsesBody(tt.model, false, "hello", tt.more))
		if a.Status != 400 || !strings.Contains(a.Body, `"code":"`+tt.code+`"`) {
			t.Errorf("%s%s: got %d %s", tt.model, tt.more, a.Status, a.Body)
		}
	}
	var told []string
	for _, model := range []string{hidden, unknown, hidden + "@2", unknown + "@2"} {
		told = append(told, h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses", responsesBody(model, false, "hello", "")).Body)
	}
	for _, body := range told {
		if body != told[0] || !strings.Contains(body, "model_not_found") {
			t.Errorf("the hidden and the unknown differ: %q", told)
		}
	}
	for path, body := range map[string]string{
		"/v1/chat/completions":       `{"model":%q,"messages":[{"role":"user","content":"x"}]}`,
		"/v1/messages":               `{"model":%q,"max_tokens":5,"messages":[{"role":"user","content":"x"}]}`,
		"/v1/responses/input_tokens": `{"model":%q,"input":"x"}`,
	} {
		a := h.Call(t, h.Home.User.Key, http.MethodPost, path, strings.Replace(body, "%q", quoted(own), 1))
		if a.Status != 400 || !strings.Contains(a.Body, "POST /v1/responses") {
			t.Errorf("%s: got %d %s", path, a.Status, a.Body)
		}
	}

	// A list has none that could not answer.
	off := agentOf(t, h, h.Home.User, strings.Replace(digestFile, "mock-large", "mock-claude", 1))
	if a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/models/access?model=mock-claude", `{"enabled":false}`); a.Status >= 300 {
		t.Fatalf("switching a model off: %d %s", a.Status, a.Body)
	}
	var list struct{ Data []struct{ ID string } }
	a := h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/models?include_agents=true", "")
	if err := json.Unmarshal([]byte(a.Body), &list); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, m := range list.Data {
		found[m.ID] = true
	}
	if !found[own] || !found[plain] || found[wide] || found[off] || found[hidden] {
		t.Errorf("got %s", a.Body)
	}
	for name, id := range map[string]string{"whose model is off": off, "of several inputs": wide} {
		if a := h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/models/"+id, ""); a.Status != http.StatusNotFound {
			t.Errorf("an agent %s: got %d %s", name, a.Status, a.Body)
		}
	}
}
