package providertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/provider"
)

// target is the provider's name for the model in all tests.
const target = "fake-large"

// Open makes the provider under test. cfg has the address and the bounds of
// time; the rest is the provider's own.
type Open func(t *testing.T, cfg provider.Config) provider.Provider

// Run holds the provider that open makes to the contract of provider.Provider,
// asked in the chat dialect.
func Run(t *testing.T, open Open) {
	t.Helper()
	suite{open, Ask}.run(t)
}

// RunResponses is Run for requests of the responses dialect.
func RunResponses(t *testing.T, open Open) {
	t.Helper()
	suite{open, AskResponses}.run(t)
}

func (s suite) run(t *testing.T) {
	t.Helper()
	atOnce(t, map[string]func(*testing.T){
		"answers": s.answers, "usage": s.usage, "refusals": s.refusals, "faults": s.faults, "unmarked": s.unmarked,
		"client_leaves": s.clientLeaves, "sink_refuses": s.sinkRefuses, "unreachable": s.unreachable,
		"connections_are_kept": s.keepsConnections, "many_at_once": s.manyAtOnce,
	})
}

func atOnce(t *testing.T, tests map[string]func(*testing.T)) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// RunMessages holds it, for requests of the messages dialect, to what depends on
// the dialect of a request.
func RunMessages(t *testing.T, open Open) {
	t.Helper()
	s := suite{open, AskMessage}
	atOnce(t, map[string]func(*testing.T){
		"answers": s.answers, "usage": s.usage, "refusals": s.refusals, "breaks": s.breaks,
	})
}

type suite struct {
	open Open
	ask  func(t testing.TB, text string, stream bool) *llm.Request
}

// start makes a fake and a provider that is patient with it.
func (s suite) start(t *testing.T) (*Fake, provider.Provider) {
	t.Helper()
	return s.startPatient(t, waitMax)
}

func (s suite) startPatient(t *testing.T, patience time.Duration) (*Fake, provider.Provider) {
	t.Helper()
	fake := New(t)
	return fake, s.open(t, provider.Config{
		Name: "fake", BaseURL: fake.URL, APIKey: "the-key", AllowPrivate: true,
		FirstByte: patience, Idle: patience,
	})
}

// Ask is a chat request with one user message.
func Ask(t testing.TB, text string, stream bool) *llm.Request {
	t.Helper()
	return decoded(t, chat.Decode, `{"model":"m","stream":%v,"max_tokens":100,"messages":[{"role":"user","content":%s}]}`, stream, text)
}

// AskMessage is Ask in the messages dialect.
func AskMessage(t testing.TB, text string, stream bool) *llm.Request {
	t.Helper()
	return decoded(t, messages.Decode, `{"model":"m","stream":%v,"max_tokens":100,"messages":[{"role":"user","content":[{"type":"text","text":%s}]}]}`, stream, text)
}

// AskResponses is Ask in the responses dialect.
func AskResponses(t testing.TB, text string, stream bool) *llm.Request {
	t.Helper()
	return decoded(t, responses.Decode, `{"model":"m","stream":%v,"max_output_tokens":100,"input":[{"role":"user","content":[{"type":"input_text","text":%s}]}]}`, stream, text)
}

func decoded(t testing.TB, decode func([]byte) (*llm.Request, error), format string, stream bool, text string) *llm.Request {
	t.Helper()
	req, err := decode(fmt.Appendf(nil, format, stream, llm.Quote(text)))
	if err != nil {
		t.Fatalf("decode the test's own request: %v", err)
	}
	return req
}

// wholeAndStream runs a test for both kinds of answers.
func wholeAndStream(t *testing.T, test func(t *testing.T, stream bool)) {
	t.Helper()
	t.Run("whole", func(t *testing.T) { test(t, false) })
	t.Run("stream", func(t *testing.T) { test(t, true) })
}

