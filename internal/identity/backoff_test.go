package identity

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
)

func TestBackOff(t *testing.T) {
	now := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	counts := counter{}
	b := &backOff{tries{free: 3, first: time.Second, most: 4 * time.Second}, "test", counts, func() time.Time { return now }}
	held := func(name string) bool { return sallyport.CodeOf(b.take(t.Context(), name)) == sallyport.RateLimited }
	for n := range 3 {
		if held("ann") {
			t.Fatalf("try %d is held back", n+1)
		}
	}
	for n, wait := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second} {
		if !held("ann") || held(fmt.Sprint("bob", n)) {
			t.Errorf("after %d tries: not ann alone is held back", n+3)
		}
		now = now.Add(wait - time.Microsecond)
		if !held("ann") {
			t.Errorf("after %d tries: the wait is shorter than %s", n+3, wait)
		}
		now = now.Add(time.Microsecond)
		if held("ann") { // is the next try
			t.Errorf("after %d tries: the wait is longer than %s", n+3, wait)
		}
	}
	if err := b.clear(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	if held("ann") {
		t.Error("held back after it was cleared")
	}
	for range 3 {
		_ = b.take(t.Context(), "carl")
	}
	if now = now.Add(TriesForgotten); held("carl") {
		t.Error("tries are never forgotten")
	}
	for range 10 {
		_ = b.take(t.Context(), "dora")
		_ = b.giveBack(t.Context(), "dora")
	}
	if held("dora") {
		t.Error("tries that were given back count")
	}
	other := &backOff{b.tries, "another kind", counts, b.now}
	for range 3 {
		_ = b.take(t.Context(), "eve")
	}
	if err := other.take(t.Context(), "eve"); err != nil {
		t.Errorf("a name of another kind: %v", err)
	}
}

// counter is a TriesStore in memory.
type counter map[string]sallyport.Tries

func (c counter) ChangeTries(_ context.Context, name []byte, change func(*sallyport.Tries) error) error {
	t := c[string(name)]
	err := change(&t)
	if err == nil {
		c[string(name)] = t
	}
	return err
}

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "::ffff:192.0.2.7": "::ffff:192.0.2.7", "pipe": "pipe",
	} {
		if got := network(address); got != want {
			t.Errorf("%s counts for %s, want %s", address, got, want)
		}
	}
}
