// Package identity knows who calls: API keys, sessions of people who signed in,
// and passwords.
//
// An API key is "sp-", a public id, "-" and 32 random bytes. The id finds the
// row; the row holds a keyed hash of the whole key (secret.APIKeyHash of its
// organisation), never the key. The plain key is returned once, when it is made.
//
// Rows that were read are kept in memory, so that a call needs no database to
// know its caller; failures are never kept. Forget drops the rows: the server
// calls it when it sees that anything was changed, by whatever process, so a
// revoked key stops working within the time between two looks. A row that was
// being read during Forget is used for the call at hand, but not kept.
package identity

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// KeyPrefix begins every API key, so that people and scanners recognise one.
const KeyPrefix = "sp-"

// The form of a key: KeyPrefix, idChars of base32, "-", secretChars of base64url.
// The second part may hold a "-" itself, so keys are read by length.
const (
	idBytes     = 10
	idChars     = 16
	secretBytes = 32
	secretChars = 43
	keyChars    = len(KeyPrefix) + idChars + 1 + secretChars
	// shownChars is how much of a key is safe to show: KeyPrefix and half of the public id.
	shownChars = len(KeyPrefix) + 8
)

var idEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// KeyStore keeps API keys; store.DB is the real one. Its methods are safe for concurrent use.
type KeyStore interface {
	// Key returns the key, revoked and expired ones too, and the role of the
	// membership it acts as; sallyport.NotFound for an unknown id. It takes no
	// organisation: it is how the caller's is found.
	Key(ctx context.Context, id sallyport.KeyID) (sallyport.Key, sallyport.Role, error)
	// MemberGroups returns the groups of a membership, by id.
	MemberGroups(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) ([]sallyport.Group, error)
	// CreateKey adds the key with what binds it and appends rec to the
	// organisation's trail, in one transaction.
	CreateKey(ctx context.Context, key sallyport.Key, bounds sallyport.KeyBounds, rec sallyport.Record) error
	// NoteKeyUse remembers when keys were last used.
	NoteKeyUse(ctx context.Context, used map[sallyport.KeyID]time.Time) error
}

// Keys makes and checks API keys. It is safe for concurrent use.
type Keys struct {
	store KeyStore
	ring  *secret.Ring
	now   func() time.Time

	rows cache[sallyport.KeyID, keyRow]
	// groups spare the keys of one member all reads but the first.
	groups cache[member, []sallyport.Group]
	used   use
}

type member struct {
	org  sallyport.OrgID
	user sallyport.UserID
}

type keyRow struct {
	key    sallyport.Key
	role   sallyport.Role
	groups []sallyport.Group // shared by all who ask: nobody changes it
}

// NewKeys returns the keys of one database.
func NewKeys(store KeyStore, ring *secret.Ring, now func() time.Time) *Keys {
	return &Keys{store: store, ring: ring, now: now}
}

// Create makes a key that acts as the membership of user in org and returns it
// with its plain text, which is kept nowhere. The zero time means that it does
// not expire. rec tells of it in the trail; its Resource is set to the key.
func (k *Keys) Create(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, name string, expires time.Time, rec sallyport.Record) (sallyport.Key, string, error) {
	return k.CreateBound(ctx, org, user, name, expires, sallyport.KeyBounds{}, rec)
}

// CreateBound is Create for a key with limits and budgets of its own.
func (k *Keys) CreateBound(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, name string, expires time.Time,
	bounds sallyport.KeyBounds, rec sallyport.Record) (sallyport.Key, string, error) {
	id, plain, hash, err := newToken(ctx, k.ring, org, secret.APIKeyHash, KeyPrefix)
	if err != nil {
		return sallyport.Key{}, "", err
	}
	key := sallyport.Key{
		ID: sallyport.KeyID(id), Org: org, User: user, Name: name, Prefix: plain[:shownChars], Hash: hash,
		CreatedAt: k.now().UTC().Truncate(time.Microsecond), ExpiresAt: expires, // as precise as it is stored
	}
	rec.Resource = "key/" + id
	if err := k.store.CreateKey(ctx, key, bounds, rec); err != nil {
		return sallyport.Key{}, "", err
	}
	return key, plain, nil
}

