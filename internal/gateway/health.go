package gateway

import (
	"sync"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/sallyport-ai/sallyport/internal/provider"
)

// health remembers which candidates fail. Each has a breaker: after so many
// failures in a row it is open, and the candidate is passed over; after a rest one
// call may try it. A breaker only ever changes the order: a call whose candidates
// are all sick is tried nevertheless, for its client has nothing better. It is
// kept in memory, by each server for itself.
type health struct {
	routing Routing

	mu       sync.Mutex
	breakers map[candidate]circuitbreaker.CircuitBreaker[any]
}

// candidate is a model at a provider. An organisation's own provider is another
// one than that of the same name elsewhere; one that was changed is a new one.
type candidate struct {
	serves provider.Provider
	target string
}

// breakersMax bounds what is remembered; past it all is forgotten.
const breakersMax = 10_000

// of returns the candidate's breaker.
func (h *health) of(c candidate) circuitbreaker.CircuitBreaker[any] {
	h.mu.Lock()
	defer h.mu.Unlock()
	if b := h.breakers[c]; b != nil {
		return b
	}
	if h.breakers == nil || len(h.breakers) >= breakersMax {
		h.breakers = make(map[candidate]circuitbreaker.CircuitBreaker[any])
	}
	b := circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(uint(h.routing.Failures)).WithSuccessThreshold(1).WithDelay(h.routing.Rest).Build()
	h.breakers[c] = b
	return b
}
