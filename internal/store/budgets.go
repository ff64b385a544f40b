package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// A budget's row has the spending of its current period. Calls move it in the
// batches of the journal, see batch_budgets.go. For a budget that is set, both
// numbers are counted from the ledger and from the calls under way, under the
// lock that every batch of the organisation takes: it is exact from its first
// moment, and to set it again is to count again.

const sqlBudgets = `
	SELECT scope, subject, period, amount, since, spent, held FROM budgets WHERE org_id = $1`

// budgetColumns are the columns of calls and usage that hold a scope's subject.
var budgetColumns = map[sallyport.BudgetScope]string{
	sallyport.BudgetOrganisation: "''", sallyport.BudgetGroup: "group_ids", sallyport.BudgetUser: "user_id",
	sallyport.BudgetKey: "key_id", sallyport.BudgetAgent: "agent_id", sallyport.BudgetModel: "model",
}

// SetBudget adds a budget or replaces its limit, counts what it has to cover,
// and returns it. The store does not ask whether the subject exists, unless it
// is a group, which can be deleted.
func (db *DB) SetBudget(ctx context.Context, org sallyport.OrgID, id sallyport.BudgetID, limit sallyport.Credits, rec sallyport.Record) (sallyport.Budget, error) {
	if err := checkBudget(id, limit); err != nil {
		return sallyport.Budget{}, err
	}
	now := rec.Time
	if now.IsZero() {
		now = db.now()
	}
	b := sallyport.Budget{Org: org, BudgetID: id, Limit: limit, Since: id.Period.Start(now)}
	err := db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		if id.Scope == sallyport.BudgetGroup {
			if err := groupExists(ctx, tx, org, sallyport.GroupID(id.Subject)); err != nil {
				return err
			}
		}
		return setBudget(ctx, tx, &b, now)
	})
	return b, err
}

