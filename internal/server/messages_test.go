package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/policy"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

const messagesPath = "/v1/messages"

// messageBody is a request of the messages dialect to the model.
func messageBody(model string, stream bool, content string) string {
	text := `false`
	if stream {
		text = `true`
	}
	return `{"model":"` + model + `","max_tokens":50,"stream":` + text + `,"messages":[{"role":"user","content":` + content + `}]}`
}

func say(t *testing.T, h *servertest.House, body string) servertest.Answer {
	t.Helper()
	return h.Call(t, h.Home.User.Key, http.MethodPost, messagesPath, body)
}

func lastRequest(h *servertest.House) *providertest.Request {
	requests := h.Fake.Requests()
	return requests[len(requests)-1]
}

// A provider of the client's dialect gets the client's bytes and headers, and the
// client gets the provider's.
func TestMessagesPass(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	body := "{ \"metadata\":{\"user_id\":\"CANARY\"},\"model\" : \"mock-claude\", \"max_tokens\":5e1,\"thinking\":{\"type\":\"adaptive\"},\n \"messages\":[{\"role\":\"system\",\"content\":\"\\u00e9\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]}"
	whole := `{ "id":"msg_1","type":"message","role":"assistant","model":"theirs","content":[{"type":"thinking","thinking":"Hm.","signature":"c2ln"},{"type":"text","text":"Yes \u2603","citations":null}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":2,"server_tool_use":null}} `
	h.Fake.Queue(providertest.Answer{Body: whole})
	r := h.Request(t.Context(), t, "", http.MethodPost, messagesPath+"?beta=true", body)
	r.Header.Set("X-Api-Key", h.Home.User.Key)
	r.Header.Add("Anthropic-Beta", "claude-code-20250219,novelty-2030-01-01")
	r.Header.Add("Anthropic-Beta", "more-1")
	r.Header.Set("Anthropic-Version", "2030-01-01")
	r.Header.Set("X-Claude-Code-Session-Id", "s-1")
	r.Header.Set("X-App", "CANARY")
	a := h.Send(t, r)
	if a.Status != http.StatusOK || a.Body != strings.Replace(whole, "theirs", "mock-claude", 1) || a.Header.Get("Request-Id") != a.RequestID || a.RequestID == "" {
		t.Errorf("got %d %s with the header %v", a.Status, a.Body, a.Header)
	}
	got := lastRequest(h)
	want := strings.NewReplacer(`"metadata":{"user_id":"CANARY"},`, "", "mock-claude", "target-claude").Replace(body)
	if string(got.Body) != want || got.Path != "/v1/messages" {
		t.Errorf("the provider got %s at %s, want %s", got.Body, got.Path, want)
	}
	for name, want := range map[string]string{
		"Anthropic-Beta": "claude-code-20250219,novelty-2030-01-01,more-1", "Anthropic-Version": "2030-01-01", "X-Claude-Code-Session-Id": "s-1", "X-App": "", "X-Api-Key": "upstream-key",
	} {
		if got.Header.Get(name) != want {
			t.Errorf("the provider got %s %q, want %q", name, got.Header.Get(name), want)
		}
	}

	frames := []string{
		"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"theirs\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
		"event: ping\ndata: {\"type\": \"ping\"}\n\n",
		"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\"b3A=\"}}\n\n",
		"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
		"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"END\"},\"usage\":{\"output_tokens\":2}}\n\n",
		"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
	}
	h.Fake.Queue(providertest.Answer{Frames: frames})
	if a := say(t, h, messageBody(servertest.Claude, true, `"hi"`)); a.Body != strings.Replace(strings.Join(frames, ""), "theirs", "mock-claude", 1) || a.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("got %s", a.Body)
	}
	if got := lastRequest(h).Header.Get("Anthropic-Version"); got != "2023-06-01" {
		t.Errorf("without a version of the client the provider got %q", got)
	}
}

