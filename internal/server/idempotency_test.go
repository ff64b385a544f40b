package server_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/limit"
	"github.com/sallyport-ai/sallyport/internal/policy"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// once makes a call with an Idempotency-Key.
func once(t *testing.T, h *servertest.House, key, path, body, name string) servertest.Answer {
	t.Helper()
	r := h.Request(t.Context(), t, key, http.MethodPost, path, body)
	r.Header.Set("Idempotency-Key", name)
	return h.Send(t, r)
}

const chatPath = "/v1/chat/completions"

// A repeat gets the same bytes, is charged nothing, and leaves one record that
// names the first call.
func TestRepeat(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("long ", 300<<10)
	for _, tt := range []struct {
		name   string
		stream bool
		model  string
		answer providertest.Answer
		status int
	}{
		{"plain", false, servertest.Model, providertest.Answer{Text: "all of it"}, 200},
		{"stream", true, servertest.Model, providertest.Answer{Text: "all of it"}, 200},
		{"plain from messages", false, servertest.Claude, providertest.Answer{Text: "all of it"}, 200},
		{"stream from messages", true, servertest.Claude, providertest.Answer{Text: "all of it"}, 200},
		{"refused by the provider", false, servertest.Model, providertest.Answer{Status: 422, Body: `{"error":"odd"}`, Header: map[string]string{"Content-Type": "application/problem+json"}}, 422},
		{"refused stream", true, servertest.Model, providertest.Answer{Status: 400, Body: `{"error":"odd"}`}, 400},
		{"larger than is kept", false, servertest.Model, providertest.Answer{Text: large}, 200},
		{"larger stream", true, servertest.Model, providertest.Answer{Pieces: []string{large}}, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := servertest.New(t, servertest.Options{})
			h.Fake.Queue(tt.answer)
			body := strings.Replace(chatBody(tt.stream, "hello", ""), servertest.Model, tt.model, 1)
			mark := h.Mark(t, h.Home.ID)
			first := once(t, h, h.Home.User.Key, chatPath, body, "one")
			if first.Status != tt.status || first.Header.Get("Idempotent-Replayed") != "" {
				t.Fatalf("first: %d %.300s", first.Status, first.Body)
			}
			records := h.Records(t, h.Home.ID, mark)
			balance, _ := h.Balance(t, h.Home.ID)
			for range 2 {
				mark = h.Mark(t, h.Home.ID)
				again := once(t, h, h.Home.User.Key, chatPath, body, "one")
				replay := h.Records(t, h.Home.ID, mark)
				if strings.HasPrefix(tt.name, "larger") {
					wantConflict(t, again, "1048576 bytes", false)
					wantRefusal(t, replay, sallyport.Conflict, http.StatusConflict)
					continue
				}
				if again.Status != first.Status || again.Body != first.Body || again.Header.Get("Idempotent-Replayed") != "true" ||
					again.Header.Get("Content-Type") != first.Header.Get("Content-Type") {
					t.Errorf("again: %d %v %q, want %q", again.Status, again.Header, again.Body, first.Body)
				}
				if len(replay) != 1 || replay[0].Phase != sallyport.PhaseEvent || replay[0].Action != "chat.completions.replay" ||
					replay[0].Resource != "call/"+string(records[0].Call) || replay[0].RequestID != again.RequestID ||
					replay[0].Status != tt.status || replay[0].Cost != nil {
					t.Errorf("got the records %+v, want one event that names %s", replay, records[0].Call)
				}
			}
			if after, held := h.Balance(t, h.Home.ID); after != balance || held != 0 {
				t.Errorf("the balance went from %s to %s, %s held", balance, after, held)
			}
			if n := len(h.Fake.Requests()); n != 1 {
				t.Errorf("the provider was asked %d times", n)
			}
		})
	}
}

func wantConflict(t *testing.T, a servertest.Answer, says string, again bool) {
	t.Helper()
	if a.Status != http.StatusConflict || !strings.Contains(a.Body, says) || (a.Header.Get("Retry-After") != "") != again {
		t.Errorf("got %d %v %s, want 409 saying %q, to try again: %t", a.Status, a.Header, a.Body, says, again)
	}
}

