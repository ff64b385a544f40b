package gateway

import (
	"cmp"
	"context"
	"hash/fnv"
	"math"
	"slices"

	"github.com/sallyport-ai/sallyport"
)

// candidatesMax bounds the ways in which one call may be served.
const candidatesMax = 16

// candidates are the ways to serve the call in the order in which they are
// tried: those of the model itself, then those of its fallbacks that the
// principal may use. There is at least one.
func (g *Gateway) candidates(ctx context.Context, call *Call, m sallyport.Model) []sallyport.Model {
	all := spread(m.Ways(), beginScope(call, m))
	for _, id := range m.Fallbacks {
		fallback, err := g.Model(ctx, call.Principal, id)
		if err != nil {
			continue // who may not use it goes without it
		}
		all = append(all, spread(fallback.Ways(), beginScope(call, fallback))...)
	}
	return all[:min(len(all), candidatesMax)]
}

// beginScope is what calls have in common that begin with the same way to m.
func beginScope(call *Call, m sallyport.Model) string {
	if m.Loose {
		return string(call.ID)
	}
	return tokenScope(call)
}

// spread orders the ways to one model by their weights, so that each begins its
// share of the calls and all calls of one scope begin with the same: a provider's
// prompt cache has seen the conversation. The way is found by weighted rendezvous
// hashing: when one is added or goes, only its own share moves. Without weights
// the order is the given one.
func spread(ways []sallyport.Model, scope string) []sallyport.Model {
	if !slices.ContainsFunc(ways, func(m sallyport.Model) bool { return m.Weight > 0 }) {
		return ways
	}
	rank := make(map[string]float64, len(ways))
	name := func(m sallyport.Model) string { return m.Provider + "\x00" + m.Target }
	for _, m := range ways {
		rank[name(m)] = share(scope, name(m), m.Weight)
	}
	slices.SortStableFunc(ways, func(a, b sallyport.Model) int { return cmp.Compare(rank[name(a)], rank[name(b)]) })
	return ways
}

// share is smallest for one way of a scope, and that for each in proportion to its
// weight. A way without weight is for when all others fail.
func share(scope, way string, weight int64) float64 {
	if weight <= 0 {
		return math.Inf(1)
	}
	h := fnv.New64a()
	h.Write([]byte(scope + "\x00" + way)) // never fails
	unit := (float64(mix(h.Sum64())>>11) + 0.5) / (1 << 53)
	return -math.Log(unit) / float64(weight)
}

// mix spreads what differs in a few low bits over all of them: the finalizer of
// MurmurHash3. FNV alone leaves short names alike.
func mix(x uint64) uint64 {
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