// A header that would go on to the provider unread must not be a text.
func TestHeadersAreNoTexts(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for name, values := range map[string][]string{
		"Anthropic-Beta":           {"mail ann@example.com", "a;b", strings.Repeat("a", 5<<10)},
		"Anthropic-Version":        {"2023 06 01"},
		"X-Claude-Code-Session-Id": {"I am ann@example.com"},
	} {
		for _, value := range values {
			mark, asked := h.Mark(t, h.Home.ID), len(h.Fake.Requests())
			r := h.Request(t.Context(), t, h.Home.User.Key, http.MethodPost, messagesPath, messageBody(servertest.Claude, false, `"hi"`))
			r.Header.Set(name, value)
			if a := h.Send(t, r); a.Status != http.StatusBadRequest || !strings.Contains(a.Body, name) || len(h.Fake.Requests()) != asked {
				t.Errorf("%s of %.30q: got %d %s", name, value, a.Status, a.Body)
			}
			wantRefusal(t, h.Records(t, h.Home.ID, mark), sallyport.InvalidBody, http.StatusBadRequest)
		}
	}
}

// What the policy hid comes back in one piece, wherever the provider cuts it, and
// before its block ends; what it hides in answers does not leave.
func TestMessagesStreamIsScreened(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	token := placeholderOf(t, h, email)
	for name, tt := range map[string]struct{ answer, want string }{
		"a placeholder at the end": {"I wrote to " + token, "I wrote to " + email},
		"a placeholder":            {"Write to " + token + ", please.", "Write to " + email + ", please."},
		"a secret at the end":      {"It is " + awsKey, "It is [REDACTED]"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, model := range []string{servertest.Claude, servertest.Model} {
				for _, pieces := range splits(tt.answer) {
					h.Fake.Queue(providertest.Answer{Pieces: pieces})
					got := readMessage(t, say(t, h, messageBody(model, true, `"Mail `+email+`"`)).Body)
					if len(got.blocks) != 1 || typed(got.blocks[0]) != tt.want || !got.ended {
						t.Fatalf("%s, cut as %q: got %+v", model, pieces, got)
					}
				}
				h.Fake.Queue(providertest.Answer{Text: tt.answer})
				if a := say(t, h, messageBody(model, false, `"Mail `+email+`"`)); !strings.Contains(typed(a.Body), `"text":"`+tt.want+`"`) {
					t.Errorf("%s: the plain answer is %s", model, a.Body)
				}
			}
		})
	}
}

// heardMessage is a stream as clients of the messages dialect put it together.
type heardMessage struct {
	blocks []string // the texts or arguments of each
	failed string   // data of the error event
	ended  bool
}

func readMessage(t *testing.T, body string) (m heardMessage) {
	t.Helper()
	open := false
	for frame := range strings.SplitSeq(strings.TrimSuffix(body, "\n\n"), "\n\n") {
		_, data, _ := strings.Cut(frame, "\ndata: ")
		var e struct {
			Type  string
			Index int
			Delta struct {
				Text, Thinking string
				JSON           string `json:"partial_json"`
			}
		}
		if err := json.Unmarshal([]byte(data), &e); err != nil || m.ended || m.failed != "" {
			t.Fatalf("frame %q in %q: %v", frame, body, err)
		}
		switch e.Type {
		case "content_block_start":
			m.blocks, open = append(m.blocks, ""), true
		case "content_block_delta":
			if !open || e.Index != len(m.blocks)-1 {
				t.Errorf("a piece of block %d comes late: %q", e.Index, body)
				continue
			}
			m.blocks[e.Index] += e.Delta.Text + e.Delta.Thinking + e.Delta.JSON
		case "content_block_stop":
			open = false
		case "error":
			m.failed = data
		case "message_stop":
			m.ended = true
		}
	}
	return m
}

// Arguments of tools are judged once, as the JSON that they are; values come back
// only for tools that the organisation trusts.
func TestMessagesToolCalls(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	token := placeholderOf(t, h, email)
	answer := providertest.Answer{Tools: []providertest.ToolCall{{ID: "toolu_1", Name: "send", Arguments: `{"to":"` + token + `","key":"` + githubKey + `"}`}}}
	check := func(t *testing.T, to string) {
		t.Helper()
		want := `{"to":"` + to + `","key":"[REDACTED]"}`
		for _, model := range []string{servertest.Claude, servertest.Model} {
			h.Fake.Queue(answer)
			if a := say(t, h, messageBody(model, false, `"Mail `+email+`"`)); !strings.Contains(typed(a.Body), `"input":`+want) && !strings.Contains(typed(a.Body), `"input":{"key":"[REDACTED]","to":"`+to+`"}`) {
				t.Errorf("%s: the plain answer is %s, want the input %s", model, a.Body, want)
			}
			h.Fake.Queue(answer)
			if got := readMessage(t, say(t, h, messageBody(model, true, `"Mail `+email+`"`)).Body); len(got.blocks) != 1 || typed(got.blocks[0]) != want {
				t.Errorf("%s: got %+v, want %s", model, got, want)
			}
		}
	}
	t.Run("untrusted tool", func(t *testing.T) { check(t, token) })
	t.Run("trusted tool", func(t *testing.T) {
		setPolicy(t, h, func(p *dlp.Policy) { p.TrustedTools = []string{"send"} })
		check(t, email)
	})
}

