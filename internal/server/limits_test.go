package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// setLimits decides limits of the home through the API.
func setLimits(t *testing.T, h *servertest.House, scope, id string, requests, tokens int64) {
	t.Helper()
	a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/limits?scope="+scope+"&id="+id,
		fmt.Sprintf(`{"requests_per_minute":%d,"tokens_per_minute":%d}`, requests, tokens))
	if a.Status != http.StatusNoContent {
		t.Fatalf("set limits: %d %s", a.Status, a.Body)
	}
}

// Each scope is a bucket of its own, and the refusal names it.
func TestRequestLimits(t *testing.T) {
	t.Parallel()
	for _, scope := range []string{"organisation", "user", "key"} {
		t.Run(scope, func(t *testing.T) {
			t.Parallel()
			h := servertest.New(t, servertest.Options{})
			user := h.Home.User
			_, second := h.NewKey(t, user, time.Time{})
			id := map[string]string{"organisation": "", "user": string(user.ID), "key": string(user.KeyID)}[scope]
			setLimits(t, h, scope, id, 2, 0)
			ask := func(key string) servertest.Answer { return h.Chat(t, key, chatBody(false, "hello", "")) }
			for left := 1; left >= 0; left-- {
				a := ask(user.Key)
				if a.Status != http.StatusOK || a.Header.Get("X-Ratelimit-Limit-Requests") != "2" ||
					a.Header.Get("X-Ratelimit-Remaining-Requests") != fmt.Sprint(left) || a.Header.Get("X-Ratelimit-Reset-Requests") == "" {
					t.Errorf("got %d with %v, want %d left", a.Status, a.Header, left)
				}
			}
			asked, mark := len(h.Fake.Requests()), h.Mark(t, h.Home.ID)
			a := ask(user.Key)
			wantLimited(t, a, scope, "requests", 2)
			records := h.Records(t, h.Home.ID, mark)
			wantRefusal(t, records, sallyport.RateLimited, http.StatusTooManyRequests)
			if want := (sallyport.RecordLimit{Scope: scope, Unit: "requests", Limit: 2}); len(records) != 1 || len(records[0].Limits) != 1 || records[0].Limits[0] != want {
				t.Errorf("the record is %+v, want the limit %+v", records, want)
			}
			if len(h.Fake.Requests()) != asked {
				t.Error("the provider was asked")
			}
			for other, free := range map[string]bool{
				second:           scope == "key",
				h.Home.Admin.Key: scope != "organisation",
				h.Other.User.Key: true,
			} {
				want := http.StatusTooManyRequests
				if free {
					want = http.StatusOK
				}
				if a := ask(other); a.Status != want {
					t.Errorf("another key: got %d %s, want %d", a.Status, a.Body, want)
				}
			}
			if a := h.Call(t, user.Key, http.MethodGet, "/v1/models", ""); a.Status != http.StatusOK {
				t.Errorf("a read is limited: %d %s", a.Status, a.Body)
			}
			run := h.Call(t, user.Key, http.MethodPost, "/v1/agents/runs", `{"agentId":"x"}`)
			if run.Status != http.StatusTooManyRequests || !strings.HasPrefix(run.Body, `{"error":"Too Many Requests","message":`) || run.Header.Get("Retry-After") == "" {
				t.Errorf("a run: got %d %s", run.Status, run.Body)
			}
			h.Clock.Advance(30 * time.Second) // half of two a minute
			if a := ask(user.Key); a.Status != http.StatusOK {
				t.Errorf("after half a minute: %d %s", a.Status, a.Body)
			}
			if a := ask(user.Key); a.Status != http.StatusTooManyRequests {
				t.Errorf("after half a minute, again: %d %s", a.Status, a.Body)
			}
		})
	}
}

func wantLimited(t *testing.T, a servertest.Answer, scope, unit string, limit int) {
	t.Helper()
	var body struct {
		Error struct{ Message, Type, Code string }
	}
	if err := json.Unmarshal([]byte(a.Body), &body); err != nil || a.Status != http.StatusTooManyRequests ||
		body.Error.Type != "rate_limit_error" || body.Error.Code != "rate_limit_exceeded" {
		t.Errorf("got %d %s (%v)", a.Status, a.Body, err)
	}
	want := fmt.Sprintf("this %s has used %d of its %d %s per minute", scope, limit, limit, unit)
	if !strings.Contains(body.Error.Message, want) || !strings.Contains(body.Error.Message, "resets in full in") {
		t.Errorf("the message is %q, want %q", body.Error.Message, want)
	}
	if a.Header.Get("Retry-After") == "" || a.Header.Get("X-Ratelimit-Remaining-"+unit) != "0" {
		t.Errorf("the headers are %v", a.Header)
	}
}

