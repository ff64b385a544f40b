package store

import (
	"context"
	"database/sql"

	"github.com/sallyport-ai/sallyport"
)

// AmountMax bounds one movement of credits and a balance, so that sums of them
// cannot overflow: about a million million credits.
const AmountMax sallyport.Credits = 1 << 60

const (
	sqlAccount = `
		SELECT balance, held, ledger_seq FROM accounts WHERE org_id = $1`
	sqlInsertLedger = `
		INSERT INTO ledger (org_id, seq, kind, amount, balance_after, call_id, user_id, key_id, agent_id, model,
			input, cached_input, cache_write, output, reasoning, estimated, overrun, price_version, note, at, group_ids)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`
)

// Grant adds credits, or takes back what is not held when amount is negative,
// and returns the new balance. More than is free is InsufficientCredits.
func (db *DB) Grant(ctx context.Context, org sallyport.OrgID, amount sallyport.Credits, note string, rec sallyport.Record) (balance sallyport.Credits, err error) {
	if amount > AmountMax || amount < -AmountMax {
		return 0, sallyport.WrapError(sallyport.InvalidBody, "The amount is larger than can be booked.", sallyport.ErrTooDear)
	}
	err = db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		e := sallyport.LedgerEntry{Org: org, Kind: sallyport.LedgerGrant, Amount: amount, Note: note, At: rec.Time}
		if e.At.IsZero() {
			e.At = db.now()
		}
		err := tx.QueryRowContext(ctx, `
			UPDATE accounts SET balance = balance + $2, ledger_seq = ledger_seq + 1
			WHERE org_id = $1 AND balance + $2 <= $3 AND ($2 >= 0 OR balance + $2 >= held)
			RETURNING balance, ledger_seq`,
			org, int64(amount), int64(AmountMax)).Scan(&e.BalanceAfter, &e.Seq)
		if err != nil {
			return db.grantRefused(ctx, tx, org, amount, err)
		}
		balance = e.BalanceAfter
		_, err = tx.ExecContext(ctx, sqlInsertLedger, ledgerArgs(e)...)
		return err
	})
	if err != nil {
		return 0, err
	}
	return balance, nil
}

// grantRefused says why the guarded update of Grant found no row.
func (db *DB) grantRefused(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, amount sallyport.Credits, err error) error {
	if orNotFound(err, "") == err {
		return err
	}
	var balance, held sallyport.Credits
	var seq int64
	if err := tx.QueryRowContext(ctx, sqlAccount, org).Scan(&balance, &held, &seq); err != nil {
		return orNotFound(err, "organisation")
	}
	if amount > 0 {
		return sallyport.WrapError(sallyport.InvalidBody, "The balance would be larger than can be booked.", sallyport.ErrTooDear)
	}
	return sallyport.NewError(sallyport.InsufficientCredits,
		"Only "+(balance-held).String()+" credits are free to be taken back.")
}

func ledgerArgs(e sallyport.LedgerEntry) []any {
	return []any{
		string(e.Org), e.Seq, string(e.Kind), int64(e.Amount), int64(e.BalanceAfter),
		string(e.Call), string(e.User), string(e.Key), string(e.Agent), e.Model,
		e.Usage.Input, e.Usage.CachedInput, e.Usage.CacheWrite, e.Usage.Output, e.Usage.Reasoning,
		e.Estimated, e.Overrun, e.PriceVersion, e.Note, micros(e.At), string(joinGroups(e.Groups)),
	}
}

// Balance returns the organisation's credits and how many of them are held for
// calls under way. What is free to spend is the difference.
func (db *DB) Balance(ctx context.Context, org sallyport.OrgID) (balance, held sallyport.Credits, err error) {
	var seq int64
	err = db.read.QueryRowContext(ctx, sqlAccount, org).Scan(&balance, &held, &seq)
	return balance, held, orNotFound(err, "organisation")
}

const sqlLedger = `
	SELECT seq, kind, amount, balance_after, call_id, user_id, key_id, agent_id, model,
		input, cached_input, cache_write, output, reasoning,
		estimated, overrun, price_version, note, at, group_ids
	FROM ledger WHERE org_id = $1`

// Ledger lists the organisation's ledger after a Seq in its order, at most
// limit; 0: 1,000.
func (db *DB) Ledger(ctx context.Context, org sallyport.OrgID, after int64, limit int) ([]sallyport.LedgerEntry, error) {
	return db.ledger(ctx, org, sqlLedger+` AND seq > $2 ORDER BY seq LIMIT $3`, org, after, page(limit))
}

// LedgerBefore is Ledger against its order: what stands before a Seq, 0 for the
// newest.
func (db *DB) LedgerBefore(ctx context.Context, org sallyport.OrgID, before int64, limit int) ([]sallyport.LedgerEntry, error) {
	return db.ledger(ctx, org, sqlLedger+` AND ($2 = 0 OR seq < $2) ORDER BY seq DESC LIMIT $3`, org, before, page(limit))
}

func (db *DB) ledger(ctx context.Context, org sallyport.OrgID, query string, args ...any) ([]sallyport.LedgerEntry, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.LedgerEntry, error) {
		e := sallyport.LedgerEntry{Org: org}
		var at int64
		var groups groupIDs
		err := rows.Scan(&e.Seq, &e.Kind, &e.Amount, &e.BalanceAfter, &e.Call, &e.User, &e.Key, &e.Agent, &e.Model,
			&e.Usage.Input, &e.Usage.CachedInput, &e.Usage.CacheWrite, &e.Usage.Output, &e.Usage.Reasoning,
			&e.Estimated, &e.Overrun, &e.PriceVersion, &e.Note, &at, &groups)
		e.At, e.Groups = timeOf(at), groups.all()
		return e, err
	}, query, args...)
}
