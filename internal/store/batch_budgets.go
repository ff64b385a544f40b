package store

import (
	"slices"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
)

// Budgets in a batch: a call is held to all that bind it, and moves them all, in
// the transaction that moves the account. They are read after the accounts,
// because only then it is known whose calls are closed, and only for
// organisations that have any: the others pay one look at an empty index. A batch
// that reads nothing has those that the last ones left. The chain head that the
// batch holds locks them; the guard in sqlMoveBudget makes a lost lock an error.
//
// What is held is carried over into a new period, and a charge counts in the
// period in which its call ended, as it does in the ledger.

const (
	sqlPayer = `
		SELECT balance, held, ledger_seq, EXISTS (SELECT 1 FROM budgets b WHERE b.org_id = accounts.org_id)
		FROM accounts WHERE org_id = $1`
	sqlBudgetsOf = sqlBudgets + ` AND scope = $2 AND subject = $3 ORDER BY period`
	// A budget begins a new period with all its alerts to tell.
	sqlMoveBudget = `
		UPDATE budgets SET since = $5, spent = $6, held = $7,
			alerted = CASE WHEN since = $5 THEN alerted ELSE 0 END
		WHERE org_id = $1 AND scope = $2 AND subject = $3 AND period = $4
			AND since = $8 AND spent = $9 AND held = $10`
)

// spender is what a call is held to budgets for.
type spender struct {
	org    sallyport.OrgID
	user   sallyport.UserID
	groups groupIDs // of the user when the call was opened
	key    sallyport.KeyID
	agent  sallyport.AgentID
	model  string
}

func spenderOf(org sallyport.OrgID, o *journal.Open) spender {
	return spender{org, o.User, joinGroups(o.Groups), o.Key, o.Agent, text(o.Model, columnMax)}
}

// subject is whom budgets are for: one of each period.
type subject struct {
	org   sallyport.OrgID
	scope sallyport.BudgetScope
	id    string
}

func compareSubjects(a, b subject) int {
	if c := strings.Compare(string(a.org), string(b.org)); c != 0 {
		return c
	}
	if c := strings.Compare(string(a.scope), string(b.scope)); c != 0 {
		return c
	}
	return strings.Compare(a.id, b.id)
}

// subjects are those whose budgets bind the spender.
func (s spender) subjects() []subject {
	all := []subject{{s.org, sallyport.BudgetOrganisation, ""}}
	for id := range s.groups.each {
		all = append(all, subject{s.org, sallyport.BudgetGroup, id})
	}
	for _, of := range []subject{
		{s.org, sallyport.BudgetUser, string(s.user)}, {s.org, sallyport.BudgetKey, string(s.key)},
		{s.org, sallyport.BudgetAgent, string(s.agent)}, {s.org, sallyport.BudgetModel, s.model},
	} {
		if of.id != "" {
			all = append(all, of)
		}
	}
	return all
}

// spending is a budget, as the batch moves it along.
type spending struct {
	sallyport.Budget
	read sallyport.Budget // as it was
}

// budgetReads reads the budgets of everybody in the batch.
func (b *batch) budgetReads() (reads []statement) {
	for _, of := range b.bound() {
		reads = append(reads, statement{sql: sqlBudgetsOf, entry: noEntry,
			args: []any{string(of.org), string(of.scope), of.id}, each: b.scanBudget(of)})
	}
	return reads
}

// bound lists whose budgets the batch may move, in the order of their ids.
func (b *batch) bound() (all []subject) {
	for _, e := range b.entries {
		if a := b.accounts[e.Org]; a == nil || !a.budgeted {
			continue
		}
		switch {
		case e.Open != nil:
			all = append(all, spenderOf(e.Org, e.Open).subjects()...)
		case e.Close != nil:
			if c := b.calls[callKey{e.Org, e.Close.Call}]; c != nil {
				all = append(all, c.who.subjects()...)
			}
		}
	}
	slices.SortFunc(all, compareSubjects)
	return slices.Compact(all)
}

func (b *batch) scanBudget(of subject) func(scanner) error {
	return func(row scanner) error {
		s := &spending{Budget: sallyport.Budget{Org: of.org}}
		if err := scanBudget(row, &s.Budget); err != nil {
			return err
		}
		s.read = s.Budget
		b.budgets[of] = append(b.budgets[of], s)
		return nil
	}
}

// of returns the budgets that bind a spender, those of the organisation first.
func (b *batch) of(who spender) (all []*spending) {
	if len(b.budgets) == 0 {
		return nil
	}
	for _, of := range who.subjects() {
		all = append(all, b.budgets[of]...)
	}
	return all
}

// overBudget returns the first budget that does not cover the hold, as it
// stands then.
func (b *batch) overBudget(who spender, hold int64, at time.Time) *sallyport.Budget {
	if hold == 0 {
		return nil
	}
	for _, s := range b.of(who) {
		if now := s.At(at); now.Limit-now.Used() < sallyport.Credits(hold) {
			return &now
		}
	}
	return nil
}

// spend moves every budget that binds the spender. A call that a program without
// budgets has opened was never held: what is held does not fall below nothing.
func (b *batch) spend(who spender, held, spent int64, at time.Time) {
	for _, s := range b.of(who) {
		s.Budget = s.At(at)
		s.Held = max(s.Held+sallyport.Credits(held), 0)
		s.Spent += sallyport.Credits(spent)
	}
}

// budgetWrites moves the budgets that have changed.
func (b *batch) budgetWrites() (writes []statement) {
	if len(b.budgets) == 0 {
		return nil
	}
	for _, of := range b.bound() {
		for _, s := range b.budgets[of] {
			if s.Spent == s.read.Spent && s.Held == s.read.Held && s.Since.Equal(s.read.Since) {
				continue
			}
			writes = append(writes, statement{sql: sqlMoveBudget, entry: noEntry, rows: 1, args: []any{
				string(of.org), string(of.scope), of.id, string(s.Period),
				s.Since.UnixMicro(), int64(s.Spent), int64(s.Held),
				s.read.Since.UnixMicro(), int64(s.read.Spent), int64(s.read.Held)}})
		}
	}
	return writes
}

// budgetRefusal is the refusal of a call that a budget does not cover.
func budgetRefusal(rec sallyport.Record, over *sallyport.Budget) sallyport.Record {
	cost := sallyport.RecordCost{}
	if rec.Cost != nil {
		cost = *rec.Cost
	}
	cost.Budget = &sallyport.RecordBudget{
		Scope: over.Scope, Subject: over.Subject, Period: over.Period, Since: over.Since,
		Limit: over.Limit, Used: over.Used(),
	}
	rec.Cost, rec.Code = &cost, sallyport.BudgetExceeded
	return rec
}

// rows are the rows of either database.
type rows interface {
	scanner
	Next() bool
	Err() error
}

func eachRow(all rows, each func(scanner) error) error {
	for all.Next() {
		if err := each(all); err != nil {
			return err
		}
	}
	return all.Err()
}