// A place is taken while a call goes on, and is free again when it has ended,
// also when the client has left.
func TestConcurrentLimits(t *testing.T) {
	t.Parallel()
	for _, scope := range []string{"organisation", "user", "key"} {
		t.Run(scope, func(t *testing.T) {
			t.Parallel()
			h := servertest.New(t, servertest.Options{})
			user := h.Home.User
			id := map[string]string{"organisation": "", "user": string(user.ID), "key": string(user.KeyID)}[scope]
			a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/limits?scope="+scope+"&id="+id,
				`{"requests_per_minute":100,"tokens_per_minute":0,"concurrent":1}`)
			if a.Status != http.StatusNoContent {
				t.Fatalf("set limits: %d %s", a.Status, a.Body)
			}
			ask := func(key string) servertest.Answer { return h.Chat(t, key, chatBody(false, "hello", "")) }

			h.Fake.Queue(providertest.Answer{Fault: providertest.Hang})
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			left := make(chan error, 1)
			request := h.Request(ctx, t, user.Key, http.MethodPost, "/v1/chat/completions", chatBody(true, "hello", ""))
			go func() {
				answer, err := http.DefaultClient.Do(request)
				if err == nil {
					err = answer.Body.Close()
				}
				left <- err
			}()
			hanging := h.Fake.Wait(t, 1)
			mark := h.Mark(t, h.Home.ID)
			a = ask(user.Key)
			want := "this " + scope + " has 1 of its 1 concurrent calls under way"
			if a.Status != http.StatusTooManyRequests || !strings.Contains(a.Body, want) || a.Header.Get("Retry-After") != "1" {
				t.Errorf("got %d %s %v, want %q", a.Status, a.Body, a.Header, want)
			}
			if a.Header.Get("X-Ratelimit-Remaining-Requests") != "99" || a.Header.Get("X-Ratelimit-Limit-Concurrent") != "" {
				t.Errorf("the headers are %v, want those of requests alone", a.Header)
			}
			records := h.Records(t, h.Home.ID, mark)
			wantRefusal(t, records, sallyport.RateLimited, http.StatusTooManyRequests)
			if l := records[0].Limits; !slices.Contains(l, sallyport.RecordLimit{Scope: scope, Unit: "concurrent", Limit: 1}) {
				t.Errorf("the record tells the limits %+v", l)
			}
			if a := ask(h.Other.User.Key); a.Status != http.StatusOK {
				t.Errorf("another organisation: %d %s", a.Status, a.Body)
			}

			leave()
			if err := <-left; err == nil {
				t.Error("the call that was left was answered")
			}
			hanging.WaitGone(t)
			h.WaitRecords(t, h.Home.ID, mark, 2) // the outcome of the call that was left
			for range 3 {
				if a := ask(user.Key); a.Status != http.StatusOK {
					t.Errorf("after the call has ended: %d %s", a.Status, a.Body)
				}
			}
		})
	}
}

// Tokens are taken by an estimate and corrected by what was used.
func TestTokenLimits(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	body := chatBody(false, "hello", `,"max_tokens":100`)
	const limit = 1000
	setLimits(t, h, "organisation", "", 0, limit)
	left := int64(limit)
	for _, tt := range []struct {
		name   string
		answer providertest.Answer
		status int
		used   int64
	}{
		{"less than expected", providertest.Answer{Text: "Hi.", Usage: &llm.Usage{Input: 7, Output: 3}}, 200, 10},
		{"more than expected", providertest.Answer{Text: "Hi.", Usage: &llm.Usage{Input: 7, Output: 493}}, 200, 500},
		{"refused by the provider", providertest.Answer{Status: 500, Body: "{}"}, 500, 0},
		{"estimated", providertest.Answer{Text: "twelve chars", NoUsage: true}, 200, int64(len(body)+3)/4 + 3},
	} {
		h.Fake.Queue(tt.answer)
		if a := h.Chat(t, h.Home.User.Key, body); a.Status != tt.status {
			t.Errorf("%s: got %d %s", tt.name, a.Status, a.Body)
		}
		left -= tt.used
		if got := remaining(t, h); got != left {
			t.Errorf("%s: %d tokens are left, want %d", tt.name, got, left)
		}
	}
	if a := h.Chat(t, h.Home.User.Key, chatBody(false, "hello", `,"max_tokens":900`)); a.Status != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
		t.Errorf("more than is left: %d %s", a.Status, a.Body)
	}
	a := h.Chat(t, h.Home.User.Key, chatBody(false, "hello", `,"max_tokens":5000`))
	if a.Status != http.StatusTooManyRequests || !strings.Contains(a.Body, "can never pass") || a.Header.Get("Retry-After") != "" {
		t.Errorf("more than the limit: %d %s %v", a.Status, a.Body, a.Header)
	}
	if got := remaining(t, h); got != left {
		t.Errorf("%d tokens are left after refusals, want %d", got, left)
	}
	// What is refused after the limit gives its tokens back.
	for _, refused := range []string{
		`{"model":"none","messages":[{"role":"user","content":"x"}]}`,
		chatBody(false, "my key "+awsKey, `,"max_tokens":100`),
	} {
		setPolicy(t, h, blockSecrets)
		if a := h.Chat(t, h.Home.User.Key, refused); a.Status != http.StatusBadRequest {
			t.Errorf("got %d %s", a.Status, a.Body)
		}
		if got := remaining(t, h); got != left {
			t.Errorf("%d tokens are left after a refusal, want %d", got, left)
		}
	}
}