// What a signature covers is never edited: a finding there refuses the call, and
// placeholders in it stay.
func TestMessagesSignedThinking(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	history := func(thinking, signature string) string {
		return `{"model":"` + servertest.Claude + `","max_tokens":50,"messages":[{"role":"user","content":"Mail ` + email + `"},{"role":"assistant","content":[{"type":"thinking","thinking":"` + thinking + `","signature":"` + signature + `"},{"type":"text","text":"Done."}]},{"role":"user","content":"And?"}]}`
	}
	if a := say(t, h, history("I mail "+email, "c2ln")); a.Status != http.StatusBadRequest || !strings.HasPrefix(a.Body, `{"type":"error","error":{"type":"invalid_request_error","message":"The request holds`) {
		t.Errorf("signed: got %d %s", a.Status, a.Body)
	}
	if a := say(t, h, history("I mail "+email, "")); a.Status != http.StatusOK || strings.Contains(string(lastRequest(h).Body), email) {
		t.Errorf("unsigned: got %d %s, and the provider %s", a.Status, a.Body, lastRequest(h).Body)
	}
	token := placeholderOf(t, h, email)
	if a := say(t, h, history("I mail "+token, "c2ln")); a.Status != http.StatusOK || !strings.Contains(string(lastRequest(h).Body), `"thinking":"I mail `+token+`","signature":"c2ln"`) {
		t.Errorf("with a placeholder: got %d %s, and the provider %s", a.Status, a.Body, lastRequest(h).Body)
	}
	for _, stream := range []bool{false, true} {
		h.Fake.Queue(providertest.Answer{Thinking: "I mail " + token, Text: "I mailed " + token})
		a := say(t, h, messageBody(servertest.Claude, stream, `"Mail `+email+`"`))
		if !strings.Contains(a.Body, `"thinking":"I mail `+token) || !strings.Contains(a.Body, "I mailed "+email) && !strings.Contains(a.Body, email) {
			t.Errorf("got %s", a.Body)
		}
	}
}

// Documents that nobody can read are blocked, images pass, and what only claims to
// be one is read as text.
func TestMessagesFiles(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	block := func(kind, source string) string {
		return messageBody(servertest.Claude, false, `[{"type":"`+kind+`","source":{`+source+`}},{"type":"text","text":"hi"}]`)
	}
	for name, tt := range map[string]struct {
		body string
		want int
		sent string
	}{
		"an image":                 {block("image", `"type":"base64","media_type":"image/png","data":"`+awsKey+`"`), 200, awsKey},
		"a document":               {block("document", `"type":"base64","media_type":"application/pdf","data":"JVBERi0x"`), 400, ""},
		"a document in words":      {block("document", `"type":"text","media_type":"text/plain","data":"It is `+awsKey+` now"`), 200, "It is "},
		"a document of one word":   {block("document", `"type":"text","media_type":"text/plain","data":"`+awsKey+`"`), 200, `"data":"⟦AWS`},
		"an image that is a text":  {block("image", `"type":"base64","media_type":"image/png","data":"It is `+awsKey+` now"`), 200, "It is "},
		"a document at an address": {block("document", `"type":"url","url":"https://x.test/a.pdf"`), 200, "a.pdf"},
	} {
		a := say(t, h, tt.body)
		sent := ""
		if a.Status == http.StatusOK {
			sent = string(lastRequest(h).Body)
		}
		if a.Status != tt.want || !strings.Contains(sent, tt.sent) || name != "an image" && strings.Contains(sent, awsKey) {
			t.Errorf("%s: got %d %s, and the provider %s", name, a.Status, a.Body, sent)
		}
	}
}

