package main

import (
	"flag"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
)

var (
	saturationTime    = flag.Duration("saturation-time", 2*time.Second, "how long TestNoneLost calls")
	saturationCallers = flag.Int("saturation-callers", 64, "how many callers TestNoneLost has")
)

// TestNoneLost calls servers as fast as they answer, and then looks up every
// answer that a client got: its request has an intent and an outcome, or the
// refusal that the client was told of; and provider, clients, trail and ledger
// tell of the same calls.
func TestNoneLost(t *testing.T) {
	q := newQuickProvider(t)
	eachCluster(t, q.config(""), func(t *testing.T, c *cluster) {
		c.budgets()
		s := saturation{cluster: c, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: *saturationCallers}}}
		begun := time.Now()
		s.call(*saturationCallers, func() bool { return time.Since(begun) < *saturationTime })
		took := time.Since(begun)
		c.stopAll()
		s.compare(t, q)
		t.Logf("%d callers got %d answers in %s, %.0f a second; all are in the books",
			*saturationCallers, len(s.answers), took.Round(time.Millisecond), float64(len(s.answers))/took.Seconds())
	})
}

// saturation is callers that never rest, and what they were answered.
type saturation struct {
	*cluster
	client *http.Client

	mu      sync.Mutex
	answers []answered
}

// answered is one answer as its client saw it.
type answered struct {
	call    int // by its number in the prompt
	request string
	status  int
	whole   bool
}

// quickCalls numbers the calls of all tests that a quickProvider is asked.
var quickCalls atomic.Int64

// call lets callers call while more says so; half of the calls stream.
func (s *saturation) call(callers int, more func() bool) {
	s.t.Helper()
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			var mine []answered
			for more() {
				a, err := s.one(caller % len(s.nodes))
				if err != nil {
					s.t.Errorf("call %d has no answer: %v", a.call, err)
					break
				}
				mine = append(mine, a)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.answers = append(s.answers, mine...)
		})
	}
	all.Wait()
}

// one makes one call.
func (s *saturation) one(node int) (answered, error) {
	n := int(quickCalls.Add(1))
	answer, err := s.ask(s.client, node, chatBody(n%2 == 1, quickPrompt(n)))
	return answered{n, answer.header.Get("X-Request-Id"), answer.status, answer.whole(n%2 == 1)}, err
}

// compare wants the same calls in the books, at the provider, and at the clients.
func (s *saturation) compare(t *testing.T, q *quickProvider) {
	t.Helper()
	b := checkBooks(t, s.db, s.account.OrgID)
	outcomes := make(map[string]sallyport.Record) // by request
	for call, intent := range b.intents {
		outcomes[intent.RequestID] = b.outcomes[call]
	}
	refusals := make(map[string]bool)
	for _, r := range b.refusals {
		refusals[r.RequestID] = true
	}
	for _, a := range s.answers {
		outcome, opened := outcomes[a.request]
		asked := q.times(a.call)
		switch {
		case a.whole && opened && outcome.Outcome == sallyport.OutcomeSuccess && asked == 1:
		case a.status != http.StatusOK && opened && outcome.Outcome != sallyport.OutcomeSuccess && outcome.Status == a.status && asked <= 1:
		case a.status != http.StatusOK && refusals[a.request] && asked == 0:
		default:
			t.Errorf("call %d, request %s, was answered with %d (to its end: %t) and asked of the provider %d times; the trail has the outcome %q and a refusal: %t",
				a.call, a.request, a.status, a.whole, asked, outcome.Outcome, refusals[a.request])
		}
	}
	if len(s.answers) != len(b.intents)+len(b.refusals) || len(outcomes) != len(b.intents) || len(s.answers) == 0 {
		t.Errorf("clients got %d answers; the trail has %d intents of %d requests, and %d refusals",
			len(s.answers), len(b.intents), len(outcomes), len(b.refusals))
	}
}
