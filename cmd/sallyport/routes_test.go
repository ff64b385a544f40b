package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

// secondHouse has a model with two ways to it and another that stands in: the
// second way costs twice as much, the stand-in speaks another dialect.
func secondHouse(t *testing.T, more string) (h *house, second *providertest.Fake) {
	t.Helper()
	second = providertest.New(t)
	return openHouse(t, fmt.Sprintf(`
providers:
  - {name: first, type: openai, base_url: "${PROVIDER}", timeouts: {first_byte: 1s, idle: 1s}}
  - {name: second, type: openai, base_url: "%[1]s"}
  - {name: other, type: anthropic, base_url: "%[1]s/v1"}
models:
  - id: mock-large
    provider: first
    target: one
    price: {input: 1, output: 2}
    routes: [{provider: second, target: two, price: {input: 2, output: 4}}]
    fallbacks: [spare]
  - {id: spare, provider: other, target: three, price: {input: 1, output: 2}}
%[2]s`, second.URL, more)), second
}

// TestRoutes lets the first way to a model fail in each way: what failed before
// its answer began is answered by the second, at the second's price, and the trail
// tells of both tries in one outcome.
func TestRoutes(t *testing.T) {
	t.Parallel()
	h, second := secondHouse(t, "routing: {breaker_failures: 1000}\n")
	for _, tt := range []struct {
		fault string
		code  sallyport.Code
		tries int  // at the first
		lost  bool // the first may charge for it
		plain bool // a stream has begun before it fails
	}{
		{`{"status":429,"header":{"Retry-After":"60"},"body":"slow down"}`, sallyport.UpstreamError, 1, false, false},
		{`{"status":500,"body":"no"}`, sallyport.UpstreamError, 1, false, false},
		{`{"status":503,"body":"no"}`, sallyport.UpstreamError, 2, false, false},
		{`{"status":503,"header":{"Retry-After":"60"},"body":"no"}`, sallyport.UpstreamError, 1, false, false},
		{`{"status":401,"body":"no"}`, sallyport.UpstreamAuth, 1, false, false},
		{`{"fault":"hang"}`, sallyport.UpstreamTimeout, 1, true, false},
		{`{"fault":"empty"}`, sallyport.UpstreamEmptyBody, 1, true, false},
		{`{"fault":"garbage"}`, sallyport.UpstreamInvalid, 1, true, true},
	} {
		for _, stream := range []bool{false, true} {
			if stream && tt.plain {
				continue
			}
			t.Run(fmt.Sprintf("%s stream %t", tt.fault, stream), func(t *testing.T) {
				h := *h
				h.t = t
				second.Queue(providertest.Answer{Text: "from the second"})
				answer := h.chat(stream, "Hello. fake: "+tt.fault)
				if answer.status != http.StatusOK || !strings.Contains(answer.body, "second") {
					t.Fatalf("got %d %s, want the second's answer", answer.status, answer.body)
				}
				records := h.records(answer.header.Get("X-Request-Id"))
				checkPair(t, records, sallyport.OutcomeSuccess, "", http.StatusOK)
				out := records[1]
				if n := len(out.Attempts); n != tt.tries+1 || out.Attempts[0].Code != tt.code ||
					out.Attempts[n-1].Provider != "second" || out.Attempts[n-1].Target != "two" || out.Provider != "second" {
					t.Errorf("got attempts %+v and provider %s, want %d at the first with %s, then the second", out.Attempts, out.Provider, tt.tries, tt.code)
				}
				// 10 tokens in and 5 out at the second's price, and what the first may charge.
				if charge := int64(out.Cost.Charge); out.Cost.Estimated != tt.lost || (charge > 40) != tt.lost || charge < 40 || out.Cost.Overrun {
					t.Errorf("got cost %+v", out.Cost)
				}
			})
		}
	}
	checkBooks(t, h.close(), h.account.OrgID)
}

// What no provider would like better is told at once; what has begun is never
// begun again.
func TestRoutesNotTaken(t *testing.T) {
	t.Parallel()
	h, second := secondHouse(t, "")
	if answer := h.chat(false, `Hello. fake: {"status":400,"body":"{\"mine\":1}"}`); answer.status != 400 || answer.body != `{"mine":1}` {
		t.Errorf("got %d %s, want the first's own words", answer.status, answer.body)
	}
	if answer := h.chat(true, `Hello. fake: {"text":"a b c","fault":"close","after":2}`); !strings.Contains(answer.body, `"stream_error"`) {
		t.Errorf("got %s, want an answer that broke off", answer.body)
	}
	if n := len(second.Requests()); n != 0 {
		t.Errorf("the second was asked %d times", n)
	}
	checkBooks(t, h.close(), h.account.OrgID)
}

// A model whose ways all fail is answered by its stand-in, in the client's dialect.
func TestFallback(t *testing.T) {
	t.Parallel()
	h, second := secondHouse(t, "")
	second.Queue(providertest.Answer{Status: 500, Body: "no"}, providertest.Answer{Text: "in other words"})
	answer := h.chat(false, `Hello. fake: {"status":500,"body":"no"}`)
	if answer.status != http.StatusOK || !strings.Contains(answer.body, `"content":"in other words"`) {
		t.Fatalf("got %d %s", answer.status, answer.body)
	}
	records := h.records(answer.header.Get("X-Request-Id"))
	checkPair(t, records, sallyport.OutcomeSuccess, "", http.StatusOK)
	if r := records[1]; r.ModelRequested != "mock-large" || r.ModelUsed != "spare" || r.Provider != "other" || len(r.Attempts) != 3 {
		t.Errorf("got %+v", r)
	}
	checkBooks(t, h.close(), h.account.OrgID)
}

// After a few failures in a row the first way is passed over, and asked again only
// when nothing else is left.
func TestBreaker(t *testing.T) {
	t.Parallel()
	h, second := secondHouse(t, "routing: {breaker_failures: 3, breaker_rest: 10m}\n")
	const failing = `Hello. fake: {"status":500,"body":"no"}`
	for range 5 {
		second.Queue(providertest.Answer{Text: "hi"})
		if answer := h.chat(false, failing); answer.status != http.StatusOK {
			t.Fatalf("got %d %s", answer.status, answer.body)
		}
	}
	if n := len(h.fake.Requests()); n != 3 {
		t.Errorf("the first was asked %d times, want 3", n)
	}
	// The others are well but do not like this request: the answer is theirs.
	second.Queue(providertest.Answer{Status: 400, Body: "bad"})
	if answer := h.chat(false, failing); answer.status != 400 {
		t.Errorf("got %d %s, want 400", answer.status, answer.body)
	}
	second.Queue(providertest.Answer{Status: 429, Body: "slow"}, providertest.Answer{Status: 429, Body: "slow"})
	if answer := h.chat(false, "Hello there."); answer.status != http.StatusOK || !strings.Contains(answer.body, "Hello there.") {
		t.Errorf("got %d %s, want the first's answer: nobody else has one", answer.status, answer.body)
	}
	checkBooks(t, h.close(), h.account.OrgID)
}
