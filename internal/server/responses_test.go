package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses/responsestest"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// responsesModels are the models by the dialect that their providers speak.
var responsesModels = map[string]string{"responses": servertest.Model, "chat": servertest.ChatOnly, "messages": servertest.Claude}

func responsesBody(model string, stream bool, prompt, more string) string {
	return fmt.Sprintf(`{"model":%q,"stream":%t,"store":false,"input":%s%s}`, model, stream, quoted(prompt), more)
}

// respond asks and reads the answer strictly.
func respond(t *testing.T, h *servertest.House, body string, headers ...string) responsestest.Stream {
	t.Helper()
	r := h.Request(t.Context(), t, h.Home.User.Key, http.MethodPost, "/v1/responses", body)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	a := h.Send(t, r)
	if a.Status != http.StatusOK {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	read := responsestest.Whole
	if strings.HasPrefix(a.Header.Get("Content-Type"), "text/event-stream") {
		read = responsestest.Read
	}
	got, err := read(a.Body)
	if err != nil {
		t.Fatalf("%v\nin %s", err, a.Body)
	}
	return got
}

func TestResponses(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{ChatOnly: true})
	weather := providertest.ToolCall{ID: "call_1", Name: "weather", Arguments: `{"city":"Zürich \"old\"","days":3}`}
	second := providertest.ToolCall{ID: "call_2", Name: "time", Arguments: `{}`}
	tools := `,"tools":[{"type":"function","name":"weather","parameters":{"type":"object"}},{"type":"function","name":"time","description":"now","parameters":{"type":"object"},"strict":false}]`
	for dialect, model := range responsesModels {
		for name, tt := range map[string]struct {
			answer       providertest.Answer
			more         string
			status, last string
		}{
			"text":     {providertest.Answer{Text: "Two words, naïve 👩‍💻 \\ \" \u2028 end."}, "", "completed", "response.completed"},
			"thinking": {providertest.Answer{Thinking: "Let me see.", Text: "Yes."}, "", "completed", "response.completed"},
			"length":   {providertest.Answer{Text: "cut", Finish: "length"}, `,"max_output_tokens":20`, "incomplete", "response.incomplete"},
			"filter":   {providertest.Answer{Text: "no", Finish: "content_filter"}, "", "incomplete", "response.incomplete"},
			"tools":    {providertest.Answer{Text: "I look.", Tools: []providertest.ToolCall{weather, second}}, tools, "completed", "response.completed"},
			"cached":   {providertest.Answer{Text: "x", Usage: &llm.Usage{Input: 7, CachedInput: 5, CacheWrite: 3, Output: 2}}, "", "completed", "response.completed"},
		} {
			for _, stream := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/%v", dialect, name, stream), func(t *testing.T) {
					h.Fake.Queue(tt.answer)
					mark := h.Mark(t, h.Home.ID)
					got := respond(t, h, responsesBody(model, stream, "hello", tt.more))
					if got.Text != strings.Join(tt.answer.Pieces, "")+tt.answer.Text || got.Thinking != tt.answer.Thinking {
						t.Errorf("got text %q, thinking %q", got.Text, got.Thinking)
					}
					var calls []responsestest.Call
					for _, c := range tt.answer.Tools {
						calls = append(calls, responsestest.Call(c))
					}
					if !slices.Equal(got.Calls, calls) {
						t.Errorf("got calls %q, want %q", got.Calls, calls)
					}
					if got.Response.Status != tt.status || stream && got.Events[len(got.Events)-1] != tt.last {
						t.Errorf("got status %q after %q", got.Response.Status, got.Events)
					}
					want := providertest.UsageDefault
					if tt.answer.Usage != nil {
						want = *tt.answer.Usage
					}
					if u := got.Response.Usage; u == nil || u.Input != want.Input+want.CachedInput+want.CacheWrite || u.Output != want.Output ||
						u.Total != u.Input+u.Output || u.Cached.Tokens != want.CachedInput {
						t.Errorf("got usage %+v, want %+v", u, want)
					}
					records := h.Records(t, h.Home.ID, mark)
					wantPair(t, records, sallyport.OutcomeSuccess, "")
					if records[1].Action != "responses.create" || records[1].Tokens.Source != "provider" {
						t.Errorf("recorded: %+v", records[1])
					}
				})
			}
		}
	}
}

