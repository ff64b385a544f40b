package identity_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/identity"
)

// membership is a MemberStore of one person.
type membership struct {
	mu  sync.Mutex
	m   sallyport.Membership
	err error
}

func (s *membership) Member(context.Context, sallyport.OrgID, sallyport.UserID) (sallyport.Membership, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m, s.err
}

func (s *membership) set(off time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m.DeactivatedAt, s.err = off, err
}

func TestPresent(t *testing.T) {
	byKey := func(f *fixture) sallyport.Principal {
		return sallyport.Principal{Org: "org", User: "ann", Key: f.key.ID}
	}
	itself := func(*fixture) sallyport.Principal {
		return sallyport.Principal{Org: "org", User: "ann", Session: "a session"}
	}
	for _, tt := range []struct {
		name string
		who  func(*fixture) sallyport.Principal
		does func(*fixture, *membership)
		ends bool
	}{
		{"a key that is revoked", byKey, func(f *fixture, _ *membership) {
			f.change(f.key.ID, func(k *sallyport.Key) { k.RevokedAt = start })
		}, true},
		{"a key whose owner is gone", byKey, func(f *fixture, _ *membership) { delete(f.rows.keys, f.key.ID) }, true},
		{"a key whose time is over", byKey, func(f *fixture, _ *membership) { f.now = start.Add(2 * time.Hour) }, false},
		{"a member who is deactivated", itself, func(_ *fixture, m *membership) { m.set(start, nil) }, true},
		{"who is no member any more", itself, func(_ *fixture, m *membership) {
			m.set(time.Time{}, sallyport.NewError(sallyport.NotFound, "no such member"))
		}, true},
		{"nothing that concerns them", itself, func(*fixture, *membership) {}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, m := setUp(t), &membership{}
				p := identity.NewPresent(f.keys, m, slog.New(slog.DiscardHandler))
				watched(t, p)
				call, leave := p.Enter(t.Context(), tt.who(f))
				defer leave()
				tt.does(f, m)
				synctest.Wait()
				if call.Err() != nil {
					t.Fatal("the call ended before anybody told of the change")
				}
				f.keys.Forget()
				p.Changed()
				synctest.Wait()
				wantEnded(t, "the call under way", call, tt.ends)
				late, leaveLate := p.Enter(t.Context(), tt.who(f))
				defer leaveLate()
				wantEnded(t, "a call that was let in before and comes after", late, tt.ends)
			})
		})
	}
}

// While it cannot be said who is gone calls go on, and it is asked again.
func TestPresent_unknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, m := setUp(t), &membership{}
		p := identity.NewPresent(f.keys, m, slog.New(slog.DiscardHandler))
		watched(t, p)
		call, leave := p.Enter(t.Context(), sallyport.Principal{Org: "org", User: "ann"})
		defer leave()
		m.set(time.Time{}, errors.New("the database is away"))
		p.Changed()
		synctest.Wait()
		wantEnded(t, "while nobody knows", call, false)
		m.set(start, nil)
		<-call.Done() // the clock of the test goes on by itself
		wantEnded(t, "when it is known", call, true)
	})
}

// Who is here on one node is not asked for by those who have left.
func TestPresent_left(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := setUp(t)
		p := identity.NewPresent(f.keys, &membership{}, slog.New(slog.DiscardHandler))
		watched(t, p)
		_, leave := p.Enter(t.Context(), sallyport.Principal{Org: "org", User: "ann", Key: f.key.ID})
		leave()
		leave()
		f.keys.Forget()
		reads := f.reads
		p.Changed()
		synctest.Wait()
		if f.reads != reads {
			t.Error("a key was read whose call has ended")
		}
	})
}

func watched(t *testing.T, p *identity.Present) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	watch.Go(func() { p.Watch(ctx) })
	t.Cleanup(func() {
		cancel()
		watch.Wait()
	})
}

func wantEnded(t *testing.T, what string, call context.Context, want bool) {
	t.Helper()
	ended := sallyport.CodeOf(context.Cause(call)) == sallyport.Unauthorized
	if ended != want || (call.Err() != nil) != want {
		t.Errorf("%s: ended with %v, want ended: %v", what, context.Cause(call), want)
	}
}
