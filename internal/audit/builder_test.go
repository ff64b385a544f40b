package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var builder = Builder{Node: "node-1", Boot: "boot-1", Now: func() time.Time { return now }}

// finished is a call on which every stage has left its mark.
func finished() *sallyport.Call {
	return &sallyport.Call{
		ID: "call-1", Action: "chat.completions", Route: "POST /v1/chat/completions", RequestID: "req-1",
		Principal: sallyport.Principal{Org: "acme", User: "ann", Role: sallyport.RoleUser, Key: "key-1", KeyPrefix: "sp-ABCD"},
		Source:    sallyport.Source{IP: "192.0.2.7", UserAgent: "curl/8"},
		Requested: "large", Stream: true, BytesIn: 120, StartedAt: now.Add(-1500 * time.Millisecond),
		Model:    sallyport.Model{ID: "large", Provider: "local", Target: "gpt", Price: sallyport.Price{Version: "p1"}},
		Limits:   []sallyport.LimitState{{Scope: "key", Unit: "requests", Limit: 60, Remaining: 59, Reset: time.Second}},
		Hold:     500,
		Admitted: true,
		DLP: sallyport.DLPResult{
			Mode: "enforce", PolicyVersion: "7", Action: "tokenize", RestoreMissed: 2,
			Findings: []sallyport.Finding{{Type: "EMAIL_ADDRESS", Direction: "in", Field: "messages[0].content", Start: 3, End: 9, Operator: "tokenize", ValueHMAC: "ab"}},
			Counts:   map[string]int{"in:EMAIL_ADDRESS": 1},
		},
		Attempts:    []sallyport.Attempt{{Provider: "local", Target: "gpt", Status: 200, MS: 900, UpstreamRequestID: "up-1"}},
		FirstByteAt: now.Add(-time.Second), BytesOut: 300, DeliveredChars: 90,
		Usage: sallyport.Usage{Input: 10, CachedInput: 3, CacheWrite: 2, Output: 20, Reasoning: 5}, UsageKnown: true,
	}
}

// asJSON is the record as it would be stored, without what differs each time.
func asJSON(t *testing.T, r sallyport.Record) string {
	t.Helper()
	if r.EventID == "" || r.Node != "node-1" || r.Boot != "boot-1" || !r.Time.Equal(now) {
		t.Errorf("event %q of node %q, boot %q at %v", r.EventID, r.Node, r.Boot, r.Time)
	}
	r.EventID = ""
	body, _, err := r.Seal(1, sallyport.Hash{})
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(body), `"boot_id":"boot-1",`)
	return rest
}

const (
	whoAndWhat = `"org_id":"acme","actor":{"type":"key","user_id":"ann","key_id":"key-1","key_prefix":"sp-ABCD","role":"user"},"action":"chat.completions",` +
		`"call_id":"call-1","request_id":"req-1","route":"POST /v1/chat/completions","model_requested":"large","model_used":"large","provider":"local","stream":true,`
	rate     = `"rate":[{"scope":"key","unit":"requests","limit":60,"remaining":59}],`
	screened = `"dlp":{"mode":"enforce","policy_version":"7","action":"tokenize","findings":[{"type":"EMAIL_ADDRESS","direction":"in",` +
		`"field":"messages[0].content","start":3,"end":9,"operator":"tokenize","value_hmac":"ab"}],"counts":{"in:EMAIL_ADDRESS":1},"restore_missed":2}}`
)

func TestIntent(t *testing.T) {
	r := builder.Intent(finished())
	want := whoAndWhat + `"bytes_in":120,"cost":{"hold_micros":500,"price_version":"p1"},` + rate + screened
	if got := asJSON(t, r); got != want || r.Phase != sallyport.PhaseIntent {
		t.Errorf("%s\ngot  %s\nwant %s", r.Phase, got, want)
	}
	if r.Source != finished().Source {
		t.Errorf("got source %+v, want that of the call", r.Source)
	}
}

func TestOutcome(t *testing.T) {
	cost := sallyport.RecordCost{Hold: 500, Charge: 700, Overrun: true, PriceVersion: "p1"}
	r := builder.Outcome(finished(), sallyport.OutcomeSuccess, 200, nil, cost)
	want := whoAndWhat + `"attempts":[{"provider":"local","target":"gpt","status":200,"ms":900,"upstream_request_id":"up-1"}],` +
		`"outcome":"success","status":200,"latency_ms":1500,"ttft_ms":500,"bytes_in":120,"bytes_out":300,"delivered_chars":90,` +
		`"tokens":{"input":10,"cached_input":3,"cache_write":2,"output":20,"reasoning":5,"source":"provider"},` +
		`"cost":{"hold_micros":500,"charge_micros":700,"overrun":true,"price_version":"p1"},` + screened
	if got := asJSON(t, r); got != want || r.Phase != sallyport.PhaseOutcome {
		t.Errorf("%s\ngot  %s\nwant %s", r.Phase, got, want)
	}
}