// A provider of this dialect gets what the client sent, but for the model's name
// and store, and its events reach the client as they are.
func TestResponsesPassThrough(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	body := `{ "model":"` + servertest.Model + `", "unknown":[1.0,{"a":"\u00e9"}],"input":[{"type":"reasoning","id":"rs_1","summary":[],"content":null,"encrypted_content":"gAAA` + "==" + `"},` +
		`{"type":"message","role":"developer","content":[{"type":"input_text","text":"be \ud83d\ude00 brief"}]},{"role":"user","content":"hello"}],` +
		`"metadata":{"a":"b"},"tools":[{"type":"web_search"},{"type":"namespace","name":"n","tools":[]}], "include":["reasoning.encrypted_content"],"stream":true,"store" : false,"litellm_metadata":{"x":1}}`
	frames := []string{
		"event: response.created\ndata: {\"type\":\"response.created\", \"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1,\"status\":\"in_progress\",\"output\":[],\"new\": 1.50}}\n\n",
		"event: response.some_new.thing\ndata: {\"type\":\"response.some_new.thing\",\"sequence_number\":1,\"x\":\"\\u00e9\"}\n\n",
		"event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":2,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"completed\",\"output\":[],\"usage\":null}}\n\n",
	}
	h.Fake.Queue(providertest.Answer{Frames: frames})
	r := h.Request(t.Context(), t, h.Home.User.Key, http.MethodPost, "/v1/responses", body)
	r.Header.Set("OpenAI-Beta", "responses=v9")
	r.Header.Set("Originator", "codex")
	a := h.Send(t, r)
	if a.Body != strings.Join(frames, "") {
		t.Errorf("the client got %s", a.Body)
	}
	sent := h.Fake.Wait(t, 1)
	want := strings.NewReplacer(`"`+servertest.Model+`"`, `"`+servertest.ModelTarget+`"`, `,"litellm_metadata":{"x":1}}`, `}`).Replace(body)
	if sent.Path != "/v1/responses" || string(sent.Body) != want {
		t.Errorf("the provider got %s %s\nwant %s", sent.Path, sent.Body, want)
	}
	if sent.Header.Get("Openai-Beta") != "responses=v9" || sent.Header.Get("Originator") != "" {
		t.Errorf("the provider got the headers %v", sent.Header)
	}
}