func (s suite) answers(t *testing.T) {
	weather := ToolCall{ID: "call_1", Name: "weather", Arguments: `{"city":"Zürich \"old\" town","days":3}`}
	for name, answer := range map[string]Answer{
		"text":        {Text: "Two words, and a third: naïve 👩‍💻 \\ \" \u2028 end."},
		"one_piece":   {Pieces: []string{"all"}},
		"length":      {Text: "cut", Finish: "length"},
		"filter":      {Text: "no", Finish: "content_filter"},
		"thinking":    {Thinking: "Let me see.", Text: "Yes."},
		"tool":        {Tools: []ToolCall{weather}},
		"text_tools":  {Text: "I look.", Tools: []ToolCall{weather, {ID: "call_2", Name: "time", Arguments: "{}"}}},
		"cached":      {Text: "x", Usage: &llm.Usage{Input: 7, CachedInput: 5, CacheWrite: 3, Output: 2}},
		"long_pieces": {Pieces: []string{strings.Repeat("a", 100_000), strings.Repeat("ß", 100_000)}},
	} {
		t.Run(name, func(t *testing.T) {
			wholeAndStream(t, func(t *testing.T, stream bool) {
				fake, p := s.start(t)
				fake.Queue(answer)
				var heard Heard
				receipt, err := p.Do(t.Context(), target, s.ask(t, "hello", stream), heard.Sink())
				if err != nil {
					t.Fatalf("Do: %v", err)
				}
				if receipt.Status != http.StatusOK || receipt.RequestID != "req-fake" {
					t.Errorf("receipt: got %+v", receipt)
				}
				r := fake.Wait(t, 1)
				heard.check(t, wireOf(r.Path), answer, stream)
				if r.Model != target || r.Stream != stream || r.LastUser != "hello" {
					t.Errorf("asked: got model %q, stream %v, text %q", r.Model, r.Stream, r.LastUser)
				}
			})
		})
	}
}

// usage is told as the provider said it; who judges it is not the provider.
func (s suite) usage(t *testing.T) {
	const huge = 1 << 39 // decoders may bound counts above that
	for name, usage := range map[string]*llm.Usage{
		"absent": nil, "negative": {Input: -5, Output: -7}, "huge": {Input: huge, Output: huge},
	} {
		t.Run(name, func(t *testing.T) {
			wholeAndStream(t, func(t *testing.T, stream bool) {
				fake, p := s.start(t)
				fake.Queue(Answer{Text: "hi", Usage: usage, NoUsage: usage == nil})
				var heard Heard
				if _, err := p.Do(t.Context(), target, s.ask(t, "hello", stream), heard.Sink()); err != nil {
					t.Fatalf("Do: %v", err)
				}
				if (heard.Usage == nil) != (usage == nil) || usage != nil && *heard.Usage != *usage {
					t.Errorf("usage: got %+v, want %+v", heard.Usage, usage)
				}
			})
		})
	}
}

