package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/identity"
	"github.com/sallyport-ai/sallyport/internal/secret"
	"github.com/sallyport-ai/sallyport/internal/server"
)

// firstSetup sets up in the browser what has no person yet. Who may is who reads
// what the server printed. The token is made from the instance's keys, so that
// every node knows it and none keeps it; it opens something until there is a person.
type firstSetup struct{ i *instance }

const setupTokenText = "sallyport first set-up"

func (f firstSetup) token(ctx context.Context) (string, error) {
	mac, err := f.i.ring.MAC(ctx, sallyport.InstanceOrg, secret.TokenHash, []byte(setupTokenText))
	return base64.RawURLEncoding.EncodeToString(mac), err
}

// Needed implements server.Setup.
func (f firstSetup) Needed(ctx context.Context) (bool, error) {
	there, err := f.i.db.AnyUser(ctx)
	return !there, err
}

var errNoSetup = sallyport.NewError(sallyport.NotFound, "This link opens nothing: the server prints it when it starts, as long as nobody has set it up.")

// Make implements server.Setup. When it was cut short, the next one goes on with
// the same organisation.
func (f firstSetup) Make(ctx context.Context, in sallyport.FirstSetup) (m sallyport.Membership, err error) {
	mac, err := base64.RawURLEncoding.DecodeString(in.Token)
	if err != nil {
		return m, errNoSetup
	}
	err = f.i.ring.VerifyMAC(ctx, sallyport.InstanceOrg, secret.TokenHash, mac, []byte(setupTokenText))
	if errors.Is(err, secret.ErrMAC) {
		err = errNoSetup
	}
	if err != nil {
		return m, err
	}
	lock, err := f.i.app.lockSetup(ctx)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	needed, err := f.Needed(ctx)
	if err == nil && !needed {
		err = errNoSetup
	}
	if err != nil {
		return m, err
	}
	return f.make(ctx, in)
}

func (f firstSetup) make(ctx context.Context, in sallyport.FirstSetup) (m sallyport.Membership, err error) {
	email, err := identity.CleanEmail(in.Email)
	if err != nil {
		return m, err
	}
	hash, err := identity.HashChosen(sallyport.User{Name: in.Name, Email: email}, in.Password)
	if err != nil {
		return m, err
	}
	here := *f.i
	here.route = server.SetupRoute
	org, err := here.db.AddInstanceValue(ctx, setupOrgValue, []byte(newID()))
	if err != nil {
		return m, err
	}
	if err := here.setUpOrg(ctx, sallyport.OrgID(org), in.Organisation); err != nil {
		return m, err
	}
	if m, err = here.addUser(ctx, sallyport.OrgID(org), email, in.Name, sallyport.RoleAdministrator, hash); err != nil {
		return m, err
	}
	if _, err := here.setUpAgents(ctx, m); err != nil {
		return m, err
	}
	return m, here.setUpDone(ctx, setUpState{OrgID: m.Org, Email: email})
}

// setupWords is what a start without a person prints. The token is behind the #,
// which no browser sends.
const setupWords = `Sallyport is ready at %[1]s

Nobody is here yet. Set it up at

  %[1]s/setup#%[2]s

The link works until somebody has.
`

// greetFirst prints the address and, as long as there is nobody, how to begin.
func (i *instance) greetFirst(ctx context.Context, url string) error {
	f := firstSetup{i}
	needed, err := f.Needed(ctx)
	if err != nil {
		return err
	}
	if !needed {
		return greet(i.app.out, url, setup{})
	}
	token, err := f.token(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(i.app.out, setupWords, url, token)
	return err
}

var _ server.Setup = firstSetup{}