func TestResponsesAreScreened(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{ChatOnly: true})
	token := placeholderOf(t, h, email)
	for dialect, model := range responsesModels {
		for _, tt := range []struct{ answer, want string }{
			{"The key " + awsKey + " is old.", "The key [REDACTED] is old."},
			{"It is " + githubKey, "It is [REDACTED]"},
			{"I wrote to " + token, "I wrote to " + email},
			{"Plain AKIA", "Plain AKIA"},
		} {
			t.Run(dialect+"/"+tt.want, func(t *testing.T) {
				all := append(splits(tt.answer)[len(tt.answer)-6:], nil)
				for i, pieces := range all {
					answer := providertest.Answer{Pieces: pieces, Thinking: tt.answer, Tools: []providertest.ToolCall{
						{ID: "call_1", Name: "mail", Arguments: `{"to":` + quoted(tt.answer) + `}`},
					}}
					if stream := pieces != nil; !stream {
						answer.Text = tt.answer
					}
					mark := h.Mark(t, h.Home.ID)
					h.Fake.Queue(answer)
					got := respond(t, h, responsesBody(model, pieces != nil, "Mail "+email, ""))
					thinking := tt.want
					if dialect == "messages" { // it is signed: no value is put back into it
						thinking = strings.ReplaceAll(tt.want, email, token)
					}
					if typed(got.Text) != tt.want || typed(got.Thinking) != thinking {
						t.Errorf("cut as %q: got %q, thinking %q; want %q, %q", pieces, got.Text, got.Thinking, tt.want, thinking)
					}
					// Nobody trusts the tool: it gets no value back.
					arguments := strings.ReplaceAll(tt.want, email, token)
					if len(got.Calls) != 1 || typed(got.Calls[0].Arguments) != `{"to":"`+arguments+`"}` {
						t.Errorf("cut as %q: got calls %q, want %q", pieces, got.Calls, arguments)
					}
					if i == 0 && strings.Contains(tt.want, "REDACTED") {
						// In the text, the thinking and the arguments, once each.
						if n := findingsOut(h.Records(t, h.Home.ID, mark)); n != 3 {
							t.Errorf("the record tells of %d findings in the answer, want 3", n)
						}
					}
				}
			})
		}
	}
	t.Run("trusted tool", func(t *testing.T) {
		setPolicy(t, h, func(p *dlp.Policy) { p.TrustedTools = []string{"mail"} })
		for _, model := range responsesModels {
			h.Fake.Queue(providertest.Answer{Tools: []providertest.ToolCall{{ID: "call_1", Name: "mail", Arguments: `{"to":"` + token + `"}`}}})
			if got := respond(t, h, responsesBody(model, true, "Mail "+email, "")); got.Calls[0].Arguments != `{"to":"`+email+`"}` {
				t.Errorf("%s: got %q", model, got.Calls)
			}
		}
	})
}

func findingsOut(records []sallyport.Record) int {
	n := 0
	for name, count := range records[len(records)-1].DLP.Counts {
		if strings.HasPrefix(name, "out:") {
			n += count
		}
	}
	return n
}

// Log-probabilities go where the text was changed, wherever they are told.
func TestResponsesLogprobs(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	logprobs := `"logprobs":[{"token":"` + awsKey[:10] + `","logprob":-1,"top_logprobs":[]},{"token":"` + awsKey[10:] + `","logprob":-1,"top_logprobs":[]}]`
	part := `{"type":"output_text","text":"` + awsKey + `","annotations":[],` + logprobs + `}`
	item := `{"id":"m","type":"message","role":"assistant","status":"completed","content":[` + part + `]}`
	response := `{"id":"r","object":"response","status":"completed","output":[` + item + `]}`
	at := `"output_index":0,"content_index":0,"item_id":"m",`
	var frames []string
	for i, body := range []string{
		`"type":"response.created","response":{"id":"r","object":"response","status":"in_progress","output":[]}`,
		`"type":"response.output_item.added","output_index":0,"item":{"id":"m","type":"message","role":"assistant","content":[]}`,
		`"type":"response.content_part.added",` + at + `"part":{"type":"output_text","text":"","annotations":[],"logprobs":[]}`,
		`"type":"response.output_text.delta",` + at + `"delta":"` + awsKey + `",` + logprobs,
		`"type":"response.output_text.done",` + at + `"text":"` + awsKey + `",` + logprobs,
		`"type":"response.content_part.done",` + at + `"part":` + part,
		`"type":"response.output_item.done","output_index":0,"item":` + item,
		`"type":"response.completed","response":` + response,
	} {
		name, _, _ := strings.Cut(body[len(`"type":"`):], `"`)
		frames = append(frames, fmt.Sprintf("event: %s\ndata: {\"sequence_number\":%d,%s}\n\n", name, i, body))
	}
	h.Fake.Queue(providertest.Answer{Frames: frames}, providertest.Answer{Body: response})
	for _, stream := range []bool{true, false} {
		a := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses", responsesBody(servertest.Model, stream, "hello", ""))
		if strings.Contains(a.Body, awsKey[:10]) || strings.Contains(a.Body, awsKey[10:]) || strings.Contains(a.Body, `"logprobs":null`) {
			t.Errorf("got %s", a.Body)
		}
		if stream {
			if got, err := responsestest.Read(a.Body); err != nil || typed(got.Text) != "[REDACTED]" {
				t.Errorf("got %q, %v", got.Text, err)
			}
		}
	}
}