func (s suite) refusals(t *testing.T) {
	for _, status := range []int{400, 404, 408, 413, 422, 429, 500, 503, 529} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			wholeAndStream(t, func(t *testing.T, stream bool) {
				fake, p := s.start(t)
				fake.Queue(Answer{Status: status, Body: " {\"error\": \"its own words\"}\n",
					Header: map[string]string{"Retry-After": "7", "Retry-After-Ms": "6500", "X-Should-Retry": "false", "Content-Type": "application/problem+json"}})
				receipt, err := p.Do(t.Context(), target, s.ask(t, "hello", stream), mustNotHear(t))
				var refused *llm.UpstreamError
				if !errors.As(err, &refused) {
					t.Fatalf("Do: got %v, want *llm.UpstreamError", err)
				}
				want := llm.UpstreamError{Dialect: refused.Dialect, Status: status, ContentType: "application/problem+json",
					Body: refused.Body, RetryAfter: "7", RequestID: "req-fake",
					RetryAfterMS: "6500", ShouldRetry: "false"}
				if fmt.Sprint(*refused) != fmt.Sprint(want) || string(refused.Body) != " {\"error\": \"its own words\"}\n" {
					t.Errorf("got %+v with body %q, want %+v", *refused, refused.Body, want)
				}
				if receipt.Status != status || strings.Contains(err.Error(), "its own words") {
					t.Errorf("got receipt %+v and error %q", receipt, err)
				}
			})
		})
	}
	for status, code := range map[int]sallyport.Code{
		401: sallyport.UpstreamAuth, 403: sallyport.UpstreamAuth, 301: sallyport.UpstreamInvalid, 304: sallyport.UpstreamInvalid,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			fake, p := s.start(t)
			fake.Queue(Answer{Status: status, Body: body(status), Header: map[string]string{"Location": fake.URL + "/elsewhere"}})
			s.fails(t, p, fake, s.ask(t, "hello", true), code)
		})
	}
	t.Run("tells_our_credential", func(t *testing.T) {
		const key, header = "the-credential-of-ours", "another/one-of-ours"
		fake := New(t)
		p := s.open(t, provider.Config{
			Name: "fake", BaseURL: fake.URL, APIKey: key, AllowPrivate: true,
			Headers: map[string]string{"X-Token": header}, FirstByte: waitMax, Idle: waitMax,
		})
		fake.Queue(Answer{
			Status: 400, Body: `{"error":"wrong header Authorization: Bearer ` + key + `, X-Token: another\/one-of-ours"}`,
			Header: map[string]string{"X-Request-Id": "for " + key, "Retry-After": header, "Content-Type": "text/" + key,
				"Retry-After-Ms": header, "X-Should-Retry": header},
		})
		receipt, err := p.Do(t.Context(), target, s.ask(t, "hello", false), mustNotHear(t))
		var refused *llm.UpstreamError
		if !errors.As(err, &refused) || string(refused.Body) != `{"error":"wrong header Authorization: Bearer [redacted], X-Token: [redacted]"}` {
			t.Fatalf("got %v", err)
		}
		if receipt.RequestID+refused.RequestID+refused.RetryAfter+refused.ContentType+refused.RetryAfterMS+refused.ShouldRetry != "" {
			t.Errorf("headers tell it: %+v, %+v", receipt, refused)
		}
	})
	t.Run("empty_body", func(t *testing.T) {
		fake, p := s.start(t)
		fake.Queue(Answer{Status: 500})
		s.fails(t, p, fake, s.ask(t, "hello", false), sallyport.UpstreamEmptyBody)
	})
}

// body returns what a status may have as its body.
func body(status int) string {
	if status == http.StatusNotModified {
		return ""
	}
	return "the key the-key is wrong"
}

func mustNotHear(t *testing.T) llm.Sink {
	return func(e *llm.Event) error {
		t.Errorf("an event of kind %d was pushed", e.Kind)
		return nil
	}
}

// fails expects that code, no success end, one request and no secret in the error.
func (s suite) fails(t *testing.T, p provider.Provider, fake *Fake, req *llm.Request, code sallyport.Code) {
	t.Helper()
	if n := s.asksAndFails(t, p, fake, req, code); n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
}

// runsOutOfTime is fails for what ends with the gateway's patience. On a busy machine
// that may end before the provider was asked, which shows nothing: then there is more of it.
func (s suite) runsOutOfTime(t *testing.T, answer Answer, req *llm.Request, code sallyport.Code) {
	t.Helper()
	const least, most = 2 * time.Second, 32 * time.Second
	for patience := least; patience <= most; patience *= 2 {
		fake, p := s.startPatient(t, patience)
		fake.Queue(answer)
		switch n := s.asksAndFails(t, p, fake, req, code); n {
		case 0:
			continue
		case 1:
			return
		default:
			t.Fatalf("the provider was asked %d times", n)
		}
	}
	t.Fatalf("the provider was not asked in %s", most)
}

