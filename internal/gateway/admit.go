package gateway

import (
	"context"
	"fmt"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// admit prices the call at the most it can use, and makes intent and hold
// durable in one entry. When the balance or a budget does not cover the hold,
// the same entry is the refusal. A crash right after leaves an open intent that holds
// credits; recovery settles it.
func (g *Gateway) admit(next Handler) Handler {
	return func(ctx context.Context, call *Call, out llm.Sink) error {
		if call.Model.Price.Version == "" {
			return errNoPrice // nothing may be given away because its price is not known
		}
		hold, err := call.Model.Price.Cost(call.bound)
		if err != nil {
			return sallyport.WrapError(sallyport.InvalidBody, "the call is larger than can be priced", err)
		}
		call.Hold = hold
		if err := g.open(ctx, call); err != nil {
			return err
		}
		call.Admitted = true
		return next(ctx, call, out)
	}
}

// errNoPrice is a mistake of a catalogue: a model that costs nothing has a
// version of its price all the same.
var errNoPrice = sallyport.NewError(sallyport.ModelAccessDenied, "the model has no price")

func (g *Gateway) open(ctx context.Context, call *Call) error {
	record := g.parts.Audit.Intent(&call.Call)
	call.opened = &journal.Open{
		Call: call.ID, Node: record.Node, Boot: record.Boot,
		Key: call.Principal.Key, User: call.Principal.User, Groups: call.Principal.GroupIDs(),
		Agent: call.Agent, Model: call.Model.ID,
		Hold: call.Hold, Price: call.Model.Price, Created: call.StartedAt.UnixMicro(),
		Refusal: func() sallyport.Record {
			short := sallyport.NewError(sallyport.InsufficientCredits, "the credit balance does not cover this call")
			return g.parts.Audit.Refusal(&call.Call, g.parts.Status(short), short)
		},
	}
	result, err := g.parts.Journal.Commit(ctx, journal.Entry{Org: call.Principal.Org, Record: record, Open: call.opened})
	if err != nil {
		return err
	}
	if result.Refused {
		call.recorded = true
		if result.Budget != nil {
			return overBudget(call, *result.Budget)
		}
		return sallyport.NewError(sallyport.InsufficientCredits, fmt.Sprintf(
			"Insufficient credits: this call may cost up to %s credits, and %s are left in the organisation's balance.",
			call.Hold, result.Balance))
	}
	return nil
}

// overBudget tells which budget is too small for the call.
func overBudget(call *Call, b sallyport.Budget) error {
	whose := string(b.Scope)
	if b.Subject != "" {
		whose += " " + b.Subject
	}
	for _, g := range call.Principal.Groups {
		if b.Scope == sallyport.BudgetGroup && b.Subject == string(g.ID) {
			whose = fmt.Sprintf("group %q", g.Name)
		}
	}
	return sallyport.NewError(sallyport.BudgetExceeded, fmt.Sprintf(
		"Budget exceeded: this call may cost up to %s credits, and of the budget of %s credits for the %s (period: %s, since %s) %s are used.",
		call.Hold, b.Limit, whose, b.Period, b.Since.Format("2006-01-02"), b.Used()))
}