func TestResponsesFailures(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{ChatOnly: true})
	for dialect, model := range responsesModels {
		t.Run(dialect, func(t *testing.T) {
			for _, fault := range []providertest.Fault{providertest.Cut, providertest.ErrorEvent, providertest.BadJSON} {
				h.Fake.Queue(providertest.Answer{Text: "one two three", Fault: fault, After: 2})
				got := respond(t, h, responsesBody(model, true, "hello", ""))
				if got.Error != "stream_error" || got.Response.Status != "failed" || got.Response.Error == nil || got.Response.Error.Code != "server_error" {
					t.Errorf("%s: got %+v", fault, got)
				}
				if last := got.Events[len(got.Events)-2:]; !slices.Equal(last, []string{"error", "response.failed"}) {
					t.Errorf("%s: the end is %q", fault, last)
				}
			}
			h.Fake.Queue(providertest.Answer{Status: 429, Header: map[string]string{"Retry-After": "7"}, Body: `{"error":{"message":"slow down","type":"t","code":"c"}}`})
			a := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses", responsesBody(model, true, "hello", ""))
			if a.Status != 429 || a.Header.Get("Retry-After") != "7" || !strings.Contains(a.Body, "slow down") {
				t.Errorf("got %d %v %s", a.Status, a.Header, a.Body)
			}
		})
	}
	for _, tt := range []struct {
		more, code string
		status     int
	}{
		{`,"background":true`, "invalid_body", 400},
		{`,"previous_response_id":"resp_1","conversation":"conv_1"`, "mutually_exclusive_parameters", 400},
		{`,"previous_response_id":"resp_unknown"`, "previous_response_not_found", 404},
		{`,"tools":[{"type":"mcp","server_label":"x"}]`, "unsupported_tool_type", 400},
		{`,"tools":[{"type":"kindo_tools"}]`, "unsupported_tool_type", 400},
		{`,"kindo":{"system_prompt":"agent_default"}`, "unsupported_parameter", 400},
		{`,"tools":"x"`, "invalid_body", 400},
	} {
		a := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses", responsesBody(servertest.Model, false, "hello", tt.more))
		if a.Status != tt.status || !strings.Contains(a.Body, `"code":"`+tt.code+`"`) || !strings.Contains(a.Body, `"type":"invalid_request_error"`) {
			t.Errorf("%s: got %d %s", tt.more, a.Status, a.Body)
		}
	}
	for model, code := range map[string]string{"nothing": "model_not_found", "agent/unknown": "model_not_found", "agent/unknown@2": "model_not_found"} {
		a := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses", responsesBody(model, false, "hello", ""))
		if a.Status != 400 || !strings.Contains(a.Body, `"code":"`+code+`"`) {
			t.Errorf("%s: got %d %s", model, a.Status, a.Body)
		}
	}
	a := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses", responsesBody(servertest.ChatOnly, false, "hello", `,"tools":[{"type":"web_search"}]`))
	if a.Status != 400 || !strings.Contains(a.Body, `"code":"unsupported_tool_type"`) {
		t.Errorf("a hosted tool on a chat model: got %d %s", a.Status, a.Body)
	}
}

// Clients of the documented API can have its word for an answer that calls tools.
func TestResponsesCompat(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{ChatOnly: true})
	for dialect, model := range responsesModels {
		for _, stream := range []bool{false, true} {
			h.Fake.Queue(providertest.Answer{Tools: []providertest.ToolCall{{ID: "call_1", Name: "x", Arguments: "{}"}}}, providertest.Answer{Text: "x"})
			got := respond(t, h, responsesBody(model, stream, "hello", ""), "X-Sallyport-Compat", "kindo")
			if got.Response.Status != "incomplete" || got.Response.Incomplete == nil || got.Response.Incomplete.Reason != "tool_use" {
				t.Errorf("%s, stream %v: got %+v", dialect, stream, got.Response)
			}
			if got = respond(t, h, responsesBody(model, stream, "hello", ""), "X-Sallyport-Compat", "kindo"); got.Response.Status != "completed" {
				t.Errorf("%s, stream %v: got %+v", dialect, stream, got.Response)
			}
		}
	}
}

