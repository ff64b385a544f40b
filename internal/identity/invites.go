package identity

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// InviteStore keeps invitations; store.DB is the real one.
type InviteStore interface {
	DoorStore
	CreateInvite(ctx context.Context, i sallyport.Invite, rec sallyport.Record) error
	// Invite returns sallyport.NotFound for one that was accepted or taken back.
	// It takes no organisation: who holds the link is about to be told which.
	Invite(ctx context.Context, id sallyport.InviteID) (sallyport.Invite, error)
	AcceptInvite(ctx context.Context, i sallyport.Invite, m sallyport.Membership, passwordHash string, rec sallyport.Record) error
}

// Invites makes and accepts invitations. It is safe for concurrent use.
//
// The link of an invitation is as good as the membership: it is shown once, to
// who invites, works once, and stops by itself. Who has an account already must
// show its password, so that a link alone gives nobody somebody else's account.
type Invites struct {
	store InviteStore
	ring  *secret.Ring
	door  *Door
	now   func() time.Time
}

// NewInvites returns the invitations of one database.
func NewInvites(store InviteStore, ring *secret.Ring, door *Door, now func() time.Time) *Invites {
	return &Invites{store: store, ring: ring, door: door, now: now}
}

// Make adds the invitation i, of which Org, Email, Role, Groups and By are set,
// and returns it with its token, which is kept nowhere.
func (v *Invites) Make(ctx context.Context, i sallyport.Invite, rec func(sallyport.InviteID) sallyport.Record) (sallyport.Invite, string, error) {
	if !i.Role.Valid() || len(i.Groups) > sallyport.InviteGroupsMax {
		return i, "", sallyport.NewError(sallyport.InvalidBody,
			fmt.Sprintf("An invitation needs a role, and at most %d groups.", sallyport.InviteGroupsMax))
	}
	email, err := CleanEmail(i.Email)
	if err != nil {
		return i, "", err
	}
	id, token, hash, err := newToken(ctx, v.ring, i.Org, secret.TokenHash, "")
	if err != nil {
		return i, "", err
	}
	now := v.now().UTC().Truncate(time.Microsecond)
	i.ID, i.Email, i.Hash, i.CreatedAt, i.ExpiresAt = sallyport.InviteID(id), email, hash, now, now.Add(sallyport.InviteLifeMax)
	return i, token, v.store.CreateInvite(ctx, i, rec(i.ID))
}

// Look returns the invitation of a token, and whether its person has an account
// here already. A token that opens nothing, for whatever reason, is
// sallyport.NotFound; too many of them from one address are RateLimited.
func (v *Invites) Look(ctx context.Context, token, address string) (i sallyport.Invite, known []sallyport.Credential, err error) {
	place := network(address)
	if err := v.door.addresses.take(ctx, place); err != nil {
		return i, nil, err
	}
	if i, err = v.find(ctx, token); err != nil {
		return sallyport.Invite{}, nil, err
	}
	if err := v.door.addresses.giveBack(ctx, place); err != nil {
		return sallyport.Invite{}, nil, err
	}
	known, _, err = v.store.Credentials(ctx, i.Email)
	return i, known, err
}

func (v *Invites) find(ctx context.Context, token string) (sallyport.Invite, error) {
	id, ok := tokenID(token)
	if !ok {
		return sallyport.Invite{}, errNoInvite
	}
	i, err := v.store.Invite(ctx, sallyport.InviteID(id))
	if sallyport.CodeOf(err) == sallyport.NotFound {
		return i, errNoInvite
	}
	if err != nil {
		return i, fmt.Errorf("look up an invitation: %w", err)
	}
	err = v.ring.VerifyMAC(ctx, i.Org, secret.TokenHash, i.Hash, []byte(token))
	if errors.Is(err, secret.ErrMAC) || err == nil && !i.LiveAt(v.now()) {
		err = errNoInvite
	}
	return i, err
}

var errNoInvite = sallyport.NewError(sallyport.NotFound, "This link opens nothing (any more). Ask who sent it for another.")

// Accept makes the person of the token a member. Who has an account gives its
// password, anybody else a name and a new password. rec makes the record.
func (v *Invites) Accept(ctx context.Context, token, name, password, address string,
	rec func(sallyport.Invite, sallyport.UserID) sallyport.Record) (sallyport.Membership, error) {
	i, known, err := v.Look(ctx, token, address)
	if err != nil {
		return sallyport.Membership{}, err
	}
	now := v.now().UTC().Truncate(time.Microsecond)
	m := sallyport.Membership{Org: i.Org, Role: i.Role, CreatedAt: now}
	var hash string
	if len(known) > 0 {
		own, err := v.door.Own(ctx, known, password, address)
		if err != nil {
			return m, err
		}
		m.User, hash = own.User, own.PasswordHash // equal hashes: one password opens both
	} else {
		m.User = sallyport.User{ID: sallyport.UserID(uuid.Must(uuid.NewV7()).String()), Email: i.Email, Name: strings.TrimSpace(name), CreatedAt: now}
		if hash, err = HashChosen(m.User, password); err != nil {
			return m, err
		}
	}
	err = v.store.AcceptInvite(ctx, i, m, hash, rec(i, m.User.ID))
	if sallyport.CodeOf(err) == sallyport.NotFound { // accepted a moment ago
		err = errNoInvite
	}
	return m, err
}

// HashChosen checks what a new person gives, and hashes the password.
func HashChosen(u sallyport.User, password string) (string, error) {
	if err := CheckName(u.Name); err != nil {
		return "", err
	}
	if err := CheckChosen(password, u.Email); err != nil {
		return "", err
	}
	return HashPassword(password)
}

// nameMax bounds a person's name, in characters.
const nameMax = 100

// CheckName wants a name that can stand in a line.
func CheckName(name string) error {
	n := utf8.RuneCountInString(name)
	if n == 0 || n > nameMax || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return sallyport.NewError(sallyport.InvalidBody, fmt.Sprintf("A name has 1 to %d characters and no control characters.", nameMax))
	}
	return nil
}

// emailMax bounds an e-mail address, in bytes.
const emailMax = 320

// CleanEmail returns the address as it is kept.
func CleanEmail(s string) (string, error) {
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Address != s || len(s) > emailMax || strings.ContainsFunc(s, unicode.IsControl) {
		return "", sallyport.NewError(sallyport.InvalidBody, "This is not an e-mail address such as ann@example.com.")
	}
	return strings.ToLower(s), nil
}