// A response that could not be stored is no answer for a repeat either: it would
// name what is not there.
func TestRepeatOfWhatWasNotStored(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{false, true} {
		h := servertest.New(t, servertest.Options{})
		body := fmt.Sprintf(`{"model":%q,"input":"hello","stream":%t}`, servertest.Model, stream)
		h.Faults.FailResponses(true)
		h.Fake.Queue(providertest.Answer{Text: "lost"})
		first := once(t, h, h.Home.User.Key, "/v1/responses", body, "one")
		if failed := first.Status == http.StatusInternalServerError || stream && strings.Contains(first.Body, "response.failed"); !failed || strings.Contains(first.Body, "response.completed") {
			t.Errorf("stream %t: first %d %s", stream, first.Status, first.Body)
		}
		h.Faults.FailResponses(false)
		again := once(t, h, h.Home.User.Key, "/v1/responses", body, "one")
		if again.Status != http.StatusOK || again.Header.Get("Idempotent-Replayed") != "" || strings.Contains(again.Body, "lost") {
			t.Errorf("stream %t: again %d %v %s", stream, again.Status, again.Header, again.Body)
		}
		_, id, _ := strings.Cut(again.Body, `"id":"resp_`)
		id, _, _ = strings.Cut(id, `"`)
		if a := h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/responses/resp_"+id, ""); a.Status != http.StatusOK {
			t.Errorf("stream %t: the response is not there: %d %s", stream, a.Status, a.Body)
		}
		if more := once(t, h, h.Home.User.Key, "/v1/responses", body, "one"); more.Body != again.Body || more.Header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("stream %t: once more %d %s", stream, more.Status, more.Body)
		}
	}
}

// A repeat is replayed whether or not what it names is still there. Another request
// that names it is refused, keeps no key, and who may not call any more is refused too.
func TestRepeatOfWhatIsGone(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{ChatOnly: true})
	key := h.Home.User.Key
	response := func() string {
		return member(t, h.Call(t, key, http.MethodPost, "/v1/responses", `{"model":"`+servertest.Model+`","input":"hello"}`).Body, "id")
	}
	file := func() string { return upload(t, h, key, "notes.txt", notes) }
	for name, tt := range map[string]struct {
		made        func() string // what is named
		below, path string        // where that is deleted, and what names it
		body        string        // without its end and its model; NAMED stands for the name
	}{
		"file of chat": {file, "/v1/files/", chatPath,
			`{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"NAMED"}}]}]`},
		"file of messages": {file, "/v1/files/", "/v1/messages",
			`{"max_tokens":9,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"NAMED"}}]}]`},
		"file of responses": {file, "/v1/files/", "/v1/responses",
			`{"input":[{"role":"user","content":[{"type":"input_file","file_id":"NAMED"}]}]`},
		"conversation": {func() string { return newThread(t, h, "{}") }, threadsPath + "/", "/v1/responses",
			`{"input":"hello","conversation":"NAMED"`},
		"previous response": {response, "/v1/responses/", "/v1/responses",
			`{"input":"hello","previous_response_id":"NAMED"`},
		"previous response, streamed": {response, "/v1/responses/", "/v1/responses",
			`{"stream":true,"input":"hello","previous_response_id":"NAMED"`},
	} {
		t.Run(name, func(t *testing.T) {
			named, model := tt.made(), `,"model":"`+servertest.Model+`"}`
			body := strings.ReplaceAll(tt.body, "NAMED", named) + model
			first := once(t, h, key, tt.path, body, named)
			if first.Status != http.StatusOK {
				t.Fatalf("first: %d %s", first.Status, first.Body)
			}
			if a := h.Call(t, key, http.MethodDelete, tt.below+named, ""); a.Status != http.StatusOK {
				t.Fatalf("deleted: %d %s", a.Status, a.Body)
			}
			asked, mark := len(h.Fake.Requests()), h.Mark(t, h.Home.ID)
			again := once(t, h, key, tt.path, body, named)
			if again.Status != http.StatusOK || again.Body != first.Body || again.Header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("again: %d %s, want %s", again.Status, again.Body, first.Body)
			}
			if r := h.Records(t, h.Home.ID, mark); len(r) != 1 || !strings.HasSuffix(r[0].Action, ".replay") {
				t.Errorf("the records of the repeat are %+v", r)
			}
			wantConflict(t, once(t, h, key, tt.path, body+" ", named), "another request", false)

			_, second := h.NewKey(t, h.Home.User, time.Time{})
			for of, key := range map[string]string{"another key": second, "another organisation": h.Other.User.Key, "another name": key} {
				mark := h.Mark(t, h.Home.ID)
				a := once(t, h, key, tt.path, body, "other"+named)
				if a.Status != http.StatusNotFound {
					t.Errorf("%s: %d %s", of, a.Status, a.Body)
				}
				if r := h.Records(t, h.Home.ID, mark); of != "another organisation" && (len(r) != 1 || r[0].Phase != sallyport.PhaseRefusal || r[0].Status != http.StatusNotFound) {
					t.Errorf("%s: the records are %+v", of, r)
				}
			}
			if n := len(h.Fake.Requests()); n != asked {
				t.Errorf("the provider was asked %d times for it", n-asked)
			}
			if a := once(t, h, key, chatPath, chatBody(false, "hello", ""), "other"+named); a.Status != http.StatusOK {
				t.Errorf("a refusal has kept the key: %d %s", a.Status, a.Body)
			}

			decide(t, h, "organisation/policies", `{"models":{"names":{"`+servertest.Model+`":"off"}}}`)
			defer decide(t, h, "organisation/policies", `{"models":{}}`)
			if a := once(t, h, key, tt.path, body, named); a.Status != http.StatusForbidden {
				t.Errorf("whoever may not use the model any more: %d %s", a.Status, a.Body)
			}
		})
	}
}