func TestOutcome_tokens(t *testing.T) {
	for _, test := range []struct {
		name  string
		usage sallyport.Usage
		known bool
		want  *sallyport.RecordTokens
	}{
		{"reported", sallyport.Usage{Input: 1}, true, &sallyport.RecordTokens{Input: 1, Source: "provider"}},
		{"reported as none", sallyport.Usage{}, true, &sallyport.RecordTokens{Source: "provider"}},
		{"estimated", sallyport.Usage{Input: 1}, false, &sallyport.RecordTokens{Input: 1, Source: "estimated"}},
		{"none", sallyport.Usage{}, false, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			call := finished()
			call.Usage, call.UsageKnown = test.usage, test.known
			got := builder.Outcome(call, sallyport.OutcomeFailure, 502, nil, sallyport.RecordCost{}).Tokens
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestOutcome_before_any_answer(t *testing.T) {
	call := finished()
	call.FirstByteAt = time.Time{}
	r := builder.Outcome(call, sallyport.OutcomeFailure, 502, sallyport.NewError(sallyport.UpstreamUnreachable, "x"), sallyport.RecordCost{})
	if r.TTFTMS != 0 || r.LatencyMS != 1500 || r.Code != sallyport.UpstreamUnreachable {
		t.Errorf("got first byte after %d ms of %d, code %s", r.TTFTMS, r.LatencyMS, r.Code)
	}
	if want := (sallyport.RecordCost{Hold: 500, PriceVersion: "p1"}); *r.Cost != want {
		t.Errorf("got cost %+v, want %+v", *r.Cost, want)
	}
}

func TestRefusal(t *testing.T) {
	call := finished()
	call.Admitted, call.Attempts = false, nil
	for _, test := range []struct {
		code sallyport.Code
		want string
	}{
		{sallyport.RateLimited, rate},
		{sallyport.InsufficientCredits, `"cost":{"hold_micros":500,"price_version":"p1"},`},
		{sallyport.DLPBlocked, ""},
	} {
		t.Run(string(test.code), func(t *testing.T) {
			r := builder.Refusal(call, 400, sallyport.NewError(test.code, "no"))
			want := whoAndWhat + `"status":400,"error_code":"` + string(test.code) + `","latency_ms":1500,"bytes_in":120,` + test.want + screened
			if got := asJSON(t, r); got != want || r.Phase != sallyport.PhaseRefusal {
				t.Errorf("%s\ngot  %s\nwant %s", r.Phase, got, want)
			}
			if r.Source != call.Source {
				t.Errorf("got source %+v, want that of the call", r.Source)
			}
		})
	}
}

func TestRefusal_of_nobody(t *testing.T) {
	r := builder.Refusal(&sallyport.Call{Action: "chat.completions", BytesIn: 7}, 401, sallyport.NewError(sallyport.Unauthorized, "no"))
	want := `"org_id":"instance","actor":{"type":"unknown"},"action":"chat.completions","status":401,"error_code":"unauthorized","bytes_in":7}`
	if got := asJSON(t, r); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestActor(t *testing.T) {
	call := func(p sallyport.Principal, run sallyport.RunID) sallyport.Record {
		return builder.Intent(&sallyport.Call{Principal: p, Run: run})
	}
	for _, test := range []struct {
		name string
		got  sallyport.Record
		want string
		org  sallyport.OrgID
	}{
		{"a program", call(sallyport.Principal{Org: "acme", User: "ann", Key: "k"}, ""), ActorKey, "acme"},
		{"a person", call(sallyport.Principal{Org: "acme", User: "ann"}, ""), ActorUser, "acme"},
		{"a run", call(sallyport.Principal{Org: "acme", User: "ann", Key: "k"}, "run-1"), ActorAgent, "acme"},
		{"nobody", call(sallyport.Principal{}, ""), ActorUnknown, sallyport.InstanceOrg},
		{"an event by key", builder.Event(sallyport.Principal{Org: "acme", Key: "k"}, "a", "r", nil), ActorKey, "acme"},
		{"an event by a person", builder.Event(sallyport.Principal{Org: "acme", User: "ann"}, "a", "r", nil), ActorUser, "acme"},
		{"an event by the command line", builder.Event(sallyport.Principal{Org: "acme"}, "a", "r", nil), ActorSystem, "acme"},
		{"an event of the instance", builder.Event(sallyport.Principal{}, "a", "r", nil), ActorSystem, sallyport.InstanceOrg},
	} {
		if test.got.Actor.Type != test.want || test.got.Org != test.org {
			t.Errorf("%s: got %s of %s, want %s of %s", test.name, test.got.Actor.Type, test.got.Org, test.want, test.org)
		}
	}
}

func TestEvent(t *testing.T) {
	r := builder.Event(sallyport.Principal{Org: "acme"}, "key.create", "key/1", map[string]any{"name": "ci"})
	want := `"org_id":"acme","actor":{"type":"system"},"action":"key.create","resource":"key/1","change":{"name":"ci"}}`
	if got := asJSON(t, r); got != want || r.Phase != sallyport.PhaseEvent {
		t.Errorf("%s\ngot  %s\nwant %s", r.Phase, got, want)
	}
}

func TestReadAndChange(t *testing.T) {
	call := &sallyport.Call{
		Principal: sallyport.Principal{Org: "acme", User: "ann", Key: "key-1"}, Action: "keys.create",
		Source: sallyport.Source{IP: "192.0.2.7"}, StartedAt: now.Add(-20 * time.Millisecond), RequestID: "req-1",
	}
	who := `"org_id":"acme","actor":{"type":"key","user_id":"ann","key_id":"key-1"},"action":"keys.create","request_id":"req-1",`
	read := builder.Read(call, 200)
	if got, want := asJSON(t, read), who+`"outcome":"success","status":200,"latency_ms":20}`; got != want || read.Phase != sallyport.PhaseEvent {
		t.Errorf("%s\ngot  %s\nwant %s", read.Phase, got, want)
	}
	call.Success = 201
	change := builder.Change(call, "key/1", map[string]string{"name": "ci"})
	want := who + `"resource":"key/1","outcome":"success","status":201,"latency_ms":20,"change":{"name":"ci"}}`
	if got := asJSON(t, change); got != want || change.Phase != sallyport.PhaseEvent {
		t.Errorf("%s\ngot  %s\nwant %s", change.Phase, got, want)
	}
	if read.Source != call.Source || change.Source != call.Source {
		t.Errorf("got sources %+v and %+v, want that of the call", read.Source, change.Source)
	}
}

// An event is never lost because its change cannot be written.
func TestEvent_change(t *testing.T) {
	for _, test := range []struct {
		name   string
		change any
		want   string
	}{
		{"none", nil, ""},
		{"no JSON", math.NaN(), `{"not_recorded":"float64 cannot be written as JSON"}`},
		{"no JSON within", map[string]any{"secret-key": make(chan int)}, `{"not_recorded":"map[string]interface {} cannot be written as JSON"}`},
		{"too long", strings.Repeat("x", changeMax), fmt.Sprintf(`{"not_recorded":"%d bytes are too long for a record"}`, changeMax+2)},
		{"as long as may be", strings.Repeat("x", changeMax-2), `"` + strings.Repeat("x", changeMax-2) + `"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := builder.Event(sallyport.Principal{Org: "acme"}, "a", "r", test.change)
			if string(r.Change) != test.want {
				t.Errorf("got %.100s, want %.100s", r.Change, test.want)
			}
			if _, _, err := r.Seal(1, sallyport.Hash{}); err != nil {
				t.Errorf("the record cannot be sealed: %v", err)
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	intent := builder.Intent(finished())
	body, _, err := intent.Seal(3, sallyport.Hash{})
	if err != nil {
		t.Fatal(err)
	}
	open := journal.OpenCall{
		Org: "acme", Call: "call-1", Node: "node-1", Boot: "boot-0", Intent: body,
		Open: journal.Open{Call: "call-1", User: "ann", Key: "key-1", Model: "large", Hold: 500, Price: sallyport.Price{Version: "p1"}},
	}
	entry := builder.Interrupted(open)
	want := whoAndWhat + `"outcome":"interrupted","error_code":"internal_error","bytes_in":120,` +
		`"cost":{"hold_micros":500,"charge_micros":500,"estimated":true,"price_version":"p1"}}`
	if got := asJSON(t, entry.Record); got != want || entry.Record.Phase != sallyport.PhaseOutcome {
		t.Errorf("%s\ngot  %s\nwant %s", entry.Record.Phase, got, want)
	}
	if entry.Org != "acme" || entry.Open != nil || *entry.Close != (journal.Close{Call: "call-1", Cost: 500, Estimated: true}) {
		t.Errorf("got %+v closing %+v", entry, entry.Close)
	}
	if entry.Record.EventID == intent.EventID {
		t.Error("the outcome has the event id of its intent")
	}

	open.Intent = []byte("damaged")
	r := builder.Interrupted(open).Record
	if r.Call != "call-1" || r.Actor.User != "ann" || r.Actor.Key != "key-1" || r.ModelUsed != "large" || r.Cost.Charge != 500 {
		t.Errorf("of a damaged intent: got %+v", r)
	}
}

func TestCode(t *testing.T) {
	for _, test := range []struct {
		err  error
		want sallyport.Code
	}{
		{nil, ""},
		{sallyport.NewError(sallyport.DLPBlocked, "no"), sallyport.DLPBlocked},
		{fmt.Errorf("wrapped: %w", sallyport.NewError(sallyport.DLPBlocked, "no")), sallyport.DLPBlocked},
		{&llm.UpstreamError{Status: 500}, sallyport.UpstreamError},
		{fmt.Errorf("wrapped: %w", context.Canceled), sallyport.ClientClosed},
		{errors.New("anything"), sallyport.Internal},
	} {
		if got := code(test.err); got != test.want {
			t.Errorf("%v: got %s, want %s", test.err, got, test.want)
		}
	}
}

// No text of a person, a model, a provider or an error gets into the chain.
func TestNoContent(t *testing.T) {
	const canary = "canary"
	call := finished()
	call.Source = sallyport.Source{IP: canary, UserAgent: canary}
	call.Requested = "the " + canary + " said: hello"
	call.RequestID = canary + "@example.com"
	call.Model.DisplayName, call.Model.DLP, call.Model.Target = canary, canary, canary
	call.Attempts[0].UpstreamRequestID = canary + " " + canary
	call.DLP.Findings[0].Field = "metadata." + canary + "@example.com"
	for range 2 * sallyport.FindingsKept {
		call.DLP.Findings = append(call.DLP.Findings, sallyport.Finding{Type: "US_SSN"})
	}
	failure := sallyport.WrapError(sallyport.UpstreamError, canary, &llm.UpstreamError{Body: []byte(canary), ContentType: canary})
	sealed := builder.Intent(call)
	for name, r := range map[string]sallyport.Record{
		"intent":      sealed,
		"outcome":     builder.Outcome(call, sallyport.OutcomeFailure, 500, failure, sallyport.RecordCost{}),
		"refusal":     builder.Refusal(call, 500, failure),
		"interrupted": builder.Interrupted(journal.OpenCall{Intent: []byte(`{"model_used":"` + canary + `"}`)}).Record,
	} {
		body, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(body), canary) {
			t.Errorf("%s: %s", name, body)
		}
		if r.DLP != nil && len(r.DLP.Findings) != sallyport.FindingsKept {
			t.Errorf("%s: %d findings, want at most %d", name, len(r.DLP.Findings), sallyport.FindingsKept)
		}
	}
}

// What a record tells does not change when the call goes on.
func TestRecord_is_a_copy(t *testing.T) {
	call := finished()
	r := builder.Intent(call)
	call.DLP.Counts["out:US_SSN"] = 5
	call.DLP.Findings[0].Type, call.Limits[0].Remaining = "changed", -1
	if len(r.DLP.Counts) != 1 || r.DLP.Findings[0].Type != "EMAIL_ADDRESS" || r.Limits[0].Remaining != 59 {
		t.Errorf("the record changed with its call: %+v, %+v", r.DLP, r.Limits)
	}
}

func TestName(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"claude-sonnet-4-5-20250929":   "claude-sonnet-4-5-20250929",
		"moonshotai/kimi-k2:free":      "moonshotai/kimi-k2:free",
		"messages[0].content[1].text":  "messages[0].content[1].text",
		"what is the weather":          noName,
		"ann@example.com":              noName,
		"a\nb":                         noName,
		"größe":                        noName,
		`"><script>`:                   noName,
		strings.Repeat("a", nameMax):   strings.Repeat("a", nameMax),
		strings.Repeat("a", nameMax+1): noName,
	} {
		if got := name(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func BenchmarkIntentAndOutcome(b *testing.B) {
	build, call := Builder{Node: "n", Boot: "b", Now: time.Now}, finished()
	b.ReportAllocs()
	for b.Loop() {
		_ = build.Intent(call)
		_ = build.Refusal(call, 402, nil)
		_ = build.Outcome(call, sallyport.OutcomeSuccess, 200, nil, sallyport.RecordCost{})
	}
}
