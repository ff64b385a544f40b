package identity

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// tries says how much is tried before each try must wait.
type tries struct {
	free  int           // without a wait
	first time.Duration // the wait after those, which doubles
	most  time.Duration
}

// How sign-ins are held back. A person's tries never wait longer than a minute,
// so that nobody can lock somebody else out; that is 1,440 guesses a day. An
// address may be that of a whole office.
var (
	emailTries   = tries{free: 5, first: time.Second, most: time.Minute}
	addressTries = tries{free: 50, first: time.Second, most: 15 * time.Minute}
)

const (
	// triesForgotten is when tries do not count any more, after the last one.
	triesForgotten = time.Hour
	// triedMax bounds whose tries are remembered; past it those go whose wait is over.
	triedMax = 50_000
)

// backOff holds tries back by name. It is safe for concurrent use.
type backOff struct {
	tries
	now func() time.Time

	mu    sync.Mutex
	tried map[[sha256.Size]byte]tried // by the hash of the name, which may be of any length
}

type tried struct {
	n     int
	last  time.Time
	until time.Time // no try before
}

func newBackOff(t tries, now func() time.Time) *backOff {
	return &backOff{tries: t, now: now, tried: make(map[[sha256.Size]byte]tried)}
}

// take counts a try; it is sallyport.RateLimited, and not counted, before its time.
func (b *backOff) take(name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	key, now := sha256.Sum256([]byte(name)), b.now()
	t := b.tried[key]
	if now.Sub(t.last) >= triesForgotten {
		t = tried{}
	}
	if wait := t.until.Sub(now); wait > 0 {
		return tooManyTries(wait)
	}
	t.n, t.last = t.n+1, now
	t.until = now.Add(b.wait(t.n))
	if _, there := b.tried[key]; !there {
		b.room(now)
	}
	b.tried[key] = t
	return nil
}

// wait is how long the next try waits after n.
func (t tries) wait(n int) time.Duration {
	if n < t.free {
		return 0
	}
	wait := t.first
	for range n - t.free {
		if wait *= 2; wait >= t.most {
			return t.most
		}
	}
	return wait
}

// room makes room for one more.
func (b *backOff) room(now time.Time) {
	if len(b.tried) < triedMax {
		return
	}
	for key, t := range b.tried {
		if !t.until.After(now) {
			delete(b.tried, key)
		}
	}
	for key := range b.tried { // all wait: any of them
		if len(b.tried) < triedMax {
			return
		}
		delete(b.tried, key)
	}
}

// giveBack takes one try back.
func (b *backOff) giveBack(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := sha256.Sum256([]byte(name))
	if t, there := b.tried[key]; there {
		t.n, t.until = max(t.n-1, 0), b.now()
		b.tried[key] = t
	}
}

// clear forgets the tries of a name.
func (b *backOff) clear(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.tried, sha256.Sum256([]byte(name)))
}

func tooManyTries(wait time.Duration) error {
	err := sallyport.NewError(sallyport.RateLimited, "Too many tries. Wait and try again.")
	err.RetryAfter = wait
	return err
}

// network is what tries from an address count for: of IPv6 the part that one
// customer has.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
