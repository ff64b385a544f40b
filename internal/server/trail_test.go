package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// A call whose intent cannot be made durable does not happen.
func TestNoIntentNoCall(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for _, tt := range []struct {
		name   string
		stream bool
		model  string
	}{{"plain", false, servertest.Model}, {"stream", true, servertest.Model}, {"messages", true, servertest.Claude}} {
		t.Run(tt.name, func(t *testing.T) {
			mark := h.Mark(t, h.Home.ID)
			h.Faults.Fail(servertest.Everything)
			a := h.Chat(t, h.Home.User.Key, strings.Replace(chatBody(tt.stream, "hello", ""), servertest.Model, tt.model, 1))
			h.Faults.Fail(nil)
			wantUnavailable(t, a)
			if n := len(h.Fake.Requests()); n != 0 {
				t.Errorf("the provider was asked %d times", n)
			}
			if records := h.Records(t, h.Home.ID, mark); len(records) != 0 {
				t.Errorf("there are records: %+v", records)
			}
			if _, held := h.Balance(t, h.Home.ID); held != 0 {
				t.Errorf("%s credits are held", held)
			}
		})
	}
	t.Run("only the intent", func(t *testing.T) {
		mark := h.Mark(t, h.Home.ID)
		h.Faults.Fail(servertest.Intents)
		a := h.Chat(t, h.Home.User.Key, chatBody(false, "hello", ""))
		h.Faults.Fail(nil)
		wantUnavailable(t, a)
		if n := len(h.Fake.Requests()); n != 0 {
			t.Errorf("the provider was asked %d times", n)
		}
		wantRefusal(t, h.Records(t, h.Home.ID, mark), sallyport.AuditUnavailable, http.StatusServiceUnavailable)
	})
	if a := h.Chat(t, h.Home.User.Key, chatBody(false, "hello", "")); a.Status != http.StatusOK {
		t.Errorf("after it recovered: %d %s", a.Status, a.Body)
	}
}

func wantUnavailable(t *testing.T, a servertest.Answer) {
	t.Helper()
	if a.Status != http.StatusServiceUnavailable || !strings.Contains(a.Body, `"type":"server_error","code":"audit_unavailable"`) {
		t.Errorf("got %d %s, want 503 audit_unavailable", a.Status, a.Body)
	}
	if strings.Contains(a.Body, servertest.ErrDisk.Error()) {
		t.Errorf("the answer tells of the inside: %s", a.Body)
	}
}

// The end of an answer waits for its outcome. When that cannot be written, the
// client gets no success end, and later the outcome is in the trail, once.
func TestNoOutcomeNoEnd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		answer  providertest.Answer
		stream  bool
		begun   bool // the status is out already
		outcome string
		code    sallyport.Code
	}{
		{"plain", providertest.Answer{Text: "all of it"}, false, false, sallyport.OutcomeSuccess, ""},
		{"stream", providertest.Answer{Text: "all of it"}, true, true, sallyport.OutcomeSuccess, ""},
		{"refused by the provider", providertest.Answer{Status: 500, Body: "{}"}, false, false, sallyport.OutcomeFailure, sallyport.UpstreamError},
		{"cut stream", providertest.Answer{Text: "all of it", Fault: providertest.Cut, After: 2}, true, true, sallyport.OutcomeFailure, sallyport.UpstreamClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := servertest.New(t, servertest.Options{})
			mark := h.Mark(t, h.Home.ID)
			before, _ := h.Balance(t, h.Home.ID)
			h.Faults.Fail(servertest.Outcomes)
			h.Fake.Queue(tt.answer)
			a := h.Chat(t, h.Home.User.Key, chatBody(tt.stream, "hello", ""))
			if tt.begun {
				got := readStream(t, a.Body)
				if a.Status != http.StatusOK || len(got.errors) != 1 || !strings.Contains(got.errors[0], `"code":"audit_unavailable"`) ||
					strings.Contains(a.Body, "[DONE]") || !strings.HasSuffix(a.Body, got.errors[0]+"\n\n") {
					t.Errorf("got %d %q, want a typed error at the end and no [DONE]", a.Status, a.Body)
				}
			} else {
				wantUnavailable(t, a)
				if strings.Contains(a.Body, "all of it") {
					t.Errorf("the answer went out: %s", a.Body)
				}
			}
			if _, held := h.Balance(t, h.Home.ID); held <= 0 {
				t.Errorf("%s credits are held, want the hold of the open call", held)
			}
			h.Faults.Fail(nil)
			h.CloseJournal(t) // tries what was kept a last time
			records := h.Records(t, h.Home.ID, mark)
			wantPair(t, records, tt.outcome, tt.code)
			after, held := h.Balance(t, h.Home.ID)
			if held != 0 || before-after != records[1].Cost.Charge {
				t.Errorf("the balance went from %s to %s with %s held, and the charge is %s", before, after, held, records[1].Cost.Charge)
			}
		})
	}
}

