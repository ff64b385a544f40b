package provider_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

// earlyAnswer is a whole answer, also for who takes it for an error's body.
const earlyAnswer = `{"choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}`

// TestEarlyAnswer asks a provider that answers before it has read what it is
// asked: not one of its answers is lost, whatever it does with the connection.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	const callers = 8
	for _, status := range []int{http.StatusOK, http.StatusBadRequest} {
		for name, how := range map[string]providertest.Earliness{
			"reads later": {Reads: true},
			"closes":      {Announced: true},
		} {
			how.Status, how.Body = status, earlyAnswer
			for size, callsEach := range map[int]int{100 << 10: 50, 1 << 20: 10} {
				t.Run(fmt.Sprintf("%d %s %d KB", status, name, size>>10), func(t *testing.T) {
					t.Parallel()
					p := newAsker(t, providertest.NewEarly(t, how), size)
					var all sync.WaitGroup
					for range callers {
						all.Go(func() {
							for range callsEach {
								if err := p.ask(t, status); err != nil {
									t.Error(err)
								}
							}
						})
					}
					all.Wait()
				})
			}
		}
	}
}

// TestEarlyAnswer_closedUnannounced: a request that meets a connection which the
// provider has closed without a word goes out on another.
func TestEarlyAnswer_closedUnannounced(t *testing.T) {
	t.Parallel()
	e := providertest.NewEarly(t, providertest.Earliness{Status: http.StatusBadRequest, Body: earlyAnswer})
	p := newAsker(t, e, 100<<10)
	for range 200 {
		if err := p.ask(t, http.StatusBadRequest); err != nil {
			t.Fatal(err)
		}
		e.WaitClosed()
	}
}

// asker asks one provider, always the same.
type asker struct {
	provider.Provider
	body []byte
}

func newAsker(t *testing.T, e *providertest.Early, size int) asker {
	t.Helper()
	p, err := provider.New(provider.Config{Name: "early", Type: "openai", BaseURL: e.URL, AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	return asker{p, []byte(`{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("x", size) + `"}]}`)}
}

// ask makes a call, which must have the answer.
func (a asker) ask(t *testing.T, status int) error {
	req, err := chat.Decode(a.body)
	if err != nil {
		return err
	}
	answered := false
	_, err = a.Do(t.Context(), "real", req, func(*llm.Event) error { answered = true; return nil })
	var refused *llm.UpstreamError
	if status == http.StatusOK && err == nil && answered ||
		status != http.StatusOK && errors.As(err, &refused) && refused.Status == status {
		return nil
	}
	return fmt.Errorf("got %w (%w), want the provider's answer with status %d", err, errors.Unwrap(err), status)
}