// remaining is how many tokens the home has left, told by a call that the provider refuses.
func remaining(t *testing.T, h *servertest.House) int64 {
	t.Helper()
	h.Fake.Queue(providertest.Answer{Status: http.StatusBadRequest, Body: "{}"})
	a := h.Chat(t, h.Home.User.Key, chatBody(false, "x", `,"max_tokens":1`))
	var left int64
	if _, err := fmt.Sscan(a.Header.Get("X-Ratelimit-Remaining-Tokens"), &left); err != nil {
		t.Fatalf("%d %s: %v", a.Status, a.Body, err)
	}
	const taken = 1 // of output; the estimate of the input follows
	return left + taken + int64(len(chatBody(false, "x", `,"max_tokens":1`))+3)/4
}

// Limits of every scope bind at once, and the headers tell the nearest.
func TestNearestLimitIsTold(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	setLimits(t, h, "organisation", "", 100, 100_000)
	setLimits(t, h, "user", string(h.Home.User.ID), 10, 50_000)
	setLimits(t, h, "key", string(h.Home.User.KeyID), 50, 70_000)
	for _, stream := range []bool{false, true} {
		a := h.Chat(t, h.Home.User.Key, chatBody(stream, "hello", ""))
		if a.Header.Get("X-Ratelimit-Limit-Requests") != "10" || a.Header.Get("X-Ratelimit-Limit-Tokens") != "50000" {
			t.Errorf("stream %t: got %v", stream, a.Header)
		}
	}
	for _, stream := range []bool{false, true} {
		a := say(t, h, messageBody(servertest.Claude, stream, `"hello"`))
		reset, err := time.Parse(time.RFC3339, a.Header.Get("Anthropic-Ratelimit-Tokens-Reset"))
		if a.Header.Get("Anthropic-Ratelimit-Requests-Limit") != "10" || a.Header.Get("Anthropic-Ratelimit-Tokens-Limit") != "50000" ||
			a.Header.Get("X-Ratelimit-Limit-Requests") != "" || err != nil || reset.Sub(h.Clock.Now()).Abs() > time.Minute {
			t.Errorf("stream %t: a client of the messages dialect got %v", stream, a.Header)
		}
	}
	for _, tt := range []struct {
		query, body string
	}{
		{"?scope=user", `{"requests_per_minute":1,"tokens_per_minute":0}`},
		{"?scope=nobody&id=x", `{"requests_per_minute":1,"tokens_per_minute":0}`},
		{"", `{"requests_per_minute":-1,"tokens_per_minute":0}`},
		{"", `{"requests_per_minute":1.5,"tokens_per_minute":0}`},
		{"", `{"requests":1,"requests_per_minute":1,"tokens_per_minute":0}`},
	} {
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/limits"+tt.query, tt.body); a.Status/100 != 4 {
			t.Errorf("%s %s: got %d %s", tt.query, tt.body, a.Status, a.Body)
		}
	}
	setLimits(t, h, "user", string(h.Home.User.ID), 0, 0)
	if a := h.Chat(t, h.Home.User.Key, chatBody(false, "hello", "")); a.Header.Get("X-Ratelimit-Limit-Requests") != "50" {
		t.Errorf("a limit that was lifted still binds: %v", a.Header)
	}
}

// What a provider says of its own limits, and of its account, reaches nobody: it
// binds all organisations together, and would tell each of the others.
func TestProvidersLimitsAreNotTold(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	told := map[string]string{
		"X-Ratelimit-Remaining-Requests": "7", "X-Ratelimit-Limit-Tokens": "7", "Anthropic-Ratelimit-Requests-Remaining": "7",
		"Anthropic-Ratelimit-Unified-Status": "7", "Anthropic-Organization-Id": "7", "Openai-Organization": "7", "Set-Cookie": "a=7",
	}
	for _, stream := range []bool{false, true} {
		for _, status := range []int{200, 400, 429, 529} {
			answer := providertest.Answer{Text: "x", Header: told}
			if status != http.StatusOK {
				answer = providertest.Answer{Status: status, Body: `{"type":"error","error":{"type":"x","message":"no"}}`, Header: told}
			}
			for name, ask := range map[string]func() servertest.Answer{
				"chat":     func() servertest.Answer { return h.Chat(t, h.Home.User.Key, chatBody(stream, "hello", "")) },
				"messages": func() servertest.Answer { return say(t, h, messageBody(servertest.Claude, stream, `"hello"`)) },
				"responses": func() servertest.Answer {
					return h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses", fmt.Sprintf(`{"model":%q,"stream":%t,"input":"hello"}`, servertest.Model, stream))
				},
			} {
				h.Fake.Queue(answer)
				if status == 529 { // it is asked again
					h.Fake.Queue(answer)
				}
				a := ask()
				if a.Status != status {
					t.Errorf("%s: got %d %s, want %d", name, a.Status, a.Body, status)
				}
				for header, values := range a.Header {
					if strings.Join(values, "") == "7" || header == "Set-Cookie" {
						t.Errorf("%s, %d, stream %t: the client is told %s: %v", name, status, stream, header, values)
					}
				}
			}
		}
	}
}
