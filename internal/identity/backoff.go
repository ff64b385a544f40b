package identity

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// tries says how much is tried before each try must wait.
type tries struct {
	free  int64         // without a wait
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

// TriesForgotten is when tries do not count any more, after the last one.
const TriesForgotten = time.Hour

// TriesStore counts tries for all nodes; store.DB is the real one.
type TriesStore interface {
	// ChangeTries lets change see and change the tries of a name, as the only one
	// who does. What becomes zero is forgotten; when change fails nothing is changed.
	ChangeTries(ctx context.Context, name []byte, change func(*sallyport.Tries) error) error
}

// backOff holds tries back by name, on all nodes together. What it keeps of a name
// is its hash, for a name may be of any length and anybody's. It is safe for
// concurrent use.
type backOff struct {
	tries
	kind  string // of the names: those of two kinds are never the same
	store TriesStore
	now   func() time.Time
}

func (b *backOff) change(ctx context.Context, name string, change func(*sallyport.Tries) error) error {
	key := sha256.Sum256([]byte(b.kind + "\x00" + name))
	err := b.store.ChangeTries(ctx, key[:], change)
	if err != nil && sallyport.CodeOf(err) != sallyport.RateLimited {
		return fmt.Errorf("count the tries to sign in: %w", err)
	}
	return err
}

// take counts a try; it is sallyport.RateLimited, and not counted, before its time.
func (b *backOff) take(ctx context.Context, name string) error {
	return b.change(ctx, name, func(t *sallyport.Tries) error {
		now := b.now().Truncate(time.Microsecond) // as precise as it is stored
		if now.Sub(t.Last) >= TriesForgotten {
			*t = sallyport.Tries{}
		}
		if wait := t.Until.Sub(now); wait > 0 {
			return tooManyTries(wait)
		}
		t.N, t.Last = t.N+1, now
		t.Until = now.Add(b.wait(t.N))
		return nil
	})
}

// giveBack takes one try back.
func (b *backOff) giveBack(ctx context.Context, name string) error {
	return b.change(ctx, name, func(t *sallyport.Tries) error {
		if t.N <= 1 {
			*t = sallyport.Tries{}
			return nil
		}
		t.N, t.Until = t.N-1, b.now().Truncate(time.Microsecond)
		return nil
	})
}

// clear forgets the tries of a name.
func (b *backOff) clear(ctx context.Context, name string) error {
	return b.change(ctx, name, func(t *sallyport.Tries) error {
		*t = sallyport.Tries{}
		return nil
	})
}

// wait is how long the next try waits after n.
func (t tries) wait(n int64) time.Duration {
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
