package agent

import (
	"context"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
)

// Rights of agents and runs. Who calls has passed the guard of its surface for
// the action; here it is asked for the one agent or run that it means.

// allowed is nil, or sallyport.Forbidden with the reason.
func (a *Agents) allowed(ctx context.Context, p sallyport.Principal, action string, r access.Resource) error {
	caller, err := a.o.Caller(ctx, p)
	if err != nil {
		return err
	}
	return access.Allowed(caller, action, r).Err()
}

// Resource is the agent as rights see it.
func Resource(a sallyport.Agent) access.Resource {
	r := access.Resource{Org: a.Org, Owner: a.Owner}
	if a.Shared {
		r.Sharing = access.ShareView
	}
	return r
}

func runResource(r sallyport.Run) access.Resource { return access.Resource{Org: r.Org, Owner: r.User} }

// hidden makes NotFound of Forbidden: what somebody may not see does not exist
// for them.
func hidden(err error, what string) error {
	if sallyport.CodeOf(err) == sallyport.Forbidden {
		return sallyport.NewError(sallyport.NotFound, "there is no such "+what)
	}
	return err
}

// viewer is for filters: who sees only some of the organisation's agents or runs.
// It is empty for those who may do the action to a thing that is somebody else's
// and not shared.
func (a *Agents) viewer(ctx context.Context, p sallyport.Principal, action string) (sallyport.UserID, error) {
	err := a.allowed(ctx, p, action, access.Resource{Org: p.Org})
	if sallyport.CodeOf(err) == sallyport.Forbidden {
		return p.User, nil
	}
	return "", err
}
