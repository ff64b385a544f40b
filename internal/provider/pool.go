package provider

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// pool is one service with several credentials. Calls are spread over them, those
// of one conversation by the same, for prompt caches belong to an account. A
// credential that is refused or over its rate rests; the call goes on with the
// next, as nothing of it was answered. When all rest they are asked in turn all the
// same. It is kept in memory, by each server for itself.
type pool struct {
	members []*member
	next    atomic.Uint32 // where a call without a conversation begins
	now     func() time.Time
}

// member is the service with one of its credentials.
type member struct {
	Provider
	mu     sync.Mutex
	rested time.Time // when it may be asked again
}

// How long a credential rests: until its Retry-After, or else so long.
const (
	restLimited = 10 * time.Second
	restRefused = time.Minute
	restMax     = 10 * time.Minute
)

// newPool makes the provider that cfg describes once for each of its keys.
func newPool(cfg Config) (Provider, error) {
	p := &pool{now: time.Now}
	for i, key := range cfg.APIKeys {
		one := cfg
		one.APIKey, one.APIKeys = key, nil
		made, err := New(one)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		p.members = append(p.members, &member{Provider: made})
	}
	if _, counts := p.members[0].Provider.(TokenCounter); counts {
		return countingPool{p}, nil
	}
	return p, nil
}

// Do asks with one credential after the other until one is good for the call.
func (p *pool) Do(ctx context.Context, target string, req *llm.Request, out llm.Sink) (llm.Receipt, error) {
	return p.each(ctx, req, out, func(m Provider, out llm.Sink) (llm.Receipt, error) { return m.Do(ctx, target, req, out) })
}

func (p *pool) each(ctx context.Context, req *llm.Request, out llm.Sink, do func(Provider, llm.Sink) (llm.Receipt, error)) (receipt llm.Receipt, err error) {
	for _, m := range p.order(req.Session) {
		var begun bool
		receipt, err = do(m.Provider, func(e *llm.Event) error {
			begun = true
			return out(e)
		})
		rest := restAfter(err)
		if rest == 0 || begun || ctx.Err() != nil {
			return receipt, err
		}
		m.rest(p.now().Add(rest))
	}
	return receipt, err
}

// order is the members from where the session begins, those that rest at the end.
func (p *pool) order(session string) []*member {
	first := p.next.Add(1)
	if session != "" {
		h := fnv.New32a()
		h.Write([]byte(session)) // never fails
		first = h.Sum32()
	}
	now := p.now()
	var ready, resting []*member
	for i := range p.members {
		m := p.members[(int(first%uint32(len(p.members)))+i)%len(p.members)]
		if m.resting(now) {
			resting = append(resting, m)
		} else {
			ready = append(ready, m)
		}
	}
	return append(ready, resting...)
}

func (m *member) resting(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return now.Before(m.rested)
}

func (m *member) rest(until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rested = until
}

// restAfter is how long a credential rests after err; 0: it is not the credential's fault.
func restAfter(err error) time.Duration {
	var refused *llm.UpstreamError
	switch {
	case sallyport.CodeOf(err) == sallyport.UpstreamAuth:
		return restRefused
	case errors.As(err, &refused) && refused.Status == http.StatusTooManyRequests:
		if wait, asked := refused.Wait(restMax); asked {
			return wait
		}
		return restLimited
	}
	return 0
}

// countingPool is a pool of a service that counts tokens.
type countingPool struct{ *pool }

// Counts implements TokenCounter.
func (p countingPool) Counts(dialect llm.Dialect) bool {
	return p.members[0].Provider.(TokenCounter).Counts(dialect)
}

// CountTokens implements TokenCounter.
func (p countingPool) CountTokens(ctx context.Context, target string, req *llm.Request, out llm.Sink) (llm.Receipt, error) {
	return p.each(ctx, req, out, func(m Provider, out llm.Sink) (llm.Receipt, error) {
		return m.(TokenCounter).CountTokens(ctx, target, req, out)
	})
}

// probe asks with the first credential.
func (p *pool) probe(ctx context.Context) Probe {
	if can, ok := p.members[0].Provider.(prober); ok {
		return can.probe(ctx)
	}
	return Probe{}
}

var (
	_ Provider = (*pool)(nil)
	_ prober   = (*pool)(nil)

	_ TokenCounter = countingPool{}
)