// While the first is under way a repeat is told to wait.
func TestRepeatAtOnce(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	step := make(chan struct{})
	h.Fake.Queue(providertest.Answer{Text: "slow", Step: step})
	body := chatBody(false, "hello", "")
	first := make(chan servertest.Answer)
	go func() { first <- once(t, h, h.Home.User.Key, chatPath, body, "one") }()
	h.Fake.Wait(t, 1)
	mark := h.Mark(t, h.Home.ID)
	wantConflict(t, once(t, h, h.Home.User.Key, chatPath, body, "one"), "is under way", true)
	wantRefusal(t, h.Records(t, h.Home.ID, mark), sallyport.Conflict, http.StatusConflict)
	wantConflict(t, once(t, h, h.Home.User.Key, chatPath, body+" ", "one"), "another request", false)
	step <- struct{}{}
	if a, again := <-first, once(t, h, h.Home.User.Key, chatPath, body, "one"); a.Status != http.StatusOK || again.Body != a.Body {
		t.Errorf("first %d %s, again %d %s", a.Status, a.Body, again.Status, again.Body)
	}
}

// Another body is a conflict; another key, name or organisation is another request.
func TestRepeatOfAnother(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	body := chatBody(false, "hello", "")
	first := once(t, h, h.Home.User.Key, chatPath, body, "one")
	wantConflict(t, once(t, h, h.Home.User.Key, chatPath, chatBody(false, "other", ""), "one"), "another request", false)
	wantConflict(t, once(t, h, h.Home.User.Key, "/v1/agents/runs", `{"agentId":"x"}`, "one"), "another request", false)
	_, second := h.NewKey(t, h.Home.User, time.Time{})
	for name, a := range map[string]servertest.Answer{
		"another key of the same user": once(t, h, second, chatPath, body, "one"),
		"another organisation":         once(t, h, h.Other.User.Key, chatPath, body, "one"),
		"another name":                 once(t, h, h.Home.User.Key, chatPath, body, "two"),
		"no name":                      h.Chat(t, h.Home.User.Key, body),
	} {
		if a.Status != http.StatusOK || a.Header.Get("Idempotent-Replayed") != "" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if n := len(h.Fake.Requests()); n != 5 {
		t.Errorf("the provider was asked %d times, want 5", n)
	}
	h.Clock.Advance(server.AnswersKept - 1)
	if a := once(t, h, h.Home.User.Key, chatPath, body, "one"); a.Body != first.Body || a.Header.Get("Idempotent-Replayed") == "" {
		t.Errorf("just before its time is over: %d %s", a.Status, a.Body)
	}
	h.Clock.Advance(1)
	if a := once(t, h, h.Home.User.Key, chatPath, body, "one"); a.Status != http.StatusOK || a.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("after its time: %d %s", a.Status, a.Body)
	}
	for _, name := range []string{"", "two words", "ümlaut", strings.Repeat("x", 256)} {
		if a := once(t, h, h.Home.User.Key, chatPath, body, name); a.Status != http.StatusBadRequest {
			t.Errorf("%q: %d %s", name, a.Status, a.Body)
		}
	}
}

