package gateway

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/provider"
)

// health remembers how candidates fare. Each has a breaker: after so many
// failures in a row it is open, and the candidate is passed over; after a rest one
// call may try it. A breaker only ever changes the order: a call whose candidates
// are all sick is tried nevertheless, for its client has nothing better. It is
// kept in memory, by each server for itself.
type health struct {
	routing Routing

	mu      sync.Mutex
	watched map[candidate]*watched
}

// watched is what is remembered of one candidate.
type watched struct {
	circuitbreaker.CircuitBreaker[any]

	mu        sync.Mutex
	recent    []sample // the newest, in a ring
	next      int      // where the next goes once the ring is full
	lastError sallyport.Code
	status    int // the provider's, of the last error; 0: it did not come so far
	failedAt  time.Time
	triedAt   time.Time
}

// sample is one try: how long it was to the first piece of its answer, or that it failed.
type sample struct {
	first  time.Duration
	failed bool
}

// recentMax bounds the tries that are remembered of a candidate.
const recentMax = 50

// candidate is a model at a provider. An organisation's own provider is another
// one than that of the same name elsewhere; one that was changed is a new one.
type candidate struct {
	serves provider.Provider
	target string
}

// breakersMax bounds what is remembered; past it all is forgotten.
const breakersMax = 10_000

// of returns what is remembered of the candidate.
func (h *health) of(c candidate) *watched {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.watched[c]; w != nil {
		return w
	}
	if h.watched == nil || len(h.watched) >= breakersMax {
		h.watched = make(map[candidate]*watched)
	}
	w := &watched{CircuitBreaker: circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(uint(h.routing.Failures)).WithSuccessThreshold(1).WithDelay(h.routing.Rest).Build()}
	h.watched[c] = w
	return w
}

// note remembers a try that ended at that time.
func (w *watched) note(s sample, err error, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.triedAt = at
	if s.failed {
		w.lastError, w.failedAt, w.status = sallyport.CodeOf(err), at, 0
		var refused *llm.UpstreamError
		if errors.As(err, &refused) {
			w.status = refused.Status
		}
	}
	if len(w.recent) < recentMax {
		w.recent = append(w.recent, s)
		return
	}
	w.recent[w.next] = s
	w.next = (w.next + 1) % recentMax
}

// Health is how a way to serve models has fared in the recent calls of this server, of
// all organisations that use it. It tells no content and no words of a provider.
type Health struct {
	Provider, Target string
	Models           []string // ids of the models that are served so
	State            string   // of its breaker: closed, open or half_open
	Tries, Failures  int      // among the recent, at most 50
	// Median and Slow (the 95th of a hundred) are the times to the first piece of an
	// answer; 0: there was none.
	Median, Slow time.Duration
	LastError    sallyport.Code
	LastStatus   int
	FailedAt     time.Time
	TriedAt      time.Time // zero: not since the server started
}

// Health tells of the ways to the models, by provider and target.
func (g *Gateway) Health(ctx context.Context, org sallyport.OrgID, models []sallyport.Model) (all []Health) {
	at := make(map[[2]string]int)
	for _, m := range models {
		for _, way := range m.Ways() {
			name := [2]string{way.Provider, way.Target}
			if i, told := at[name]; told {
				all[i].Models = append(all[i].Models, m.ID)
				continue
			}
			serves, err := g.parts.Providers.Provider(ctx, org, way.Provider)
			if err != nil {
				continue // it is not set up, and so was never tried
			}
			at[name] = len(all)
			told := g.health.tell(candidate{serves, way.Target})
			told.Provider, told.Target, told.Models = way.Provider, way.Target, []string{m.ID}
			all = append(all, told)
		}
	}
	slices.SortFunc(all, func(a, b Health) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Target, b.Target))
	})
	return all
}

func (h *health) tell(c candidate) Health {
	h.mu.Lock()
	w := h.watched[c]
	h.mu.Unlock()
	if w == nil {
		return Health{State: "closed"}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	told := Health{State: "closed", Tries: len(w.recent), LastError: w.lastError, LastStatus: w.status, FailedAt: w.failedAt, TriedAt: w.triedAt}
	switch {
	case w.IsOpen():
		told.State = "open"
	case w.IsHalfOpen():
		told.State = "half_open"
	}
	var times []time.Duration
	for _, s := range w.recent {
		if s.failed {
			told.Failures++
		} else if s.first > 0 {
			times = append(times, s.first)
		}
	}
	if slices.Sort(times); len(times) > 0 {
		told.Median, told.Slow = times[len(times)/2], times[len(times)*95/100]
	}
	return told
}
