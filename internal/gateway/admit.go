package gateway

import (
	"context"
	"fmt"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/credit"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// admit prices the call at the most it can use with its dearest candidate, and
// makes intent and hold durable in one entry. When the balance or a budget does not cover the hold,
// the same entry is the refusal. A crash right after leaves an open intent that holds
// credits; recovery settles it.
func (g *Gateway) admit(next Handler) Handler {
	return func(ctx context.Context, call *Call, out llm.Sink) error {
		hold, err := g.holdOf(call)
		if err != nil {
			return err
		}
		call.Hold = hold
		if err := g.open(ctx, call); err != nil {
			return err
		}
		call.Admitted = true
		if call.Opened != nil {
			if err := call.Opened(ctx); err != nil {
				return err
			}
		}
		return next(ctx, call, out)
	}
}

// holdOf covers the dearest candidate, and the input of each other one: its try
// may fail in a way that is charged.
func (g *Gateway) holdOf(call *Call) (hold sallyport.Credits, err error) {
	if len(call.candidates) == 1 {
		return dearest(call.Model, call.bound)
	}
	var inputs, least sallyport.Credits
	for i, m := range call.candidates {
		cost, err := dearest(m, g.bound(call, m))
		if err != nil {
			return 0, err
		}
		input, err := m.Price.Cost(inputOf(call, m))
		if err != nil {
			return 0, err
		}
		hold, inputs = max(hold, cost), inputs+input
		if i == 0 || input < least {
			least = input
		}
	}
	return hold + inputs - least, nil
}

// inputOf is what a try probably uses that fails although the provider has begun to work.
func inputOf(call *Call, m sallyport.Model) sallyport.Usage {
	return credit.Estimate(call.Request, m, call.BytesIn, 0)
}

// dearest is the most that a call can cost which that model serves within the bound.
func dearest(m sallyport.Model, bound sallyport.Usage) (sallyport.Credits, error) {
	if m.Price.Version == "" {
		return 0, errNoPrice // nothing may be given away because its price is not known
	}
	cost, err := m.Price.Cost(bound)
	if err != nil {
		return 0, sallyport.WrapError(sallyport.InvalidBody, "the call is larger than can be priced", err)
	}
	return cost, nil
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