// After a failure the key is free: the same request is made anew.
func TestRepeatAfterFailure(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]providertest.Answer{
		"500":                 {Status: 500, Body: "{}"},
		"429 of the provider": {Status: 429, Body: "{}"},
		"404 without a word":  {Status: 404},
		"closed":              {Fault: providertest.Close},
		"cut stream":          {Text: "all of it", Fault: providertest.Cut, After: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := servertest.New(t, servertest.Options{})
			h.Fake.Queue(answer)
			body := chatBody(name == "cut stream", "hello", "")
			once(t, h, h.Home.User.Key, chatPath, body, "one")
			again := once(t, h, h.Home.User.Key, chatPath, body, "one")
			if again.Status != http.StatusOK || again.Header.Get("Idempotent-Replayed") != "" || !strings.Contains(again.Body, "hello") {
				t.Errorf("again: %d %s", again.Status, again.Body)
			}
		})
	}
	t.Run("limit", func(t *testing.T) {
		t.Parallel()
		h := servertest.New(t, servertest.Options{Limits: policy.Defaults{Key: policy.Limits{RequestsPerMinute: 1}}})
		h.Chat(t, h.Home.User.Key, chatBody(false, "hello", ""))
		if a := once(t, h, h.Home.User.Key, chatPath, chatBody(false, "hello", ""), "one"); a.Status != http.StatusTooManyRequests {
			t.Fatalf("got %d %s", a.Status, a.Body)
		}
		h.Clock.Advance(time.Minute)
		if a := once(t, h, h.Home.User.Key, chatPath, chatBody(false, "hello", ""), "one"); a.Status != http.StatusOK {
			t.Errorf("again: %d %s", a.Status, a.Body)
		}
	})
	t.Run("credits", func(t *testing.T) {
		t.Parallel()
		h := servertest.New(t, servertest.Options{Credits: 1})
		body := chatBody(false, "hello", "")
		if a := once(t, h, h.Home.User.Key, chatPath, body, "one"); a.Status != http.StatusPaymentRequired {
			t.Fatalf("got %d %s", a.Status, a.Body)
		}
		h.Grant(t, h.Home.ID, sallyport.Credit)
		if a := once(t, h, h.Home.User.Key, chatPath, body, "one"); a.Status != http.StatusOK {
			t.Errorf("again: %d %s", a.Status, a.Body)
		}
	})
	t.Run("client left", func(t *testing.T) {
		t.Parallel()
		h := servertest.New(t, servertest.Options{})
		h.Fake.Queue(providertest.Answer{Fault: providertest.Hang})
		body := chatBody(false, "hello", "")
		ctx, leave := context.WithCancel(t.Context())
		r := h.Request(ctx, t, h.Home.User.Key, http.MethodPost, chatPath, body)
		r.Header.Set("Idempotency-Key", "one")
		gone := make(chan error)
		go func() {
			resp, err := http.DefaultClient.Do(r)
			if err == nil {
				resp.Body.Close()
			}
			gone <- err
		}()
		h.Fake.Wait(t, 1)
		leave()
		if err := <-gone; err == nil {
			t.Error("the call that was left was answered")
		}
		deadline := time.Now().Add(30 * time.Second)
		for {
			a := once(t, h, h.Home.User.Key, chatPath, body, "one")
			if a.Status == http.StatusOK {
				break
			}
			wantConflict(t, a, "is under way", true)
			if time.Now().After(deadline) {
				t.Fatal("the key is not free")
			}
		}
	})
}

