package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// loadClients is how many callers are on their way at once.
const loadClients = 16

// load makes calls that can be told apart on both sides: call n says n in its
// prompt, which the provider sees, and in its user agent, which its intent has.
type load struct {
	key string

	mu    sync.Mutex
	begun int
	done  map[int]bool // calls whose answer the client saw to its end
}

func newLoad(key string) *load { return &load{key: key, done: make(map[int]bool)} }

// during makes calls while f runs.
func (l *load) during(url string, f func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	for range loadClients {
		clients.Go(func() {
			for ctx.Err() == nil {
				_, _ = l.call(ctx, url) // what became of it stands in the books
			}
		})
	}
	f()
	cancel()
	clients.Wait()
}

// call makes the next call.
func (l *load) call(ctx context.Context, url string) (reply, error) {
	l.mu.Lock()
	l.begun++
	n := l.begun
	l.mu.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", strings.NewReader(loadBody(n)))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Authorization", "Bearer "+l.key)
	req.Header.Set("User-Agent", loadAgent(n))
	answer, err := fetch(http.DefaultClient, req)
	if err == nil && answer.whole(n%2 == 1) {
		l.mu.Lock()
		l.done[n] = true
		l.mu.Unlock()
	}
	return answer, err
}

// whole says whether an answer is a success with its end.
func (r reply) whole(stream bool) bool {
	if r.status != http.StatusOK || !stream {
		return r.status == http.StatusOK
	}
	return strings.HasSuffix(r.body, "data: [DONE]\n\n") && !strings.Contains(r.body, `"error"`)
}

// loadAnswers is what calls ask the provider to do, in turns.
var loadAnswers = []string{
	"", // an echo
	`fake: {"pieces":["one ","two ","three"],"delay_ms":2}`,
	`fake: {"text":"Hi.","usage":{"Input":7,"Output":20}}`,
	`fake: {"text":"one two three","fault":"close","after":2}`,
	`fake: {"text":"more than the hold","usage":{"Input":7,"Output":1500}}`,
	`fake: {"status":500,"body":"{}"}`,
}

// loadBody is the body of call n. Odd calls stream.
func loadBody(n int) string {
	return chatBody(n%2 == 1, fmt.Sprintf("call %s. %s", spelled(n), loadAnswers[n/2%len(loadAnswers)]))
}

// spelled writes a number in letters, a for 0 to j for 9: digits after "call" may
// be a telephone number, which the provider does not get to see.
func spelled(n int) string {
	return strings.Map(func(digit rune) rune { return digit - '0' + 'a' }, strconv.Itoa(n))
}

// unspelled reads back what spelled wrote, after the text before and up to a full
// stop; 0 when there is none.
func unspelled(text, before string) int {
	_, said, _ := strings.Cut(text, before)
	number, _, _ := strings.Cut(said, ".")
	n, _ := strconv.Atoi(strings.Map(func(letter rune) rune { return letter - 'a' + '0' }, number))
	return n
}

func loadAgent(n int) string { return fmt.Sprintf("load/%d", n) }

// callNumber reads n back from an intent.
func callNumber(intent sallyport.Record) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(intent.Source.UserAgent, "load/")) // no call is number 0
	return n
}

// askedNumber reads n back from what the provider was asked.
func askedNumber(r *providertest.Request) int { return unspelled(r.LastUser, "call ") }

// compareBooks compares the books with what the provider and the clients saw:
// the provider was asked once for each call at most, and never without an
// intent; what a client saw to its end is a success; and a success was asked of
// the provider. The servers must have ended.
func compareBooks(t *testing.T, db *store.DB, org sallyport.OrgID, fake *providertest.Fake, l *load) books {
	t.Helper()
	b := checkBooks(t, db, org)
	outcomes := make(map[int]string) // of calls with an intent
	for call, intent := range b.intents {
		n := callNumber(intent)
		if _, twice := outcomes[n]; twice || n == 0 {
			t.Errorf("call %d has two intents", n)
		}
		outcomes[n] = b.outcomes[call].Outcome
	}
	asked := make(map[int]bool)
	for _, r := range fake.Requests() {
		n := askedNumber(r)
		if _, found := outcomes[n]; !found {
			t.Errorf("call %d reached the provider without an intent", n)
		}
		if asked[n] {
			t.Errorf("call %d reached the provider twice", n)
		}
		asked[n] = true
	}
	for n, outcome := range outcomes {
		if outcome == sallyport.OutcomeSuccess && !asked[n] {
			t.Errorf("call %d is a success that the provider was not asked for", n)
		}
		if l.done[n] && outcome != sallyport.OutcomeSuccess {
			t.Errorf("call %d was answered to its end, and its outcome is %s", n, outcome)
		}
	}
	for n := range l.done {
		if _, found := outcomes[n]; !found {
			t.Errorf("call %d was answered without an intent", n)
		}
	}
	return b
}