// Reads and changes are recorded before they are answered, or not answered.
func TestNoRecordNoRead(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	h.Faults.Fail(servertest.Everything)
	for _, path := range []string{"/v1/models", "/v1/models/mock-large", "/v1/agents/list", "/api/v1/me", "/api/v1/keys", "/api/v1/audit/records"} {
		a := h.Call(t, h.Home.Admin.Key, http.MethodGet, path, "")
		if a.Status != http.StatusServiceUnavailable || !strings.HasPrefix(a.Body, `{"error":"Service Unavailable","message":`) {
			t.Errorf("%s: got %d %s", path, a.Status, a.Body)
		}
	}
	for _, path := range []string{"/v1/models", "/v1/chat/completions", "/api/v1/me"} { // of a stranger
		method := http.MethodGet
		if strings.HasSuffix(path, "completions") {
			method = http.MethodPost
		}
		if a := h.Call(t, "", method, path, ""); a.Status != http.StatusServiceUnavailable {
			t.Errorf("%s of a stranger: got %d %s", path, a.Status, a.Body)
		}
	}
}

// reported is an answer of chat completions with that usage.
func reported(usage string) providertest.Answer {
	return providertest.Answer{Body: `{"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":"Hi."},"finish_reason":"stop"}],"usage":` + usage + `}`}
}