// asksAndFails is fails, but for the number of requests, which it returns.
func (s suite) asksAndFails(t *testing.T, p provider.Provider, fake *Fake, req *llm.Request, code sallyport.Code) int {
	t.Helper()
	var heard Heard
	_, err := p.Do(t.Context(), target, req, heard.Sink())
	if got := sallyport.CodeOf(err); got != code {
		t.Fatalf("Do: got %v (cause %v), want %s", err, errors.Unwrap(err), code)
	}
	var refused *llm.UpstreamError
	if code == sallyport.UpstreamAuth && errors.As(err, &refused) {
		t.Errorf("the provider's words about our credential would be passed on: %+v", refused)
	}
	if heard.Dones != 0 || heard.Wholes != 0 {
		t.Errorf("a failed answer had %d success ends and %d wholes", heard.Dones, heard.Wholes)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if strings.Contains(e.Error(), "the-key") || strings.Contains(e.Error(), page) {
			t.Errorf("the error quotes: %q", e)
		}
	}
	return len(fake.Requests())
}

func (s suite) faults(t *testing.T) {
	for _, row := range []struct {
		fault         Fault
		whole, stream sallyport.Code
	}{
		{Empty, sallyport.UpstreamEmptyBody, sallyport.UpstreamEmptyBody},
		{Hang, sallyport.UpstreamTimeout, sallyport.UpstreamTimeout},
		{Stall, sallyport.UpstreamTimeout, sallyport.UpstreamTimeout},
		{Close, sallyport.UpstreamClosed, sallyport.UpstreamClosed},
		{Reset, sallyport.UpstreamClosed, sallyport.UpstreamClosed},
		{WrongLength, sallyport.UpstreamClosed, sallyport.UpstreamClosed},
		{Cut, sallyport.UpstreamInvalid, sallyport.UpstreamClosed},
		{Garbage, sallyport.UpstreamInvalid, sallyport.UpstreamInvalid},
		{NotHTTP, sallyport.UpstreamInvalid, sallyport.UpstreamInvalid},
		{BadJSON, sallyport.UpstreamInvalid, sallyport.UpstreamInvalid},
		{BadUTF8, sallyport.UpstreamInvalid, sallyport.UpstreamInvalid},
		{LongLine, sallyport.UpstreamInvalid, sallyport.UpstreamInvalid},
		{Endless, sallyport.UpstreamInvalid, ""}, // a stream without end: see sink_refuses
		{ErrorEvent, sallyport.UpstreamError, sallyport.UpstreamError},
		{Plain, "", sallyport.UpstreamInvalid}, // what a plain answer is
		{Redirect, sallyport.UpstreamInvalid, sallyport.UpstreamInvalid},
		{Compressed, sallyport.UpstreamInvalid, sallyport.UpstreamInvalid},
	} {
		t.Run(string(row.fault), func(t *testing.T) {
			wholeAndStream(t, func(t *testing.T, stream bool) {
				code := row.whole
				if stream {
					code = row.stream
				}
				if code == "" {
					return
				}
				for _, after := range []int{0, 2} {
					answer := Answer{Text: "one two three four", Fault: row.fault, After: after}
					if code == sallyport.UpstreamTimeout {
						s.runsOutOfTime(t, answer, s.ask(t, "hello", stream), code)
						continue
					}
					fake, p := s.start(t)
					fake.Queue(answer)
					s.fails(t, p, fake, s.ask(t, "hello", stream), code)
				}
			})
		})
	}
}

// unmarked is an answer of which nothing is missing but a mark of its end that tells
// nothing new: it is complete, with usage and without.
func (s suite) unmarked(t *testing.T) {
	for name, answer := range map[string]Answer{
		"text":     {Text: "one two three four", Fault: Unmarked},
		"tool":     {Tools: []ToolCall{{ID: "call_1", Name: "time", Arguments: "{}"}}, Fault: Unmarked},
		"no_usage": {Text: "one two three four", NoUsage: true, Fault: Unmarked},
	} {
		t.Run(name, func(t *testing.T) {
			fake, p := s.start(t)
			fake.Queue(answer)
			var heard Heard
			if _, err := p.Do(t.Context(), target, s.ask(t, "hello", true), heard.Sink()); err != nil {
				t.Fatalf("Do: %v", err)
			}
			heard.check(t, wireOf(fake.Wait(t, 1).Path), answer, true)
		})
	}
}

