package identity_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/identity"
	"github.com/sallyport-ai/sallyport/internal/secret/secrettest"
)

// rows is an identity.KeyStore in memory.
type rows struct {
	mu    sync.Mutex
	keys  map[sallyport.KeyID]sallyport.Key
	reads int
	err   error

	groups    []sallyport.Group // of everybody
	groupsErr error
	// onRead runs after a row was read and before it is returned.
	onRead func()
	rec    sallyport.Record
}

func (s *rows) Key(_ context.Context, id sallyport.KeyID) (sallyport.Key, sallyport.Role, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.err != nil {
		return sallyport.Key{}, "", s.err
	}
	key, ok := s.keys[id]
	if !ok {
		return sallyport.Key{}, "", sallyport.NewError(sallyport.NotFound, "no such key")
	}
	if s.onRead != nil {
		s.onRead()
	}
	return key, sallyport.RoleAdministrator, nil
}

func (s *rows) MemberGroups(context.Context, sallyport.OrgID, sallyport.UserID) ([]sallyport.Group, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.groups, s.groupsErr
}

func (s *rows) CreateKey(_ context.Context, key sallyport.Key, _ sallyport.KeyBounds, rec sallyport.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[key.ID], s.rec = key, rec
	return nil
}

func (s *rows) NoteKeyUse(_ context.Context, used map[sallyport.KeyID]time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	for id, at := range used {
		key := s.keys[id]
		key.UsedAt = at
		s.keys[id] = key
	}
	return nil
}

func (s *rows) change(id sallyport.KeyID, f func(*sallyport.Key)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.keys[id]
	f(&key)
	s.keys[id] = key
}

var start = time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)

type fixture struct {
	*rows
	keys  *identity.Keys
	now   time.Time
	key   sallyport.Key
	plain string
}

func setUp(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{rows: &rows{keys: map[sallyport.KeyID]sallyport.Key{}}, now: start}
	f.keys = identity.NewKeys(f.rows, secrettest.NewRing(t), func() time.Time { return f.now })
	var err error
	f.key, f.plain, err = f.keys.Create(t.Context(), "org", "ann", "laptop", start.Add(time.Hour), sallyport.Record{Action: "keys.create"})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) wantCode(t *testing.T, plain string, want sallyport.Code) {
	t.Helper()
	if _, err := f.keys.Authenticate(t.Context(), plain); sallyport.CodeOf(err) != want {
		t.Errorf("Authenticate = %v, want code %q", err, want)
	}
}

func TestCreate(t *testing.T) {
	f := setUp(t)
	if !strings.HasPrefix(f.plain, identity.KeyPrefix+string(f.key.ID)+"-") || len(f.plain) != 63 {
		t.Errorf("key %q of %d characters does not have the form sp-<id>-<secret> of 63", f.plain, len(f.plain))
	}
	stored := f.rows.keys[f.key.ID]
	if strings.Contains(string(stored.Hash), f.plain) || strings.Contains(stored.Prefix, f.plain[20:]) {
		t.Error("the stored row holds the secret")
	}
	if !strings.HasPrefix(f.plain, stored.Prefix) || len(stored.Prefix) != 11 {
		t.Errorf("prefix %q does not begin the key", stored.Prefix)
	}
	if got, want := f.rec.Resource, "key/"+string(f.key.ID); got != want || f.rec.Action != "keys.create" {
		t.Errorf("record of %q %q, want keys.create %q", f.rec.Action, got, want)
	}
	if f.key.CreatedAt != start || f.key.ExpiresAt != start.Add(time.Hour) || f.key.Name != "laptop" || f.key.User != "ann" {
		t.Errorf("key is %+v", f.key)
	}
}