// usage cases: what a provider reports, and what the ledger makes of it. One
// micro-credit is a token of input, two a token of output.
func TestCharges(t *testing.T) {
	t.Parallel()
	const prompt = "hello"
	body := chatBody(false, prompt, `,"max_tokens":100`)
	hold := sallyport.Credits(len(body) + 2*100)
	for _, tt := range []struct {
		name      string
		answer    providertest.Answer
		charge    sallyport.Credits
		overrun   bool
		estimated bool
		clamped   bool
		status    int
	}{
		{"as reported", providertest.Answer{Text: "Hi.", Usage: &llm.Usage{Input: 7, Output: 3}}, 7 + 2*3, false, false, false, 200},
		{"cached input is a part", providertest.Answer{Text: "Hi.", Usage: &llm.Usage{Input: 2, CachedInput: 5, Output: 3}}, 7 + 2*3, false, false, false, 200},
		{"nothing", providertest.Answer{Text: "Hi.", Usage: &llm.Usage{}}, sallyport.Credits((len(body)+3)/4) + 2*1, false, true, false, 200},
		{"above the hold", providertest.Answer{Text: "Hi.", Usage: &llm.Usage{Input: 7, Output: 5000}}, 7 + 2*5000, true, false, false, 200},
		{"negative", providertest.Answer{Text: "Hi.", Usage: &llm.Usage{Input: -7, Output: -3}}, sallyport.Credits((len(body)+3)/4) + 2, false, true, true, 200},
		{"one negative", providertest.Answer{Text: "Hi.", Usage: &llm.Usage{Input: 7, Output: -3}}, 7 + 2, false, true, true, 200},
		{"no numbers of tokens", reported(`{"prompt_tokens":"7","completion_tokens":1.5}`), sallyport.Credits((len(body)+3)/4) + 2, false, true, true, 200},
		{"the input is what the total has more", reported(`{"completion_tokens":3,"total_tokens":10}`), 7 + 2*3, false, false, false, 200},
		{"no input and no total", reported(`{"completion_tokens":3}`), sallyport.Credits((len(body)+3)/4) + 2*3, false, true, true, 200},
		{"the total has no more than the output", reported(`{"prompt_tokens":null,"completion_tokens":3,"total_tokens":3}`), sallyport.Credits((len(body)+3)/4) + 2*3, false, true, true, 200},
		{"absurd", providertest.Answer{Text: "Hi.", Usage: &llm.Usage{Input: 7, Output: 1 << 40}}, 7 + 2*100, false, false, true, 200},
		{"absurd input", providertest.Answer{Text: "Hi.", Usage: &llm.Usage{Input: 1 << 62, Output: 3}}, sallyport.Credits(len(body)) + 2*3, false, false, true, 200},
		{"not reported", providertest.Answer{Text: "twelve chars", NoUsage: true}, sallyport.Credits((len(body)+3)/4) + 2*3, false, true, false, 200},
		{"refused by the provider", providertest.Answer{Status: 400, Body: "{}"}, 0, false, false, false, 400},
		{"refused without a word", providertest.Answer{Status: 500}, 0, false, false, false, 502},
		{"another refusal without a word", providertest.Answer{Status: 404}, 0, false, false, false, 502},
		{"our credential is wrong", providertest.Answer{Status: 401, Body: "{}"}, 0, false, false, false, 502},
		{"nothing came", providertest.Answer{Fault: providertest.Empty}, sallyport.Credits((len(body) + 3) / 4), false, true, false, 502},
		{"closed before the first byte", providertest.Answer{Text: "Hi.", Fault: providertest.NotHTTP}, sallyport.Credits((len(body) + 3) / 4), false, true, false, 502},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := servertest.New(t, servertest.Options{})
			before, _ := h.Balance(t, h.Home.ID)
			mark := h.Mark(t, h.Home.ID)
			h.Fake.Queue(tt.answer)
			a := h.Chat(t, h.Home.User.Key, body)
			if a.Status != tt.status {
				t.Errorf("got %d %s", a.Status, a.Body)
			}
			records := h.Records(t, h.Home.ID, mark)
			if len(records) != 2 {
				t.Fatalf("got records %+v", records)
			}
			if records[1].Status != a.Status {
				t.Errorf("the record tells the status %d, the client saw %d", records[1].Status, a.Status)
			}
			cost := *records[1].Cost
			want := sallyport.RecordCost{Hold: hold, Charge: tt.charge, Overrun: tt.overrun, Estimated: tt.estimated, PriceVersion: "price-1"}
			if cost != want || records[0].Cost.Hold != hold {
				t.Errorf("got cost %+v and a hold of %s, want %+v", cost, records[0].Cost.Hold, want)
			}
			if tokens := records[1].Tokens; (tokens != nil && tokens.Clamped) != tt.clamped ||
				tokens != nil && (tokens.Source == "estimated") != tt.estimated {
				t.Errorf("got tokens %+v", tokens)
			}
			if after, held := h.Balance(t, h.Home.ID); before-after != tt.charge || held != 0 {
				t.Errorf("the balance went from %s to %s with %s held, want a charge of %s", before, after, held, tt.charge)
			}
			wantLedger(t, h, records[1].Call, tt.charge, tt.overrun, tt.estimated)
		})
	}
}