// What is stored can be read, followed and deleted, by its owner alone.
func TestResponsesStored(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{ChatOnly: true})
	for dialect, model := range responsesModels {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", dialect, stream), func(t *testing.T) {
				ask := func(prompt, more string) (responsestest.Stream, string) {
					got := respond(t, h, strings.Replace(responsesBody(model, stream, prompt, more), `"store":false,`, "", 1))
					requests := h.Fake.Requests()
					return got, string(requests[len(requests)-1].Body)
				}
				h.Fake.Queue(providertest.Answer{Thinking: "hm", Text: "Hello, " + token(t, h) + "."})
				first, _ := ask("I am "+email, "")
				id := first.Response.ID
				if !strings.HasPrefix(id, "resp_") || id == "resp_fake" || !first.Response.Store || first.Text != "Hello, "+email+"." {
					t.Fatalf("got %+v", first.Response)
				}
				get := func(key, method, path string, status int) string {
					t.Helper()
					a := h.Call(t, key, method, "/v1/responses/"+path, "")
					if a.Status != status {
						t.Errorf("%s %s: got %d %s, want %d", method, path, a.Status, a.Body, status)
					}
					return a.Body
				}
				kept, err := responsestest.Whole(get(h.Home.User.Key, "GET", id, 200))
				if err != nil || kept.Response.ID != id || kept.Text != first.Text || !kept.Response.Store {
					t.Errorf("read again: %+v, %v", kept, err)
				}

				h.Fake.Queue(providertest.Answer{Tools: []providertest.ToolCall{{ID: "call_1", Name: "f", Arguments: "{}"}}})
				second, sent := ask("And now?", `,"previous_response_id":"`+id+`"`)
				if second.Response.Previous != id {
					t.Errorf("the second follows %q", second.Response.Previous)
				}
				for _, want := range []string{"I am ⟦", "Hello, ⟦", "And now?"} {
					if strings.Count(sent, want) != 1 || strings.Contains(sent, email) || strings.Contains(sent, "previous_response_id") {
						t.Errorf("the provider was sent %s, want once %s and no address", sent, want)
					}
				}
				third, sent := ask("x", `,"previous_response_id":"`+second.Response.ID+`","instructions":"Be new."`)
				if !strings.Contains(sent, "I am ⟦") || !strings.Contains(sent, "call_1") || !strings.Contains(sent, "Be new.") || strings.Contains(sent, `"hm"`) && dialect == "chat" {
					t.Errorf("the provider was sent %s", sent)
				}

				// An item that was said can be named. The fake provider gives all of its
				// own the same id.
				said := first.Response.Output[len(first.Response.Output)-1].ID
				named := fmt.Sprintf(`{"model":%q,"stream":%t,"input":[{"role":"user","content":"Who?"},{"type":"item_reference","id":%q},{"role":"user","content":"So?"}]}`, model, stream, said)
				respond(t, h, named)
				requests := h.Fake.Requests()
				if sent = string(requests[len(requests)-1].Body); dialect == "chat" && !strings.Contains(sent, "Hello, ⟦") || strings.Contains(sent, "item_reference") {
					t.Errorf("the provider was sent %s", sent)
				}
				if a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/v1/responses", named); a.Status != 400 || strings.Contains(a.Body, "Hello") {
					t.Errorf("named by another: %d %s", a.Status, a.Body)
				}

				all := get(h.Home.User.Key, "GET", third.Response.ID+"/input_items?order=asc&limit=3", 200)
				if !strings.Contains(all, `"has_more":true`) || !strings.Contains(all, `"text":"I am `+email+`"`) || !strings.Contains(all, `"first_id":"msg_`) {
					t.Errorf("the input items are %s", all)
				}
				if newest := get(h.Home.User.Key, "GET", third.Response.ID+"/input_items?limit=1", 200); !strings.Contains(newest, `"text":"x"`) {
					t.Errorf("the newest input item is %s", newest)
				}
				get(h.Home.User.Key, "GET", id+"/input_items?limit=0", 400)

				for _, key := range []string{h.Home.Admin.Key, h.Other.User.Key} {
					if body := get(key, "GET", id, 404); !strings.Contains(body, `"type":"not_found"`) {
						t.Errorf("got %s", body)
					}
					get(key, "GET", id+"/input_items", 404)
					get(key, "DELETE", id, 404)
					a := h.Call(t, key, http.MethodPost, "/v1/responses", responsesBody(model, false, "x", `,"previous_response_id":"`+id+`"`))
					if a.Status != 404 || !strings.Contains(a.Body, `"code":"previous_response_not_found"`) {
						t.Errorf("followed by another: %d %s", a.Status, a.Body)
					}
				}
				if body := get(h.Home.User.Key, "DELETE", id, 200); body != `{"id":"`+id+`","object":"response","deleted":true}` {
					t.Errorf("deleted: %q", body)
				}
				get(h.Home.User.Key, "GET", id, 404)
				get(h.Home.User.Key, "DELETE", id, 404)
				get(h.Home.User.Key, "GET", third.Response.ID, 200)
				a := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses", responsesBody(model, false, "x", `,"previous_response_id":"`+third.Response.ID+`"`))
				if a.Status != 404 {
					t.Errorf("it follows what is deleted: %d %s", a.Status, a.Body)
				}
			})
		}
	}
	for _, more := range []string{`,"store":false`, ""} {
		body := strings.Replace(responsesBody(servertest.Model, false, "x", more), `"store":false,`, "", 1)
		got := respond(t, h, body, "X-Sallyport-Compat", "kindo")
		if a := h.Call(t, h.Home.User.Key, "GET", "/v1/responses/"+got.Response.ID, ""); a.Status != 404 || got.Response.Store {
			t.Errorf("stored unasked: %d %s", a.Status, a.Body)
		}
	}
	got := respond(t, h, responsesBody(servertest.Model, false, "x", ""))
	h.Clock.Advance(sallyport.ResponsesKept)
	if a := h.Call(t, h.Home.User.Key, "GET", "/v1/responses/"+got.Response.ID, ""); a.Status != 404 {
		t.Errorf("kept too long: %d %s", a.Status, a.Body)
	}
}