func TestAuthenticate(t *testing.T) {
	t.Run("OK", func(t *testing.T) {
		f := setUp(t)
		f.groups = []sallyport.Group{{ID: "red"}, {ID: "blue"}}
		got, err := f.keys.Authenticate(t.Context(), f.plain)
		want := sallyport.Principal{
			Org: "org", User: "ann", Role: sallyport.RoleAdministrator, Groups: f.groups, Key: f.key.ID, KeyPrefix: f.key.Prefix,
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	})
	t.Run("a known caller needs no database", func(t *testing.T) {
		f := setUp(t)
		f.wantCode(t, f.plain, "")
		f.err = errors.New("database is away")
		f.wantCode(t, f.plain, "")
		if f.reads != 1 {
			t.Errorf("%d reads, want 1", f.reads)
		}
	})
	t.Run("bad keys", func(t *testing.T) {
		f := setUp(t)
		last := byte('A')
		if f.plain[62] == last {
			last = 'E'
		}
		for name, plain := range map[string]string{
			"empty":         "",
			"prefix alone":  "sp-",
			"too short":     f.plain[:62],
			"too long":      f.plain + "A",
			"other scheme":  "sk-" + f.plain[3:],
			"no dash":       f.plain[:19] + "x" + f.plain[20:],
			"strange id":    "sp-" + strings.Repeat("!", 16) + f.plain[19:],
			"unknown id":    "sp-" + strings.Repeat("a", 16) + f.plain[19:],
			"wrong secret":  f.plain[:20] + strings.Repeat("x", 43),
			"one character": f.plain[:62] + string(last),
			"upper-case id": "sp-" + strings.ToUpper(f.plain[3:19]) + f.plain[19:],
		} {
			if _, err := f.keys.Authenticate(t.Context(), plain); sallyport.CodeOf(err) != sallyport.Unauthorized {
				t.Errorf("%s: %v, want unauthorized", name, err)
			} else if len(plain) > 20 && strings.Contains(err.Error(), plain[20:]) {
				t.Errorf("%s: the message quotes the key", name)
			}
		}
	})
	t.Run("failures are not kept", func(t *testing.T) {
		f := setUp(t)
		stored := f.rows.keys[f.key.ID]
		delete(f.rows.keys, f.key.ID)
		f.wantCode(t, f.plain, sallyport.Unauthorized)
		f.rows.keys[f.key.ID] = stored
		f.wantCode(t, f.plain, "")
	})
	t.Run("a store that fails lets nobody in and blames nobody", func(t *testing.T) {
		f := setUp(t)
		f.err = errors.New("database is away")
		f.wantCode(t, f.plain, sallyport.Internal)
		f.err, f.groupsErr = nil, errors.New("groups are away") // whose limits nobody knows
		f.wantCode(t, f.plain, sallyport.Internal)
		f.groupsErr = nil
		f.wantCode(t, f.plain, "")
	})
	t.Run("expired, also when kept", func(t *testing.T) {
		f := setUp(t)
		f.wantCode(t, f.plain, "")
		f.now = start.Add(time.Hour)
		f.wantCode(t, f.plain, sallyport.Unauthorized)
	})
}

func TestForget(t *testing.T) {
	revoke := func(f *fixture) {
		f.change(f.key.ID, func(k *sallyport.Key) { k.RevokedAt = f.now })
	}
	t.Run("a revoked key is out after it", func(t *testing.T) {
		f := setUp(t)
		f.wantCode(t, f.plain, "")
		revoke(f)
		f.keys.Forget()
		f.wantCode(t, f.plain, sallyport.Unauthorized)
	})
	t.Run("the groups are those of now after it", func(t *testing.T) {
		f := setUp(t)
		for _, groups := range [][]sallyport.Group{{{ID: "red"}}, {{ID: "red"}, {ID: "blue"}}, nil} {
			f.groups = groups
			f.keys.Forget()
			if p, err := f.keys.Authenticate(t.Context(), f.plain); err != nil || !reflect.DeepEqual(p.Groups, groups) {
				t.Errorf("got %+v, %v, want the groups %+v", p, err, groups)
			}
		}
	})
	t.Run("a row read before it is not kept after it", func(t *testing.T) {
		f := setUp(t)
		f.onRead = func() { f.keys.Forget() }
		f.wantCode(t, f.plain, "")
		f.onRead = nil
		revoke(f)
		f.wantCode(t, f.plain, sallyport.Unauthorized)
	})
}

func TestPrincipal(t *testing.T) {
	f := setUp(t)
	if got, err := f.keys.Principal(t.Context(), "org", f.key.ID); err != nil || got.User != "ann" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := f.keys.Principal(t.Context(), "other", f.key.ID); sallyport.CodeOf(err) != sallyport.Unauthorized {
		t.Errorf("another organisation's key: %v, want unauthorized", err)
	}
	f.change(f.key.ID, func(k *sallyport.Key) { k.RevokedAt = f.now })
	f.keys.Forget()
	if _, err := f.keys.Principal(t.Context(), "org", f.key.ID); sallyport.CodeOf(err) != sallyport.Unauthorized {
		t.Errorf("a revoked key: %v, want unauthorized", err)
	}
}

func FuzzAuthenticate(f *testing.F) {
	ring := secrettest.NewRing(f)
	keys := identity.NewKeys(&rows{keys: map[sallyport.KeyID]sallyport.Key{}}, ring, func() time.Time { return start })
	f.Add("sp-aaaaaaaaaaaaaaaa-" + strings.Repeat("A", 43))
	f.Add("sp-")
	f.Fuzz(func(t *testing.T, plain string) {
		if _, err := keys.Authenticate(t.Context(), plain); sallyport.CodeOf(err) != sallyport.Unauthorized {
			t.Errorf("%q: %v", plain, err)
		}
	})
}

// Uses are remembered until they are written down; what could not be written is
// written the next time, and a key that was not let in was not used.
func TestWriteUse(t *testing.T) {
	f := setUp(t)
	used := func() time.Time { return f.rows.keys[f.key.ID].UsedAt }
	f.wantCode(t, f.plain[:len(f.plain)-1]+"x", sallyport.Unauthorized)
	write := func(want error) {
		t.Helper()
		if err := f.keys.WriteUse(t.Context()); !errors.Is(err, want) {
			t.Errorf("WriteUse: got %v, want %v", err, want)
		}
	}
	write(nil)
	if !used().IsZero() {
		t.Errorf("a key that was refused was used at %v", used())
	}
	f.wantCode(t, f.plain, "")
	f.rows.err = errors.New("the disk is full")
	write(f.rows.err)
	f.rows.err = nil
	write(nil)
	if !used().Equal(f.now) {
		t.Errorf("used at %v, want %v", used(), f.now)
	}
}
