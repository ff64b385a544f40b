package provider_test

import (
	"errors"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

func openPool(t *testing.T, keys ...secret.Text) (*providertest.Fake, provider.Provider) {
	t.Helper()
	fake := providertest.New(t)
	return fake, newProvider(t, provider.Config{Name: "fake", Type: "openai", BaseURL: fake.URL, AllowPrivate: true, APIKeys: keys})
}

// asks makes a call and returns the keys that were used for it.
func asks(t *testing.T, fake *providertest.Fake, p provider.Provider, session string) ([]string, error) {
	t.Helper()
	before := len(fake.Requests())
	req := providertest.Ask(t, "hello", false)
	req.Session = session
	_, err := p.Do(t.Context(), "m", req, func(*llm.Event) error { return nil })
	var used []string
	for _, r := range fake.Requests()[before:] {
		used = append(used, r.Header.Get("Authorization"))
	}
	return used, err
}

// A key that is over its rate rests: the call goes on with the next, and so do
// later ones.
func TestPoolGoesOn(t *testing.T) {
	t.Parallel()
	fake, p := openPool(t, "key-one", "key-two", "key-three")
	first, err := asks(t, fake, p, "a session")
	if err != nil || len(first) != 1 {
		t.Fatalf("got %v and keys %v", err, first)
	}
	if again, err := asks(t, fake, p, "a session"); err != nil || len(again) != 1 || again[0] != first[0] {
		t.Errorf("the session went from %v to %v: %v", first, again, err)
	}
	fake.Queue(
		providertest.Answer{Status: 429, Body: "slow", Header: map[string]string{"Retry-After": "60"}},
		providertest.Answer{Status: 401, Body: "no"},
	)
	used, err := asks(t, fake, p, "a session")
	if err != nil || len(used) != 3 || used[0] != first[0] {
		t.Fatalf("got %v and keys %v, want the two that fail and then the third", err, used)
	}
	if again, err := asks(t, fake, p, "a session"); err != nil || len(again) != 1 || again[0] != used[2] {
		t.Errorf("got %v and keys %v, want only %s: the others rest", err, again, used[2])
	}
}

// When all are over their rate, the client is told so in the provider's words; and
// what is no fault of a key is told at once.
func TestPoolEnds(t *testing.T) {
	t.Parallel()
	fake, p := openPool(t, "key-one", "key-two")
	slow := providertest.Answer{Status: 429, Body: "slow"}
	fake.Queue(slow, slow)
	used, err := asks(t, fake, p, "")
	var refused *llm.UpstreamError
	if !errors.As(err, &refused) || refused.Status != 429 || len(used) != 2 {
		t.Errorf("got %v with keys %v", err, used)
	}
	fake.Queue(providertest.Answer{Status: 400, Body: "bad"})
	if used, err = asks(t, fake, p, ""); !errors.As(err, &refused) || refused.Status != 400 || len(used) != 1 {
		t.Errorf("got %v with keys %v", err, used)
	}
	fake.Queue(providertest.Answer{Text: "a b", Fault: providertest.Close, After: 1})
	if used, err = asks(t, fake, p, ""); sallyport.CodeOf(err) != sallyport.UpstreamClosed || len(used) != 1 {
		t.Errorf("got %v with keys %v", err, used)
	}
}

// Calls without a session take turns.
func TestPoolTakesTurns(t *testing.T) {
	t.Parallel()
	fake, p := openPool(t, "key-one", "key-two")
	seen := make(map[string]int)
	for range 10 {
		used, err := asks(t, fake, p, "")
		if err != nil {
			t.Fatal(err)
		}
		seen[used[0]]++
	}
	if seen["Bearer key-one"] != 5 || seen["Bearer key-two"] != 5 {
		t.Errorf("got %v", seen)
	}
}

// A pool of a service that counts tokens counts, with all of its keys; another is
// none that does.
func TestPoolCounts(t *testing.T) {
	t.Parallel()
	fake := providertest.New(t)
	p := newProvider(t, provider.Config{Name: "fake", Type: "anthropic", BaseURL: fake.URL, AllowPrivate: true, APIKeys: []secret.Text{"key-one", "key-two"}})
	fake.Queue(providertest.Answer{Status: 429, Body: "slow"})
	var got *llm.Event
	_, err := p.(provider.TokenCounter).CountTokens(t.Context(), "m", providertest.AskMessage(t, "hello", false), func(e *llm.Event) error {
		got = e
		return nil
	})
	requests := fake.Requests()
	if err != nil || len(requests) != 2 || requests[0].Header.Get("X-Api-Key") == requests[1].Header.Get("X-Api-Key") ||
		requests[1].Path != "/v1/messages/count_tokens" || got.Usage.Input != providertest.UsageDefault.Input {
		t.Errorf("got %+v, %v after %d requests", got, err, len(requests))
	}
	_, other := openPool(t, "key-one")
	if counter, counts := other.(provider.TokenCounter); counts && counter.Counts(llm.Messages) {
		t.Error("a service that does not count says that it does")
	}
}
