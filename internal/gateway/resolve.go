package gateway

import (
	"context"
	"errors"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// resolve finds the model that is meant, and whether the organisation has it and
// the caller may use it. It asks for each call, and so for each step of an agent
// whose run goes on for hours: a right that is taken away ends it.
func (g *Gateway) resolve(next Handler) Handler {
	return func(ctx context.Context, call *Call, out llm.Sink) error {
		// Who was let in may be gone by now, or the server be stopping: then it ends
		// here. A client that has left is no such reason.
		var reason *sallyport.Error
		if errors.As(context.Cause(ctx), &reason) {
			return ctx.Err()
		}
		model, err := g.Model(ctx, call.Principal, call.Requested)
		if err != nil {
			return err
		}
		call.candidates = g.candidates(ctx, call, model)
		call.Model = call.candidates[0]
		return next(ctx, call, out)
	}
}

// Model returns a model that the principal may use now; a *sallyport.Error when
// there is none of that name for it.
func (g *Gateway) Model(ctx context.Context, p sallyport.Principal, id string) (sallyport.Model, error) {
	model, err := g.parts.Models.Model(ctx, p.Org, id)
	if err != nil {
		return sallyport.Model{}, err
	}
	caller, err := g.parts.Policies.Caller(ctx, p)
	if err != nil {
		return sallyport.Model{}, err
	}
	return model, mayUse(caller, p, model)
}

func mayUse(caller access.Caller, p sallyport.Principal, model sallyport.Model) error {
	if err := access.Enter(caller, p.Key); err != nil {
		return err
	}
	resource := access.Model(p.Org, model)
	decision := access.Allowed(caller, access.UseModel, resource)
	switch needs := decision.Needs(); {
	case decision.Allowed:
		return nil
	case needs.Organisation:
		return sallyport.NewError(sallyport.ModelAccessDenied, "Your organisation does not allow the model "+model.ID+".")
	default:
		why := ": this needs "
		if from := caller.Thing(access.UseModel, resource).From; from.Scope == access.FromGroup {
			why = ", which your group " + from.Group.Name + " switches off: this needs "
		}
		return sallyport.NewError(sallyport.ModelAccessDenied, "You may not use the model "+model.ID+why+needs.String()+".")
	}
}
