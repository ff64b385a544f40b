package gateway

import (
	"context"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/provider"
)

// doing is a provider that does what it is told.
type doing struct {
	do func() error
}

func (d *doing) Do(_ context.Context, _ string, _ *llm.Request, out llm.Sink) (llm.Receipt, error) {
	if err := d.do(); err != nil {
		return llm.Receipt{}, err
	}
	return llm.Receipt{Status: 200}, out(&llm.Event{Kind: llm.WholeEvent})
}

// Provider is the directory: all models are served by it.
func (d *doing) Provider(context.Context, sallyport.OrgID, string) (provider.Provider, error) {
	return d, nil
}

// sickbed is a gateway whose one provider has failed so often that its breaker has
// opened, and has rested.
type sickbed struct {
	*doing
	g     *Gateway
	model sallyport.Model
}

func newSickbed(t *testing.T) *sickbed {
	t.Helper()
	s := &sickbed{doing: &doing{}, model: sallyport.Model{Provider: "p", Target: "t"}}
	const soon = time.Nanosecond
	s.g = New(Parts{Providers: s.doing, Now: time.Now, Routing: Routing{Retries: -1, Failures: 1, Rest: soon}})
	s.do = func() error { return sallyport.NewError(sallyport.UpstreamTimeout, "late") }
	_ = s.call(t, llm.Generate)
	if s.closed() {
		t.Fatal("the breaker of a provider that failed is closed")
	}
	return s
}

func (s *sickbed) closed() bool { return s.g.health.of(candidate{s.doing, s.model.Target}).IsClosed() }

// call dispatches a call that has two candidates, which are the same: one that has
// no other is tried whatever its breaker says.
func (s *sickbed) call(t *testing.T, operation llm.Operation) error {
	t.Helper()
	call := &Call{candidates: []sallyport.Model{s.model, s.model}}
	call.Request = &llm.Request{Operation: operation, Dialect: llm.Messages}
	return s.g.dispatch(nil)(t.Context(), call, func(*llm.Event) error { return nil })
}

// A panic gives back the leave to find out whether the provider is well again.
func TestDispatch_panic(t *testing.T) {
	t.Parallel()
	s := newSickbed(t)
	s.do = func() error { panic("a bug") }
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = s.call(t, llm.Generate)
	}()
	s.do = func() error { return nil }
	if !s.g.health.of(candidate{s.doing, s.model.Target}).TryAcquirePermit() {
		t.Fatal("nobody may find out any more")
	}
	s.g.health.of(candidate{s.doing, s.model.Target}).RecordFailure()
	if err := s.call(t, llm.Generate); err != nil || !s.closed() {
		t.Errorf("after a good call: %v, closed is %v", err, s.closed())
	}
}

// A refusal tells that the provider is well, be it without a word.
func TestDispatch_refusal(t *testing.T) {
	t.Parallel()
	for _, code := range []sallyport.Code{sallyport.UpstreamError, sallyport.UpstreamEmptyBody} {
		s := newSickbed(t)
		s.do = func() error { return sallyport.WrapError(code, "no", &llm.UpstreamError{Status: 429}) }
		if err := s.call(t, llm.Generate); sallyport.CodeOf(err) != code || !s.closed() {
			t.Errorf("%s: got %v, closed is %v", code, err, s.closed())
		}
	}
}

// An estimate of our own says nothing of the provider's health.
func TestDispatch_estimate(t *testing.T) {
	t.Parallel()
	s := newSickbed(t)
	s.do = func() error { t.Error("the provider was asked"); return nil }
	if err := s.call(t, llm.CountTokens); err != nil {
		t.Fatal(err)
	}
	if s.closed() {
		t.Error("the breaker closed, although nobody was asked")
	}
}