// token is the placeholder that stands for the address in the user's calls.
func token(t *testing.T, h *servertest.House) string {
	t.Helper()
	return placeholderOf(t, h, email)
}

// A count goes the road of every call, costs nothing and stores nothing.
func TestResponsesInputTokens(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{ChatOnly: true})
	const path = "/v1/responses/input_tokens"
	first := respond(t, h, `{"model":"`+servertest.Model+`","input":"one"}`)
	before, _ := h.Balance(t, h.Home.ID)
	count := func(model, more string) servertest.Answer {
		return h.Call(t, h.Home.User.Key, http.MethodPost, path, `{"model":"`+model+`","input":"Mail `+email+`"`+more+`}`)
	}
	mark := h.Mark(t, h.Home.ID)
	h.Fake.Queue(providertest.Answer{Body: `{ "object":"response.input_tokens", "input_tokens":2095 }`})
	a := count(servertest.Model, `,"store":true,"stream":true,"instructions":"Be new.","previous_response_id":"`+first.Response.ID+`"`)
	if a.Status != http.StatusOK || a.Body != `{ "object":"response.input_tokens", "input_tokens":2095 }` {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	sent := lastRequest(h)
	body := string(sent.Body)
	if sent.Path != path || strings.Contains(body, email) || strings.Contains(body, "store") || strings.Contains(body, "stream") ||
		!strings.HasPrefix(body, `{"model":"`+servertest.ModelTarget+`","input":[{"role":"user","content":"one"},`) || !strings.Contains(body, `"instructions":"Be new."`) {
		t.Errorf("the provider got %s at %s", body, sent.Path)
	}
	records := h.Records(t, h.Home.ID, mark)
	wantPair(t, records, sallyport.OutcomeSuccess, "")
	if r := records[1]; r.Action != "responses.input_tokens" || r.Cost.Charge != 0 || r.DLP == nil {
		t.Errorf("got the record %+v", r)
	}
	asked := len(h.Fake.Requests())
	for _, model := range []string{servertest.ChatOnly, servertest.Claude} {
		a := count(model, "")
		var got struct {
			Object string
			Tokens int `json:"input_tokens"`
		}
		if err := json.Unmarshal([]byte(a.Body), &got); a.Status != http.StatusOK || err != nil || got.Object != "response.input_tokens" || got.Tokens < 5 || got.Tokens > 100 {
			t.Errorf("an estimate for %s: got %d %s", model, a.Status, a.Body)
		}
	}
	if len(h.Fake.Requests()) != asked {
		t.Error("a provider was asked for an estimate")
	}
	// Messages are not counted by a provider of this dialect.
	h.Call(t, h.Home.User.Key, http.MethodPost, messagesPath+"/count_tokens", `{"model":"`+servertest.Model+`","messages":[{"role":"user","content":"x"}]}`)
	if len(h.Fake.Requests()) != asked {
		t.Error("a provider was asked to count messages that it does not speak")
	}
	if after, held := h.Balance(t, h.Home.ID); after != before || held != 0 {
		t.Errorf("the balance went from %s to %s, with %s held", before, after, held)
	}
	if a := count(servertest.Model, `,"previous_response_id":"resp_none"`); a.Status != 404 {
		t.Errorf("of what is not there: %d %s", a.Status, a.Body)
	}
}

