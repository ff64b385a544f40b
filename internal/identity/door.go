package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport"
)

const (
	// passwordsMax bounds how many passwords of one person are tried: one for each
	// organisation that gave a password of its own.
	passwordsMax = 4
	// checksMax bounds the passwords that are checked at once, each in 64 MiB of memory.
	checksMax = 4
	// checkWaitMax is how long a check waits for the others.
	checkWaitMax = 10 * time.Second
	// PasswordMin is the fewest characters of a password that a person chooses.
	PasswordMin = 12
)

// DoorStore finds people by e-mail and counts tries; store.DB is the real one.
type DoorStore interface {
	TriesStore
	// Credentials returns the person's memberships, the last used first, and the
	// most passwords that anybody here has.
	Credentials(ctx context.Context, email string) (found []sallyport.Credential, passwords int, err error)
}

// Door lets people in who know their password. It is safe for concurrent use.
//
// It tells nobody whether an e-mail belongs to somebody: the answers are the
// same, and so is the work, for as many passwords are checked as the person has
// who has most. Tries are held back by e-mail and by address, by all nodes together.
// When they cannot be counted nobody is let in.
type Door struct {
	store     DoorStore
	slots     chan struct{}
	emails    *backOff
	addresses *backOff
	dummy     func() (string, error)
}

// NewDoor returns the door of one database.
func NewDoor(store DoorStore, now func() time.Time) *Door {
	return &Door{
		store: store, slots: make(chan struct{}, checksMax),
		emails: &backOff{emailTries, "email", store, now}, addresses: &backOff{addressTries, "address", store, now},
		// What is checked for people who are not there.
		dummy: sync.OnceValues(func() (string, error) { return HashPassword(NewPassword()) }),
	}
}

// Let returns the memberships that the e-mail and the password open, the last
// used first; there is at least one. known are all memberships of that e-mail,
// also beside an error, for the trail and never for the caller.
// Wrong ones are sallyport.Unauthorized, too many tries sallyport.RateLimited.
func (d *Door) Let(ctx context.Context, email, password, address string) (opened, known []sallyport.Credential, err error) {
	email = strings.ToLower(strings.TrimSpace(email))
	back, err := d.knock(ctx, email, address)
	if err != nil {
		return nil, nil, err
	}
	known, passwords, err := d.store.Credentials(ctx, email)
	if err != nil {
		return nil, nil, fmt.Errorf("look up who signs in: %w", err)
	}
	right, err := d.try(ctx, known, min(passwords, passwordsMax), password)
	if err != nil {
		return nil, known, err
	}
	for _, c := range known {
		if right[c.PasswordHash] && c.Active() {
			opened = append(opened, c)
		}
	}
	if len(opened) == 0 {
		return nil, known, sallyport.NewError(sallyport.Unauthorized, "E-mail or password is wrong.")
	}
	if err := back(); err != nil {
		return nil, known, err
	}
	return opened, known, nil
}

// Own returns the membership of those, all of one person, that the password
// opens or did before it was switched off: it shows that somebody is the person.
// A wrong password is sallyport.Forbidden.
func (d *Door) Own(ctx context.Context, known []sallyport.Credential, password, address string) (sallyport.Credential, error) {
	back, err := d.knock(ctx, known[0].User.Email, address)
	if err != nil {
		return sallyport.Credential{}, err
	}
	right, err := d.try(ctx, known, 0, password)
	if err != nil {
		return sallyport.Credential{}, err
	}
	for _, c := range known {
		if right[c.PasswordHash] {
			return c, back()
		}
	}
	return sallyport.Credential{}, sallyport.NewError(sallyport.Forbidden, "The password is not that of your account.")
}

// knock counts a try, before it is made: many at once are as many. back takes
// that back.
func (d *Door) knock(ctx context.Context, email, address string) (back func() error, err error) {
	place := network(address)
	if err := d.addresses.take(ctx, place); err != nil {
		return nil, err
	}
	if err := d.emails.take(ctx, email); err != nil {
		return nil, err
	}
	return func() error { return errors.Join(d.emails.clear(ctx, email), d.addresses.giveBack(ctx, place)) }, nil
}

// try says of every different hash whether the password is that of it, with as
// many checks more as make it checks in all.
func (d *Door) try(ctx context.Context, known []sallyport.Credential, checks int, password string) (map[string]bool, error) {
	dummy, err := d.dummy()
	if err != nil {
		return nil, err
	}
	right := make(map[string]bool)
	for _, c := range known {
		if _, tried := right[c.PasswordHash]; tried || len(right) == passwordsMax {
			continue
		}
		ok, err := d.check(ctx, c.PasswordHash, password)
		if errors.Is(err, errPHC) { // opens nothing, and took no time
			ok, err = false, nil
			checks++
		}
		checks--
		if err != nil {
			return nil, err
		}
		right[c.PasswordHash] = ok
	}
	for ; checks > 0; checks-- {
		if _, err := d.check(ctx, dummy, password); err != nil {
			return nil, err
		}
	}
	return right, nil
}

// Check says whether the password is that of hash, and holds tries back by who.
func (d *Door) Check(ctx context.Context, who sallyport.UserID, hash, password string) error {
	name := "user/" + string(who) // no e-mail address
	if err := d.emails.take(ctx, name); err != nil {
		return err
	}
	ok, err := d.check(ctx, hash, password)
	if err == nil && !ok {
		err = sallyport.NewError(sallyport.Forbidden, "The present password is wrong.")
	}
	if err == nil {
		err = d.emails.clear(ctx, name)
	}
	return err
}

// check is CheckPassword when its turn comes.
func (d *Door) check(ctx context.Context, hash, password string) (bool, error) {
	late := time.NewTimer(checkWaitMax)
	defer late.Stop()
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
		return CheckPassword(hash, password)
	case <-ctx.Done():
		return false, ctx.Err()
	case <-late.C:
		return false, tooManyTries(checkWaitMax)
	}
}

// CheckChosen says whether a person may choose the password.
func CheckChosen(password, email string) error {
	switch {
	case utf8.RuneCountInString(password) < PasswordMin:
		return sallyport.NewError(sallyport.InvalidBody, fmt.Sprintf("A password has at least %d characters.", PasswordMin))
	case len(password) > passwordMax:
		return sallyport.NewError(sallyport.InvalidBody, fmt.Sprintf("A password has at most %d bytes.", passwordMax))
	case strings.EqualFold(password, email):
		return sallyport.NewError(sallyport.InvalidBody, "The e-mail address is no password.")
	}
	return nil
}