// A provider of another dialect serves the call too.
func TestMessagesOnAnotherDialect(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	mark := h.Mark(t, h.Home.ID)
	a := say(t, h, messageBody(servertest.Model, false, `[{"type":"text","text":"hello","cache_control":{"type":"ephemeral"}}]`))
	want := `{"id":"msg_fake","type":"message","role":"assistant","model":"mock-large","content":[{"type":"text","text":"hello"}],"stop_reason":"end_turn","stop_sequence":null,` +
		`"usage":{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":5}}`
	if a.Status != http.StatusOK || a.Body != want {
		t.Errorf("got %d %s, want %s", a.Status, a.Body, want)
	}
	if got := lastRequest(h); got.Path != "/v1/chat/completions" || got.Header.Get("Anthropic-Version") != "" {
		t.Errorf("the provider was asked at %s with %v", got.Path, got.Header)
	}
	records := h.Records(t, h.Home.ID, mark)
	wantPair(t, records, sallyport.OutcomeSuccess, "")
	if records[0].Action != "messages" || records[1].Cost.Charge == 0 {
		t.Errorf("got the records %+v", records)
	}
	if a := say(t, h, strings.Replace(messageBody(servertest.Model, false, `"hi"`), `"stream"`, `"thread":{"type":"create"},"stream"`, 1)); a.Status != http.StatusBadRequest ||
		!strings.Contains(a.Body, `,"details":{"error_code":"thread_unsupported_request","unsupported":["thread"]}}`) {
		t.Errorf("a conversation that the provider is to hold: %d %s", a.Status, a.Body)
	}
	if a := say(t, h, strings.Replace(messageBody(servertest.Model, false, `"hi"`), `"stream"`, `"container":"c","stream"`, 1)); a.Status != http.StatusBadRequest || !strings.Contains(a.Body, "container") {
		t.Errorf("a field that cannot be carried: %d %s", a.Status, a.Body)
	}
}

// Errors have this API's shape, and a type that tells whether to try again.
func TestMessagesErrors(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	wants := func(t *testing.T, a servertest.Answer, status int, kind string) {
		t.Helper()
		var body struct {
			Type  string
			Error struct{ Type, Message string }
			ID    string `json:"request_id"`
		}
		if err := json.Unmarshal([]byte(a.Body), &body); err != nil || a.Status != status || body.Type != "error" || body.Error.Type != kind || body.Error.Message == "" ||
			body.ID != a.RequestID || a.Header.Get("Request-Id") != a.RequestID {
			t.Errorf("got %d %s, want %d %s", a.Status, a.Body, status, kind)
		}
	}
	stranger := h.Call(t, "sp-nobody", http.MethodPost, messagesPath, messageBody(servertest.Claude, false, `"x"`))
	wants(t, stranger, 401, "authentication_error")
	if got := stranger.Header.Get("X-Should-Retry"); got != "false" {
		t.Errorf("a wrong key: X-Should-Retry is %q, want false", got)
	}
	wants(t, say(t, h, `{"model":"mock-claude","messages":[{"role":"user","content":"x"}]}`), 400, "invalid_request_error")
	wants(t, say(t, h, messageBody("nothing", false, `"x"`)), 400, "invalid_request_error")
	for status, kind := range map[int]string{
		400: "invalid_request_error", 404: "not_found_error", 413: "request_too_large", 422: "invalid_request_error", 429: "rate_limit_error", 500: "api_error", 503: "api_error", 504: "timeout_error", 529: "overloaded_error",
	} {
		refusal := providertest.Answer{Status: status, Body: `{"type":"error", "error":{"type":"theirs","message":"their words"}}`, Header: map[string]string{"Retry-After": "7"}}
		h.Fake.Queue(refusal, refusal)
		if a := say(t, h, messageBody(servertest.Claude, true, `"x"`)); a.Status != status || a.Body != refusal.Body || a.Header.Get("Retry-After") != "7" {
			t.Errorf("its own dialect: got %d %s %v", a.Status, a.Body, a.Header)
		}
		a := say(t, h, messageBody(servertest.Model, true, `"x"`))
		wants(t, a, status, kind)
		if !strings.Contains(a.Body, "their words") || a.Header.Get("Retry-After") != "7" {
			t.Errorf("another dialect: got %s %v", a.Body, a.Header)
		}
	}
	h.Fake.Queue(providertest.Answer{Status: 401, Body: `{"error":"your key"}`}, providertest.Answer{Fault: providertest.Empty})
	wants(t, say(t, h, messageBody(servertest.Claude, false, `"x"`)), 502, "api_error")
	wants(t, say(t, h, messageBody(servertest.Claude, false, `"x"`)), 502, "upstream_empty_body")
	setPolicy(t, h, blockSecrets)
	wants(t, say(t, h, messageBody(servertest.Claude, false, `"`+awsKey+`"`)), 400, "invalid_request_error")

	poor := servertest.New(t, servertest.Options{Credits: 1, Limits: policy.Defaults{}})
	a := say(t, poor, messageBody(servertest.Claude, false, `"x"`))
	wants(t, a, 402, "billing_error")
}