// Authenticate returns who calls with that key. A key that is malformed,
// unknown, wrong, expired or revoked is sallyport.Unauthorized; when the store
// cannot say, that is another error, and nobody is let in.
func (k *Keys) Authenticate(ctx context.Context, plain string) (sallyport.Principal, error) {
	id, ok := keyID(plain)
	if !ok {
		return sallyport.Principal{}, unauthorized("That is not an API key of this server.")
	}
	row, err := k.row(ctx, id)
	if err != nil {
		return sallyport.Principal{}, err
	}
	err = k.ring.VerifyMAC(ctx, row.key.Org, secret.APIKeyHash, row.key.Hash, []byte(plain))
	if errors.Is(err, secret.ErrMAC) {
		// The answer is the same as for an unknown id, and so tells nothing.
		return sallyport.Principal{}, unauthorized(unknownKey)
	}
	if err != nil {
		return sallyport.Principal{}, fmt.Errorf("check API key %s: %w", id, err)
	}
	p, err := k.principal(row)
	if err == nil {
		k.used.note(id, k.now())
	}
	return p, err
}

// Principal returns who the key acts as, for work that goes on after its call:
// the key must still be usable, and belong to org.
func (k *Keys) Principal(ctx context.Context, org sallyport.OrgID, id sallyport.KeyID) (sallyport.Principal, error) {
	row, err := k.row(ctx, id)
	if err != nil {
		return sallyport.Principal{}, err
	}
	if row.key.Org != org {
		return sallyport.Principal{}, unauthorized(unknownKey)
	}
	return k.principal(row)
}

// Forget drops the kept rows, so that the next use of a key reads it again.
func (k *Keys) Forget() {
	k.groups.forget() // first: a row that is kept from now on does not have groups of before
	k.rows.forget()
}

const unknownKey = "The API key is not known here."

func unauthorized(message string) error {
	return sallyport.NewError(sallyport.Unauthorized, message)
}

func (k *Keys) principal(row keyRow) (sallyport.Principal, error) {
	if !row.key.RevokedAt.IsZero() {
		return sallyport.Principal{}, unauthorized("The API key was revoked.")
	}
	if !row.key.UsableAt(k.now()) {
		return sallyport.Principal{}, unauthorized("The API key has expired.")
	}
	return sallyport.Principal{
		Org: row.key.Org, User: row.key.User, Role: row.role, Groups: row.groups,
		Key: row.key.ID, KeyPrefix: row.key.Prefix,
	}, nil
}

// row returns the key's row, from memory if it is there.
func (k *Keys) row(ctx context.Context, id sallyport.KeyID) (keyRow, error) {
	return k.rows.get(id, func() (keyRow, error) {
		key, role, err := k.store.Key(ctx, id)
		if sallyport.CodeOf(err) == sallyport.NotFound {
			return keyRow{}, unauthorized(unknownKey)
		}
		if err != nil {
			return keyRow{}, fmt.Errorf("look up API key %s: %w", id, err)
		}
		groups, err := k.groups.get(member{key.Org, key.User}, func() ([]sallyport.Group, error) {
			return k.store.MemberGroups(ctx, key.Org, key.User)
		})
		if err != nil {
			return keyRow{}, fmt.Errorf("look up the groups of API key %s: %w", id, err)
		}
		return keyRow{key: key, role: role, groups: groups}, nil
	})
}

// keyID returns the public id of a key that has the right form.
func keyID(plain string) (sallyport.KeyID, bool) {
	if len(plain) != keyChars || !strings.HasPrefix(plain, KeyPrefix) {
		return "", false
	}
	id, rest := plain[len(KeyPrefix):len(KeyPrefix)+idChars], plain[len(KeyPrefix)+idChars:]
	if _, err := idEncoding.DecodeString(id); err != nil || rest[0] != '-' {
		return "", false
	}
	return sallyport.KeyID(strings.Clone(id)), true // plain is the caller's; do not keep it alive
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails: the program would be ended
	return b
}
