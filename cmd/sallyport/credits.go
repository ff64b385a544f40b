package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
)

type creditCmd struct {
	Grant  creditGrant  `cmd:"" help:"Add credits, or take back free ones with a negative amount: --amount=-5."`
	Show   creditShow   `cmd:"" help:"Show the balance."`
	Ledger creditLedger `cmd:"" help:"List what moved the balance, oldest first."`
}

type balanceView struct {
	OrgID   sallyport.OrgID `json:"org_id"`
	Balance string          `json:"balance"` // credits, as text
	Held    string          `json:"held"`    // set aside for calls under way
}

type creditGrant struct {
	orgFlag
	jsonFlag
	Amount string `arg:"" optional:"" help:"Credits, such as 10 or 0.5."`
	Flag   string `name:"amount" placeholder:"AMOUNT" help:"The same as a flag; --amount=-5 takes back."`
	Note   string `help:"Why."`
}

func (c *creditGrant) Run(ctx context.Context, a *app) error {
	text, err := either(c.Amount, c.Flag, "an amount")
	if err != nil {
		return err
	}
	amount, err := sallyport.ParseCredits(text)
	if err != nil {
		return fmt.Errorf("the amount %w", err)
	}
	if amount == 0 {
		return errors.New("the amount is 0: there is nothing to do")
	}
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		if err := i.grant(ctx, org.ID, amount, c.Note); err != nil {
			return err
		}
		return i.showBalance(ctx, org.ID, c.jsonFlag)
	})
}

// grant adds credits; an amount of 0 is nothing to do.
func (i *instance) grant(ctx context.Context, org sallyport.OrgID, amount sallyport.Credits, note string) error {
	if amount == 0 {
		return nil
	}
	rec := i.event(org, "credits.grant", "credits", map[string]string{"amount": amount.String(), "note": note})
	_, err := i.db.Grant(ctx, org, amount, note, rec)
	return err
}

type creditShow struct {
	orgFlag
	jsonFlag
}

func (c *creditShow) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		return i.showBalance(ctx, org.ID, c.jsonFlag)
	})
}

func (i *instance) showBalance(ctx context.Context, org sallyport.OrgID, f jsonFlag) error {
	balance, held, err := i.db.Balance(ctx, org)
	if err != nil {
		return err
	}
	return show(i.app.out, f, balanceView{org, balance.String(), held.String()},
		"balance: "+balance.String(), "held: "+held.String())
}

type ledgerView struct {
	Seq          int64            `json:"seq"`
	Kind         string           `json:"kind"`
	Amount       string           `json:"amount"`
	BalanceAfter string           `json:"balance_after"`
	CallID       sallyport.CallID `json:"call_id,omitempty"`
	Model        string           `json:"model,omitempty"`
	Estimated    bool             `json:"estimated,omitempty"`
	Overrun      bool             `json:"overrun,omitempty"`
	PriceVersion string           `json:"price_version,omitempty"` // of a charge: the price that it was reckoned with
	Note         string           `json:"note,omitempty"`
	At           time.Time        `json:"at"`
}

type creditLedger struct {
	orgFlag
	jsonFlag
	After int64 `help:"Only entries after this number." placeholder:"SEQ"`
	Limit int   `help:"At most so many." default:"1000"`
}

func (c *creditLedger) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		entries, err := i.db.Ledger(ctx, org.ID, c.After, c.Limit)
		if err != nil {
			return err
		}
		views := make([]ledgerView, 0, len(entries))
		for _, e := range entries {
			views = append(views, ledgerView{
				Seq: e.Seq, Kind: string(e.Kind), Amount: e.Amount.String(), BalanceAfter: e.BalanceAfter.String(),
				CallID: e.Call, Model: e.Model, Estimated: e.Estimated, Overrun: e.Overrun,
				PriceVersion: e.PriceVersion, Note: e.Note, At: e.At.UTC(),
			})
		}
		return list(a.out, c.jsonFlag, views, "SEQ TIME KIND AMOUNT BALANCE MODEL PRICE NOTE", func(e ledgerView) []any {
			return []any{e.Seq, when(e.At), e.Kind, e.Amount, e.BalanceAfter, e.Model, e.PriceVersion, e.Note}
		})
	})
}