// A stream that breaks ends with a typed error and without message_stop.
func TestMessagesStreamFails(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	overloaded := []string{
		"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\"}}\n\n",
		"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"their words\"}}\n\n",
	}
	for name, tt := range map[string]struct {
		answer providertest.Answer
		kind   string
	}{
		"an error event": {providertest.Answer{Text: "some words", Fault: providertest.ErrorEvent, After: 1}, "api_error"},
		"overloaded":     {providertest.Answer{Frames: overloaded}, "overloaded_error"},
		"a cut":          {providertest.Answer{Text: "some words", Fault: providertest.Cut, After: 1}, "api_error"},
		"a break":        {providertest.Answer{Text: "some words", Fault: providertest.Close, After: 1}, "api_error"},
	} {
		for _, model := range []string{servertest.Claude, servertest.Model} {
			if name == "overloaded" && model == servertest.Model {
				continue
			}
			h.Fake.Queue(tt.answer)
			got := readMessage(t, say(t, h, messageBody(model, true, `"x"`)).Body)
			if got.ended || !strings.HasPrefix(got.failed, `{"type":"error","error":{"type":"`+tt.kind+`","message":"`) || strings.Contains(got.failed, "their words") {
				t.Errorf("%s, %s: got %+v", name, model, got)
			}
		}
	}
}

// A count goes the road of every call, and costs nothing.
func TestCountTokens(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	before, _ := h.Balance(t, h.Home.ID)
	count := func(key, model, text string) servertest.Answer {
		return h.Call(t, key, http.MethodPost, messagesPath+"/count_tokens", `{"model":"`+model+`","metadata":{"user_id":"u"},"messages":[{"role":"user","content":"`+text+`"}]}`)
	}
	mark := h.Mark(t, h.Home.ID)
	h.Fake.Queue(providertest.Answer{Body: `{ "input_tokens":2095 }`})
	if a := count(h.Home.User.Key, servertest.Claude, "Mail "+email); a.Status != http.StatusOK || a.Body != `{ "input_tokens":2095 }` {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	got := lastRequest(h)
	if got.Path != "/v1/messages/count_tokens" || strings.Contains(string(got.Body), email) || !strings.HasPrefix(string(got.Body), `{"model":"target-claude","messages":[`) {
		t.Errorf("the provider got %s at %s", got.Body, got.Path)
	}
	records := h.Records(t, h.Home.ID, mark)
	wantPair(t, records, sallyport.OutcomeSuccess, "")
	if r := records[1]; r.Action != "messages.count_tokens" || r.Cost.Charge != 0 || r.Cost.Estimated || r.DLP == nil {
		t.Errorf("got the record %+v", r)
	}

	asked := len(h.Fake.Requests())
	if a := count(h.Home.User.Key, servertest.Model, strings.Repeat("word ", 400)); a.Status != http.StatusOK || a.Body != `{"input_tokens":523}` {
		t.Errorf("an estimate: got %d %s", a.Status, a.Body)
	}
	if len(h.Fake.Requests()) != asked {
		t.Error("a provider was asked for an estimate")
	}
	if after, held := h.Balance(t, h.Home.ID); after != before || held != 0 {
		t.Errorf("the balance went from %s to %s, with %s held", before, after, held)
	}
	h.Fake.Queue(providertest.Answer{Status: 429, Body: `{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}`})
	if a := count(h.Home.User.Key, servertest.Claude, "x"); a.Status != http.StatusTooManyRequests || !strings.Contains(a.Body, "slow") {
		t.Errorf("a refusal: got %d %s", a.Status, a.Body)
	}
	if a := count("", servertest.Claude, "x"); a.Status != http.StatusUnauthorized {
		t.Errorf("a stranger: got %d", a.Status)
	}
}
