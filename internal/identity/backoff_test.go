package identity

import (
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
)

func TestBackOff(t *testing.T) {
	now := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	b := newBackOff(tries{free: 3, first: time.Second, most: 4 * time.Second}, func() time.Time { return now })
	held := func(name string) bool { return sallyport.CodeOf(b.take(name)) == sallyport.RateLimited }
	for n := range 3 {
		if held("ann") {
			t.Fatalf("try %d is held back", n+1)
		}
	}
	for n, wait := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second} {
		if !held("ann") || held(fmt.Sprint("bob", n)) {
			t.Errorf("after %d tries: not ann alone is held back", n+3)
		}
		now = now.Add(wait - time.Nanosecond)
		if !held("ann") {
			t.Errorf("after %d tries: the wait is shorter than %s", n+3, wait)
		}
		now = now.Add(time.Nanosecond)
		if held("ann") { // is the next try
			t.Errorf("after %d tries: the wait is longer than %s", n+3, wait)
		}
	}
	b.clear("ann")
	if held("ann") {
		t.Error("held back after it was cleared")
	}
	for range 3 {
		_ = b.take("carl")
	}
	if now = now.Add(triesForgotten); held("carl") {
		t.Error("tries are never forgotten")
	}
	for range 10 {
		_ = b.take("dora")
		b.giveBack("dora")
	}
	if held("dora") {
		t.Error("tries that were given back count")
	}
}

// Strangers cannot make it remember without end, and cannot so free a name that waits.
func TestBackOff_bounded(t *testing.T) {
	now := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	b := newBackOff(tries{free: 1, first: time.Hour, most: time.Hour}, func() time.Time { return now })
	for n := range triedMax + 10 {
		_ = b.take(fmt.Sprint("name ", n))
	}
	if len(b.tried) > triedMax {
		t.Errorf("%d names are remembered, want at most %d", len(b.tried), triedMax)
	}
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
