package gateway

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Calls are spread in proportion to the weights; those of one scope begin with the
// same way; and when a way goes, only its share finds another.
func TestSpread(t *testing.T) {
	t.Parallel()
	ways := func(weights ...int64) (all []sallyport.Model) {
		for i, w := range weights {
			all = append(all, sallyport.Model{Provider: string(rune('a' + i)), Target: "t", Weight: w})
		}
		return all
	}
	const scopes = 20_000
	begun, moved := make(map[string]int), 0
	for i := range scopes {
		scope := fmt.Sprintf("user/%d", i)
		first := spread(ways(6, 3, 1, 0), scope)
		again := spread(ways(6, 3, 1, 0), scope)
		if !slices.EqualFunc(first, again, func(a, b sallyport.Model) bool { return a.Provider == b.Provider }) {
			t.Fatalf("%s begins with another way each time", scope)
		}
		if first[3].Provider != "d" {
			t.Fatalf("the way without weight stands before one with: %v", first)
		}
		begun[first[0].Provider]++
		without := spread(ways(6, 3), scope)
		if first[0].Provider != "c" && without[0].Provider != first[0].Provider {
			moved++
		}
	}
	for way, share := range map[string]float64{"a": 0.6, "b": 0.3, "c": 0.1} {
		if got := float64(begun[way]) / scopes; got < share-0.02 || got > share+0.02 {
			t.Errorf("%s begins %.3f of the calls, want %.1f", way, got, share)
		}
	}
	if moved > 0 {
		t.Errorf("%d scopes moved although their way stayed", moved)
	}
	if got := spread(ways(0, 0, 0), "user/1"); got[0].Provider != "a" || got[2].Provider != "c" {
		t.Errorf("without weights the order is %v", got)
	}
}

// Calls of one conversation begin with the same way, unless the model says otherwise.
func TestBeginScope(t *testing.T) {
	t.Parallel()
	call := func(id string) *Call {
		return &Call{Call: sallyport.Call{ID: sallyport.CallID(id), Principal: sallyport.Principal{User: "ann"}}, Request: &llm.Request{}}
	}
	if a, b := beginScope(call("1"), sallyport.Model{}), beginScope(call("2"), sallyport.Model{}); a != b {
		t.Errorf("two calls of one person begin by %q and %q", a, b)
	}
	loose := sallyport.Model{Loose: true}
	if a, b := beginScope(call("1"), loose), beginScope(call("2"), loose); a == b {
		t.Errorf("two calls begin by %q", a)
	}
}
