package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// lookAgain is when is looked again for who is gone, after a look that failed.
const lookAgain = 250 * time.Millisecond

// MemberStore says who is a member; store.DB is the real one.
type MemberStore interface {
	// Member returns sallyport.NotFound for who is no member.
	Member(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) (sallyport.Membership, error)
}

// Present has the calls that are under way in this process, by who makes them,
// and ends those of who is gone: whose API key was revoked, or who is no active
// member any more. A session that ends takes no call with it, for an answer goes
// on when its reader leaves, and a key whose time is over lets end what was begun
// in it. It is safe for concurrent use. A nil one ends nothing.
type Present struct {
	keys    *Keys
	members MemberStore
	log     *slog.Logger
	changed chan struct{} // has room for one: many changes are one look

	mu    sync.Mutex
	under map[who]map[*underWay]struct{}
}

// who is the part of a principal that decides whether it is gone.
type who struct {
	org  sallyport.OrgID
	user sallyport.UserID
	key  sallyport.KeyID // "": the member itself
}

type underWay struct{ end context.CancelCauseFunc }

// NewPresent returns one without calls.
func NewPresent(keys *Keys, members MemberStore, log *slog.Logger) *Present {
	return &Present{
		keys: keys, members: members, log: log, changed: make(chan struct{}, 1), under: make(map[who]map[*underWay]struct{}),
	}
}

// Enter notes a call of the principal until leave. The context that it returns
// ends with sallyport.Unauthorized as its cause when the principal is gone; it
// has ended already when that came between the principal's being let in and now.
func (p *Present) Enter(ctx context.Context, by sallyport.Principal) (_ context.Context, leave func()) {
	if p == nil || by.User == "" {
		return ctx, func() {}
	}
	w := who{by.Org, by.User, by.Key}
	ctx, end := context.WithCancelCause(ctx)
	call := &underWay{end}
	p.mu.Lock()
	if p.under[w] == nil {
		p.under[w] = make(map[*underWay]struct{})
	}
	p.under[w][call] = struct{}{}
	p.mu.Unlock()
	// After it is noted: a change that this does not see yet finds the call.
	if err := p.here(ctx, w); gone(err) {
		end(err)
	} else if err != nil {
		p.Changed()
	}
	return ctx, func() {
		end(nil)
		p.mu.Lock()
		defer p.mu.Unlock()
		if delete(p.under[w], call); len(p.under[w]) == 0 {
			delete(p.under, w)
		}
	}
}

// Changed says that somebody may be gone. It comes after Keys.Forget, and does
// not wait for the look.
func (p *Present) Changed() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// Watch looks after each change until ctx ends.
func (p *Present) Watch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.changed:
		}
		if err := p.look(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("it cannot be seen whether who makes the calls under way is still here; it is tried again", "error", err)
			p.Changed()
			select {
			case <-ctx.Done():
			case <-time.After(lookAgain):
			}
		}
	}
}

// look ends the calls of who is gone. It goes on with the others when it cannot
// be said of one.
func (p *Present) look(ctx context.Context) error {
	p.mu.Lock()
	all := make([]who, 0, len(p.under))
	for w := range p.under {
		all = append(all, w)
	}
	p.mu.Unlock()
	var failed error
	for _, w := range all {
		err := p.here(ctx, w)
		if gone(err) {
			p.end(w, err)
		} else if err != nil {
			failed = err
		}
	}
	return failed
}

func (p *Present) end(w who, reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for call := range p.under[w] {
		call.end(reason)
	}
}

// errGone is why a call is ended. It does not say which of both, nor who did it.
var errGone = unauthorized("The call was ended: its API key was revoked, or the person is no active member of the organisation any more.")

func gone(err error) bool { return errors.Is(err, errGone) }

// here is nil, errGone, or why that cannot be said.
func (p *Present) here(ctx context.Context, w who) error {
	if w.key != "" {
		switch row, err := p.keys.row(ctx, w.key); {
		case sallyport.CodeOf(err) == sallyport.Unauthorized, err == nil && !row.key.RevokedAt.IsZero():
			return errGone
		default:
			return err
		}
	}
	switch m, err := p.members.Member(ctx, w.org, w.user); {
	case sallyport.CodeOf(err) == sallyport.NotFound, err == nil && !m.Active():
		return errGone
	case err != nil:
		return fmt.Errorf("look up member %s: %w", w.user, err)
	}
	return nil
}
