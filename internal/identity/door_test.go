package identity_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/identity"
)

// cheap is a hash that is quickly checked.
func cheap(password string) string {
	salt := []byte("salt of a test")
	return fmt.Sprintf("$argon2id$v=19$m=64,t=1,p=1$%s$%s", base64.RawStdEncoding.EncodeToString(salt),
		base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte(password), salt, 1, 64, 1, 32)))
}

// people is a DoorStore in memory.
type people struct {
	known map[string][]sallyport.Credential
	err   error // of counting tries

	mu    sync.Mutex
	tries map[string]sallyport.Tries
}

func (p *people) Credentials(_ context.Context, email string) ([]sallyport.Credential, int, error) {
	return p.known[email], 2, nil
}

func (p *people) ChangeTries(_ context.Context, name []byte, change func(*sallyport.Tries) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tries[string(name)]
	err := cmp.Or(p.err, change(&t))
	if err == nil {
		p.tries[string(name)] = t
	}
	return err
}

func credential(org sallyport.OrgID, hash string, off time.Time) sallyport.Credential {
	return sallyport.Credential{PasswordHash: hash, Membership: sallyport.Membership{
		Org: org, User: sallyport.User{ID: "ann", Email: "ann@acme.test"}, Role: sallyport.RoleUser, DeactivatedAt: off,
	}}
}

func TestDoor(t *testing.T) {
	t.Parallel()
	now := start
	one, two := cheap("the password of two"), cheap("that of a third")
	store := &people{tries: map[string]sallyport.Tries{}, known: map[string][]sallyport.Credential{"ann@acme.test": {
		credential("a", one, time.Time{}), credential("b", one, time.Time{}), credential("c", two, time.Time{}), credential("d", one, start),
		credential("e", "no hash at all", time.Time{}),
	}}}
	door := identity.NewDoor(store, func() time.Time { return now })
	for name, tt := range map[string]struct {
		email, password string
		want            []sallyport.OrgID
	}{
		"one password of two":    {" Ann@ACME.test", "the password of two", []sallyport.OrgID{"a", "b"}}, // d is off
		"the other":              {"ann@acme.test", "that of a third", []sallyport.OrgID{"c"}},
		"wrong":                  {"ann@acme.test", "no hash at all", nil},
		"nobody":                 {"nobody@acme.test", "the password of two", nil},
		"longer than a password": {"ann@acme.test", string(make([]byte, 5000)), nil},
	} {
		opened, _, err := door.Let(t.Context(), tt.email, tt.password, "192.0.2.7")
		if tt.want == nil {
			if sallyport.CodeOf(err) != sallyport.Unauthorized || err.Error() != "unauthorized: E-mail or password is wrong." {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var orgs []sallyport.OrgID
		for _, c := range opened {
			orgs = append(orgs, c.Org)
		}
		if err != nil || fmt.Sprint(orgs) != fmt.Sprint(tt.want) {
			t.Errorf("%s: opened %v, %v, want %v", name, orgs, err, tt.want)
		}
	}
	// Many at once are as many tries, whatever becomes of them.
	results := make(chan sallyport.Code)
	for range 20 {
		go func() {
			_, _, err := door.Let(t.Context(), "victim@acme.test", "a guess", "198.51.100.1")
			results <- sallyport.CodeOf(err)
		}()
	}
	count := map[sallyport.Code]int{}
	for range 20 {
		count[<-results]++
	}
	if count[sallyport.Unauthorized] > 5 || count[sallyport.RateLimited] < 15 { // fewer are answered when checks wait too long
		t.Errorf("20 guesses at once: %v, want at most 5 answered, and the others held back", count)
	}
}

// The doors of two nodes count together, and where nobody can count nobody is let in.
func TestDoors(t *testing.T) {
	t.Parallel()
	now := start
	store := &people{tries: map[string]sallyport.Tries{}, known: map[string][]sallyport.Credential{
		"ann@acme.test": {credential("a", cheap("the password of ann"), time.Time{})},
	}}
	doors := []*identity.Door{
		identity.NewDoor(store, func() time.Time { return now }), identity.NewDoor(store, func() time.Time { return now }),
	}
	count := map[sallyport.Code]int{}
	for n := range 10 {
		_, _, err := doors[n%2].Let(t.Context(), "ann@acme.test", "a guess", "192.0.2.7")
		count[sallyport.CodeOf(err)]++
	}
	if count[sallyport.Unauthorized] != 5 || count[sallyport.RateLimited] != 5 {
		t.Errorf("10 guesses at two doors: %v, want 5 answered and 5 held back", count)
	}
	now = now.Add(time.Minute)
	if _, _, err := doors[0].Let(t.Context(), "ann@acme.test", "the password of ann", "192.0.2.7"); err != nil {
		t.Errorf("the right one after a while: %v", err)
	}
	store.err = errors.New("the database is away")
	if opened, _, err := doors[0].Let(t.Context(), "ann@acme.test", "the password of ann", "192.0.2.7"); err == nil || len(opened) > 0 {
		t.Errorf("nobody counts: %v, %v", opened, err)
	}
}