// wantLedger wants one charge for the call, and a ledger that adds up.
func wantLedger(t *testing.T, h *servertest.House, call sallyport.CallID, charge sallyport.Credits, overrun, estimated bool) {
	t.Helper()
	entries, err := h.DB.Ledger(t.Context(), h.Home.ID, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var sum sallyport.Credits
	found := 0
	for _, e := range entries {
		sum += e.Amount
		if e.BalanceAfter != sum {
			t.Errorf("entry %d leaves %s, the sum is %s", e.Seq, e.BalanceAfter, sum)
		}
		if e.Call != call {
			continue
		}
		found++
		if e.Kind != sallyport.LedgerCharge || e.Amount != -charge || e.Overrun != overrun || e.Estimated != estimated {
			t.Errorf("got %+v, want a charge of %s", e, charge)
		}
	}
	if found != 1 {
		t.Errorf("the call is in the ledger %d times", found)
	}
}

// An unreachable provider costs nothing, and neither does a call that is refused.
func TestNothingSentNothingCharged(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{Credits: sallyport.Credits(50)})
	before, _ := h.Balance(t, h.Home.ID)
	for _, tt := range []struct {
		name, body string
		status     int
		want       string
		code       sallyport.Code
	}{
		{"unknown model", `{"model":"none","messages":[{"role":"user","content":"x"}]}`, 400, `"type":"invalid_request_error","code":"model_not_found"`, sallyport.ModelNotFound},
		{"no messages", `{"model":"mock-large","messages":[]}`, 400, `"type":"invalid_request_error","code":"invalid_body"`, sallyport.InvalidBody},
		{"too dear", chatBody(false, "hello", `,"max_tokens":1000`), 402, `"code":"insufficient_credits"`, sallyport.InsufficientCredits},
		{"too dear, stream", chatBody(true, "hello", `,"max_tokens":1000`), 402, `"code":"insufficient_credits"`, sallyport.InsufficientCredits},
		{"beyond reckoning", chatBody(false, "hello", `,"max_tokens":9223372036854775807,"n":128`), 402, `"code":"insufficient_credits"`, sallyport.InsufficientCredits},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mark := h.Mark(t, h.Home.ID)
			a := h.Chat(t, h.Home.User.Key, tt.body)
			if a.Status != tt.status || !strings.Contains(a.Body, tt.want) {
				t.Errorf("got %d %s, want %d %s", a.Status, a.Body, tt.status, tt.want)
			}
			wantRefusal(t, h.Records(t, h.Home.ID, mark), tt.code, tt.status)
			if after, held := h.Balance(t, h.Home.ID); after != before || held != 0 {
				t.Errorf("the balance is %s with %s held, want %s", after, held, before)
			}
			if n := len(h.Fake.Requests()); n != 0 {
				t.Errorf("the provider was asked %d times", n)
			}
		})
	}
	h.StopProvider()
	t.Run("unreachable", func(t *testing.T) { // needs credits for the hold
		_, err := h.DB.Grant(t.Context(), h.Home.ID, sallyport.Credit, "", sallyport.Record{EventID: "grant", Org: h.Home.ID, Phase: sallyport.PhaseEvent})
		if err != nil {
			t.Fatal(err)
		}
		mark := h.Mark(t, h.Home.ID)
		a := h.Chat(t, h.Home.User.Key, chatBody(true, "hello", ""))
		if a.Status != http.StatusBadGateway || !strings.Contains(a.Body, `"type":"server_error","code":"upstream_unreachable"`) {
			t.Errorf("got %d %s", a.Status, a.Body)
		}
		records := h.Records(t, h.Home.ID, mark)
		wantPair(t, records, sallyport.OutcomeFailure, sallyport.UpstreamUnreachable)
		if cost := records[1].Cost; cost.Charge != 0 || cost.Estimated {
			t.Errorf("got cost %+v", cost)
		}
	})
}

// What the provider refused is free, also when policy does not let its words through.
func TestBlockedErrorBodyIsFree(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	setPolicy(t, h, func(p *dlp.Policy) { p.Out = map[string]dlp.Action{"secret": dlp.Block} })
	for _, stream := range []bool{false, true} {
		mark := h.Mark(t, h.Home.ID)
		h.Fake.Queue(providertest.Answer{Status: 400, Body: `{"error":"` + awsKey + `"}`})
		a := h.Chat(t, h.Home.User.Key, chatBody(stream, "hello", ""))
		if a.Status != http.StatusBadRequest || !strings.Contains(a.Body, `"code":"dlp_blocked"`) || strings.Contains(a.Body, awsKey) {
			t.Errorf("got %d %s", a.Status, a.Body)
		}
		records := h.Records(t, h.Home.ID, mark)
		wantPair(t, records, sallyport.OutcomeBlocked, sallyport.DLPBlocked)
		if cost := records[1].Cost; cost.Charge != 0 || cost.Estimated {
			t.Errorf("got cost %+v", cost)
		}
	}
}