// The answer is kept with the call's last record: no other write is needed that
// could be lost after it.
func TestRepeatNeedsNoOtherWrite(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	h.Faults.FailRequests(true)
	for name, answer := range map[string]providertest.Answer{
		"plain": {Text: "all of it"}, "stream": {Text: "all of it"}, "refused": {Status: 422, Body: "{}"},
	} {
		h.Fake.Queue(answer)
		body := chatBody(name == "stream", "hello", "")
		first, again := once(t, h, h.Home.User.Key, chatPath, body, name), once(t, h, h.Home.User.Key, chatPath, body, name)
		if first.Status != max(answer.Status, 200) || again.Body != first.Body || again.Header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%s: %d %s, again %d %s", name, first.Status, first.Body, again.Status, again.Body)
		}
	}
	h.Fake.Queue(providertest.Answer{Status: 500, Body: "{}"})
	once(t, h, h.Home.User.Key, chatPath, chatBody(false, "hello", ""), "failed")
	if a := once(t, h, h.Home.User.Key, chatPath, chatBody(false, "hello", ""), "failed"); a.Status != http.StatusOK {
		t.Errorf("the key of a failed request is not free: %d %s", a.Status, a.Body)
	}
}

// When the last record cannot be written, neither is the answer: the client does
// not get it either, and the same request is made anew, once that can be.
func TestRepeatAfterLostEnd(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{false, true} {
		h := servertest.New(t, servertest.Options{})
		body := chatBody(stream, "hello", "")
		h.Faults.Fail(servertest.Outcomes)
		h.Faults.FailRequests(true)
		h.Fake.Queue(providertest.Answer{Text: "never seen"})
		if a := once(t, h, h.Home.User.Key, chatPath, body, "one"); !strings.Contains(a.Body, string(sallyport.AuditUnavailable)) || strings.Contains(a.Body, "[DONE]") {
			t.Errorf("got %d %s", a.Status, a.Body)
		}
		h.Faults.Fail(nil)
		h.Faults.FailRequests(false)
		a := once(t, h, h.Home.User.Key, chatPath, body, "one")
		if a.Status != http.StatusOK || a.Header.Get("Idempotent-Replayed") != "" || !strings.Contains(a.Body, "hello") {
			t.Errorf("again: %d %s", a.Status, a.Body)
		}
		if again := once(t, h, h.Home.User.Key, chatPath, body, "one"); again.Body != a.Body || again.Header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("and once more: %d %s", again.Status, again.Body)
		}
	}
}

// A repeat counts as a request, and is answered to nobody who may not call any more.
func TestRepeatIsLimited(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{Limits: policy.Defaults{Key: policy.Limits{RequestsPerMinute: 2}}})
	body := chatBody(false, "hello", "")
	first := once(t, h, h.Home.User.Key, chatPath, body, "one")
	again := once(t, h, h.Home.User.Key, chatPath, body, "one")
	if again.Body != first.Body || again.Header.Get("X-Ratelimit-Remaining-"+limit.Requests) != "0" {
		t.Errorf("again: %d %v %s", again.Status, again.Header, again.Body)
	}
	wantLimited(t, once(t, h, h.Home.User.Key, chatPath, body, "one"), "key", "requests", 2)
}