// breaks are the faults that a dialect has words for.
func (s suite) breaks(t *testing.T) {
	for fault, code := range map[Fault]sallyport.Code{ErrorEvent: sallyport.UpstreamError, Cut: sallyport.UpstreamClosed, Close: sallyport.UpstreamClosed} {
		for _, after := range []int{0, 2} {
			fake, p := s.start(t)
			fake.Queue(Answer{Text: "one two three four", Fault: fault, After: after})
			s.fails(t, p, fake, s.ask(t, "hello", true), code)
		}
	}
}

func (s suite) clientLeaves(t *testing.T) {
	wholeAndStream(t, func(t *testing.T, stream bool) {
		fake, p := s.start(t)
		fake.Queue(Answer{Text: "one two three", Step: make(chan struct{})})
		ctx, leave := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := p.Do(ctx, target, s.ask(t, "hello", stream), func(*llm.Event) error { return nil })
			failed <- err
		}()
		r := fake.Wait(t, 1)
		leave()
		r.WaitGone(t)
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("Do: got %v, want context.Canceled", err)
		}
	})
}

func (s suite) sinkRefuses(t *testing.T) {
	wholeAndStream(t, func(t *testing.T, stream bool) {
		fake, p := s.start(t)
		answer := Answer{Text: "one two three"}
		if stream {
			answer.Fault = Endless
		}
		fake.Queue(answer)
		refusal, calls := errors.New("enough"), 0
		_, err := p.Do(t.Context(), target, s.ask(t, "hello", stream), func(*llm.Event) error {
			calls++
			return refusal
		})
		if err != refusal || calls != 1 {
			t.Errorf("Do: got %v after %d events, want the sink's own error after 1", err, calls)
		}
		if stream {
			fake.Wait(t, 1).WaitGone(t)
		}
	})
}

// unreachable is the one failure that is known to have cost nothing.
func (s suite) unreachable(t *testing.T) {
	fake := Start()
	address := fake.URL
	fake.Close()
	p := s.open(t, provider.Config{Name: "fake", BaseURL: address, APIKey: "the-key", AllowPrivate: true})
	receipt, err := p.Do(t.Context(), target, s.ask(t, "hello", true), mustNotHear(t))
	if sallyport.CodeOf(err) != sallyport.UpstreamUnreachable || receipt != (llm.Receipt{}) {
		t.Errorf("Do: got %v, %+v; want %s and no receipt", err, receipt, sallyport.UpstreamUnreachable)
	}
}

// keepsConnections asks again as soon as an answer is complete, as agents do.
func (s suite) keepsConnections(t *testing.T) {
	fake, p := s.start(t)
	const rounds = 20
	for i := range rounds {
		var heard Heard
		if _, err := p.Do(t.Context(), target, s.ask(t, "hello", i%2 == 0), heard.Sink()); err != nil {
			t.Fatalf("Do: %v", err)
		}
		<-fake.Wait(t, i+1).Done()
	}
	// The end of a stream may lose the race against the next request, not always.
	if got := fake.Connections(); got > rounds/2 {
		t.Errorf("%d connections for %d requests, one after the other", got, rounds)
	}
}

func (s suite) manyAtOnce(t *testing.T) {
	_, p := s.start(t)
	var wait sync.WaitGroup
	for i := range 32 {
		wait.Go(func() {
			text := fmt.Sprintf("this is the %d. question of many", i)
			var heard Heard
			if _, err := p.Do(t.Context(), target, s.ask(t, text, i%2 == 0), heard.Sink()); err != nil || heard.Text != text {
				t.Errorf("Do: got %q, %v; want %q", heard.Text, err, text)
			}
		})
	}
	wait.Wait()
}