// setBudget counts what b has to cover and writes it down.
func setBudget(ctx context.Context, tx *sql.Tx, b *sallyport.Budget, now time.Time) error {
	if err := count(ctx, tx, b); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO budgets (org_id, scope, subject, period, amount, since, spent, held, alerted, created)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)
		ON CONFLICT (org_id, scope, subject, period) DO UPDATE SET
			alerted = CASE WHEN budgets.amount = excluded.amount AND budgets.since = excluded.since
				THEN budgets.alerted ELSE 0 END,
			amount = excluded.amount, since = excluded.since, spent = excluded.spent, held = excluded.held`,
		string(b.Org), string(b.Scope), b.Subject, string(b.Period),
		int64(b.Limit), micros(b.Since), int64(b.Spent), int64(b.Held), micros(now))
	return err
}

func checkBudget(id sallyport.BudgetID, limit sallyport.Credits) error {
	switch {
	case budgetColumns[id.Scope] == "":
		return sallyport.NewError(sallyport.InvalidBody, "The scope of a budget is organisation, group, user, key, agent or model.")
	case (id.Scope == sallyport.BudgetOrganisation) != (id.Subject == ""):
		return sallyport.NewError(sallyport.InvalidBody, "A budget names the group, user, key, agent or model that it is for, and the organisation's names none.")
	case id.Period != sallyport.PeriodDay && id.Period != sallyport.PeriodMonth && id.Period != sallyport.PeriodTotal:
		return sallyport.NewError(sallyport.InvalidBody, "The period of a budget is day, month or total.")
	case limit < 0 || limit > AmountMax:
		return sallyport.NewError(sallyport.InvalidBody, "The limit of a budget is not negative, and not larger than can be booked.")
	}
	return nil
}

// count sums up what the ledger and the calls under way say of a budget.
func count(ctx context.Context, tx *sql.Tx, b *sallyport.Budget) error {
	usage := usageByDay
	is := func(param string) string { return budgetColumns[b.Scope] + " = " + param }
	if b.Scope == sallyport.BudgetGroup {
		usage = usageByGroups
		is = func(param string) string { return inGroup(budgetColumns[b.Scope], param) }
	}
	err := tx.QueryRowContext(ctx, fmt.Sprintf(`
		SELECT COALESCE(CAST(SUM(charge) AS BIGINT), 0) FROM %s WHERE day >= $2 AND %s`, usage.all(), is("$3")),
		string(b.Org), micros(b.Since)/dayMicros, b.Subject).Scan(&b.Spent)
	if err != nil {
		return fmt.Errorf("count what was spent: %w", err)
	}
	err = tx.QueryRowContext(ctx, fmt.Sprintf(`
		SELECT COALESCE(CAST(SUM(hold) AS BIGINT), 0) FROM open_calls WHERE org_id = $1 AND %s`, is("$2")),
		string(b.Org), b.Subject).Scan(&b.Held)
	if err != nil {
		return fmt.Errorf("count what is held: %w", err)
	}
	return nil
}

// RemoveBudget takes a budget away.
func (db *DB) RemoveBudget(ctx context.Context, org sallyport.OrgID, id sallyport.BudgetID, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx, `
			DELETE FROM budgets WHERE org_id = $1 AND scope = $2 AND subject = $3 AND period = $4`,
			string(org), string(id.Scope), id.Subject, string(id.Period)))
		return foundOr(found, err, "budget")
	})
}

// Budgets lists the organisation's budgets by scope, subject and period. A row
// whose period is over stands as its last call has left it; see Budget.At.
func (db *DB) Budgets(ctx context.Context, org sallyport.OrgID) ([]sallyport.Budget, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.Budget, error) {
		b := sallyport.Budget{Org: org}
		return b, scanBudget(rows, &b)
	}, sqlBudgets+` ORDER BY scope, subject, period`, string(org))
}

func scanBudget(row scanner, b *sallyport.Budget, more ...any) error {
	var since int64
	err := row.Scan(append([]any{&b.Scope, &b.Subject, &b.Period, &b.Limit, &since, &b.Spent, &b.Held}, more...)...)
	b.Since = time.UnixMicro(since).UTC() // a total's is 1970, not "never"
	return err
}

// BudgetOrgs lists the organisations that have budgets.
func (db *DB) BudgetOrgs(ctx context.Context) ([]sallyport.OrgID, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (org sallyport.OrgID, err error) {
		err = rows.Scan(&org)
		return org, err
	}, `SELECT id FROM organisations o WHERE EXISTS (SELECT 1 FROM budgets b WHERE b.org_id = o.id) ORDER BY id`)
}

// BudgetAlerts lists the percentages that the organisation's budgets have
// reached in their periods and the trail was not told of, lower ones first.
func (db *DB) BudgetAlerts(ctx context.Context, org sallyport.OrgID) ([]sallyport.BudgetAlert, error) {
	thresholds := sallyport.BudgetAlerts()
	type reached struct {
		budget  sallyport.Budget
		alerted int
	}
	all, err := list(ctx, db.read, func(rows *sql.Rows) (reached, error) {
		r := reached{budget: sallyport.Budget{Org: org}}
		err := scanBudget(rows, &r.budget, &r.alerted)
		return r, err
	}, `
		SELECT scope, subject, period, amount, since, spent, held, alerted FROM budgets
		WHERE org_id = $1 AND amount > 0 AND alerted < $2 AND spent / $3 >= amount / 100 - 1
		ORDER BY scope, subject, period`, string(org), thresholds[len(thresholds)-1], thresholds[0])
	if err != nil {
		return nil, err
	}
	var alerts []sallyport.BudgetAlert
	for _, r := range all {
		for _, percent := range thresholds {
			if percent > r.alerted && reaches(r.budget, percent) {
				alerts = append(alerts, sallyport.BudgetAlert{Budget: r.budget, Percent: percent})
			}
		}
	}
	return alerts, nil
}

// reaches says whether spending is at least so many percent of the limit,
// without a product that could overflow.
func reaches(b sallyport.Budget, percent int) bool {
	p := sallyport.Credits(percent)
	return b.Spent >= b.Limit/100*p+(b.Limit%100*p+99)/100
}

// TellBudgetAlert writes the record of an alert, once in the budget's period
// among all processes: told before, or about a period that is over, it does
// nothing.
func (db *DB) TellBudgetAlert(ctx context.Context, a sallyport.BudgetAlert, rec sallyport.Record) error {
	return db.record(ctx, a.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		first, err := changed(tx.ExecContext(ctx, `
			UPDATE budgets SET alerted = $5
			WHERE org_id = $1 AND scope = $2 AND subject = $3 AND period = $4
				AND alerted < $5 AND since = $6 AND amount = $7`,
			string(a.Org), string(a.Scope), a.Subject, string(a.Period), a.Percent, micros(a.Since), int64(a.Limit)))
		if err == nil && !first {
			err = errUnchanged
		}
		return err
	})
}