// Nothing of an answer that is kept can be read in the database.
func TestKeptAnswerIsSealed(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	h.Fake.Queue(providertest.Answer{Text: "CANARY-ANSWER"})
	if a := once(t, h, h.Home.User.Key, chatPath, chatBody(false, "CANARY-PROMPT", ""), "CANARY-NAME"); !strings.Contains(a.Body, "CANARY-ANSWER") {
		t.Fatalf("got %s", a.Body)
	}
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(h.Path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("CANARY")) {
			t.Errorf("%q tells what was said", suffix)
		}
	}
}

// A run is started once.
func TestRepeatOfRun(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	agent := importedAgent(t, h)
	for path, body := range map[string]string{
		"/v1/agents/" + agent + "/run": `{"input":"x"}`,
		"/v1/agents/runs":              `{"agentId":"` + agent + `","inputs":[{"name":"topic","value":"x"}]}`,
	} {
		name := strings.ReplaceAll(path, "/", "-")
		mark := h.Mark(t, h.Home.ID)
		first, again := once(t, h, h.Home.User.Key, path, body, name), once(t, h, h.Home.User.Key, path, body, name)
		if first.Status != http.StatusOK || again.Status != http.StatusOK || first.Body != again.Body ||
			first.Header.Get("Idempotent-Replayed") != "" || again.Header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%s: %d %s, again %d %s", path, first.Status, first.Body, again.Status, again.Body)
		}
		records := h.Records(t, h.Home.ID, mark)
		if len(records) != 2 || records[0].Action != "runs.start" || records[1].Action != "runs.start.replay" ||
			records[1].Resource != "call/"+string(records[0].Call) {
			t.Errorf("%s: records %+v, want a run and its replay", path, records)
		}
		wantConflict(t, once(t, h, h.Home.User.Key, path, body+" ", name), "another request", false)
	}
	// A refusal that is about the request itself is kept too.
	gone := `{"agentId":"00000000-0000-0000-0000-000000000000"}`
	first, again := once(t, h, h.Home.User.Key, "/v1/agents/runs", gone, "gone"), once(t, h, h.Home.User.Key, "/v1/agents/runs", gone, "gone")
	if first.Status != http.StatusNotFound || again.Status != http.StatusNotFound || first.Body != again.Body || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("unknown agent: %d %s, again %d %s", first.Status, first.Body, again.Status, again.Body)
	}
}

// A run is added to a conversation once, also when its requests come together.
func TestRepeatOfConversationRun(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	body := `{"agent":"` + importedAgent(t, h) + `","inputs":{"topic":"x"}}`
	k := newTalk(t, h, h.Home.User)
	mark := h.Mark(t, h.Home.ID)
	bodies := make([]string, 4)
	var all sync.WaitGroup
	for i := range bodies {
		all.Go(func() {
			a := once(t, h, k.who.Key, "/api/v1"+k.path("/runs"), body, "one")
			if bodies[i] = a.Body; a.Status != http.StatusAccepted {
				t.Errorf("got %d %s", a.Status, a.Body)
			}
		})
	}
	all.Wait()
	if again := once(t, h, k.who.Key, "/api/v1"+k.path("/runs"), body, "one").Body; slices.ContainsFunc(bodies, func(b string) bool { return b != again }) {
		t.Errorf("got %q, again %s", bodies, again)
	}
	if got := k.messages(""); len(got) != 1 || got[0].Run == "" {
		t.Errorf("the messages are %+v", got)
	}
	begun := 0
	for _, r := range h.Records(t, h.Home.ID, mark) {
		if strings.HasPrefix(r.Resource, "run/") {
			begun++
		}
	}
	if begun != 1 {
		t.Errorf("%d runs began, want one", begun)
	}
	wantConflict(t, once(t, h, k.who.Key, "/api/v1"+k.path("/runs"), strings.Replace(body, `"x"`, `"y"`, 1), "one"), "another request", false)
	if other := once(t, h, k.who.Key, "/api/v1"+k.path("/runs"), body, "two"); other.Status != http.StatusAccepted || other.Body == bodies[0] {
		t.Errorf("another key: %d %s", other.Status, other.Body)
	}
}