// What was not made in the background cannot be cancelled.
func TestResponsesCancel(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	id := respond(t, h, `{"model":"`+servertest.Model+`","input":"one"}`).Response.ID
	for _, tt := range []struct {
		key, id, kind string
		status        int
	}{
		{h.Home.User.Key, id, "invalid_request_error", 400},
		{h.Home.User.Key, "resp_none", "not_found", 404},
		{h.Home.Admin.Key, id, "not_found", 404},
		{h.Other.User.Key, id, "not_found", 404},
	} {
		a := h.Call(t, tt.key, http.MethodPost, "/v1/responses/"+tt.id+"/cancel", "")
		if a.Status != tt.status || !strings.Contains(a.Body, `"type":"`+tt.kind+`"`) {
			t.Errorf("got %d %s, want %d %s", a.Status, a.Body, tt.status, tt.kind)
		}
	}
}

// What Claude signed comes back to it from a client of another dialect that returns
// what it was answered; a provider of that dialect gets nothing of it.
func TestResponsesSignedThinking(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	tools := `,"tools":[{"type":"function","name":"f","parameters":{"type":"object"}}]`
	for _, stream := range []bool{false, true} {
		h.Fake.Queue(providertest.Answer{Thinking: "Let me see.", Tools: []providertest.ToolCall{{ID: "call_1", Name: "f", Arguments: "{}"}}}, providertest.Answer{Text: "Done."}, providertest.Answer{Text: "Done."})
		first := respond(t, h, responsesBody(servertest.Claude, stream, "hello", tools))
		items := fmt.Sprintf(`[{"role":"user","content":"hello"},{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":%s}],"encrypted_content":%s},
			{"type":"function_call","call_id":"call_1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"call_1","output":"y"}]`,
			quoted(first.Thinking), quoted(first.Response.Output[0].Encrypted))
		for model, want := range map[string]int{servertest.Claude: 1, servertest.Model: 0} {
			respond(t, h, `{"model":"`+model+`","store":false,"input":`+items+tools+`}`)
			requests := h.Fake.Requests()
			sent := string(requests[len(requests)-1].Body)
			if got := strings.Count(sent, `"signature":"`); got != want || strings.Contains(sent, "sallyport1.") || strings.Contains(sent, "Let me see.") != (want == 1) {
				t.Errorf("stream %v: %s got %s", stream, model, sent)
			}
		}
	}
}
