package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// Usage is what the ledger says, added up. Roll-ups of whole organisations
// follow the ledger by a cursor, so that a report does not read millions of
// lines; what lies beyond the cursor is added from the ledger itself, in the
// same statement. A report is therefore exact at any moment, also when nobody
// rolls up.

const dayMicros = int64(24 * time.Hour / time.Microsecond)

// sqlLedgerUsage is the ledger's lines as rows of usage_days. What follows it
// bounds l.seq.
const sqlLedgerUsage = `
	SELECT l.at / 86400000000 AS day, l.model, COALESCE(c.user_id, '') AS user_id,
		COALESCE(c.key_id, '') AS key_id, COALESCE(c.agent_id, '') AS agent_id,
		CASE WHEN l.kind = 'charge' THEN 1 ELSE 0 END AS calls,
		l.input, l.cached_input, l.cache_write, l.output, l.reasoning, -l.amount AS charge,
		CASE WHEN l.estimated THEN 1 ELSE 0 END AS estimated,
		CASE WHEN l.overrun THEN 1 ELSE 0 END AS overruns
	FROM ledger l LEFT JOIN calls c ON c.org_id = l.org_id AND c.id = l.call_id
	WHERE l.org_id = $1 AND l.kind <> 'grant'`

// sqlUsage is everything that was ever charged to an organisation.
const sqlUsage = `(
	SELECT day, model, user_id, key_id, agent_id, calls,
		input, cached_input, cache_write, output, reasoning, charge, estimated, overruns
	FROM usage_days WHERE org_id = $1
	UNION ALL` + sqlLedgerUsage + `
		AND l.seq > COALESCE((SELECT seq FROM usage_cursors WHERE org_id = $1), 0)
	) u`

// sqlUsageSums adds rows up; Postgres would make another type of the sums.
const sqlUsageSums = `
	CAST(SUM(calls) AS BIGINT), CAST(SUM(input) AS BIGINT), CAST(SUM(cached_input) AS BIGINT),
	CAST(SUM(cache_write) AS BIGINT), CAST(SUM(output) AS BIGINT), CAST(SUM(reasoning) AS BIGINT),
	CAST(SUM(charge) AS BIGINT), CAST(SUM(estimated) AS BIGINT), CAST(SUM(overruns) AS BIGINT)`

// usageColumns are the columns of what a report may be grouped by.
var usageColumns = map[sallyport.UsageBy]string{
	sallyport.UsageByDay: "day", sallyport.UsageByModel: "model", sallyport.UsageByUser: "user_id",
	sallyport.UsageByKey: "key_id", sallyport.UsageByAgent: "agent_id",
}

// Usage reports what the organisation was charged: days in their order, all
// else dearest first.
func (db *DB) Usage(ctx context.Context, org sallyport.OrgID, q sallyport.UsageQuery) ([]sallyport.UsageRow, error) {
	column, known := usageColumns[q.By]
	if !known {
		return nil, sallyport.NewError(sallyport.InvalidBody, "Usage is grouped by day, model, user, key or agent.")
	}
	order := "8 DESC, 1"
	if q.By == sallyport.UsageByDay {
		order = "1"
	}
	from, to := usageDays(q)
	return list(ctx, db.read, func(rows *sql.Rows) (r sallyport.UsageRow, err error) {
		var name any
		err = rows.Scan(&name, &r.Calls, &r.Usage.Input, &r.Usage.CachedInput, &r.Usage.CacheWrite,
			&r.Usage.Output, &r.Usage.Reasoning, &r.Charge, &r.Estimated, &r.Overruns)
		r.Name = usageName(name)
		return r, err
	}, fmt.Sprintf(`SELECT %s, %s FROM %s
		WHERE day >= $2 AND day <= $3 AND ($4 = '' OR user_id = $4)
		GROUP BY %[1]s ORDER BY %[4]s`, column, sqlUsageSums, sqlUsage, order),
		string(org), from, to, string(q.User))
}

// usageDays are the first and last day of a report.
func usageDays(q sallyport.UsageQuery) (from, to int64) {
	to = int64(1) << 40
	if !q.From.IsZero() {
		from = q.From.UnixMicro() / dayMicros
	}
	if !q.To.IsZero() {
		to = q.To.UnixMicro() / dayMicros
	}
	return from, to
}

func usageName(v any) string {
	switch v := v.(type) {
	case int64:
		return time.UnixMicro(v * dayMicros).UTC().Format(time.DateOnly)
	case []byte:
		return string(v)
	case string:
		return v
	}
	return fmt.Sprint(v)
}

// UsageBehind lists the organisations whose roll-ups lack lines of the ledger.
func (db *DB) UsageBehind(ctx context.Context) ([]sallyport.OrgID, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (org sallyport.OrgID, err error) {
		err = rows.Scan(&org)
		return org, err
	}, `
		SELECT a.org_id FROM accounts a LEFT JOIN usage_cursors c ON c.org_id = a.org_id
		WHERE a.ledger_seq > COALESCE(c.seq, 0) ORDER BY a.org_id`)
}

// rollUpMax is how many lines of the ledger one transaction rolls up, so that
// calls never wait long for it.
const rollUpMax = 500

// RollUpUsage takes the organisation's next lines of the ledger into the
// roll-ups, and says whether there are more. Several processes may do it: each
// line is taken once.
func (db *DB) RollUpUsage(ctx context.Context, org sallyport.OrgID) (more bool, err error) {
	err = db.transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO usage_cursors (org_id, seq) SELECT org_id, 0 FROM accounts WHERE org_id = $1
			ON CONFLICT (org_id) DO NOTHING`, string(org))
		if err != nil {
			return err
		}
		var from, last int64
		err = tx.QueryRowContext(ctx,
			`SELECT seq FROM usage_cursors WHERE org_id = $1`+db.engine.forUpdate(), string(org)).Scan(&from)
		if err != nil {
			return orNotFound(err, "organisation")
		}
		err = tx.QueryRowContext(ctx, `SELECT ledger_seq FROM accounts WHERE org_id = $1`, string(org)).Scan(&last)
		if err != nil {
			return orNotFound(err, "organisation")
		}
		to := min(last, from+rollUpMax)
		if to == from {
			return errUnchanged
		}
		more = to < last
		return rollUp(ctx, tx, org, from, to)
	})
	return more, err
}

func rollUp(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, from, to int64) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO usage_days (org_id, day, model, user_id, key_id, agent_id, calls,
			input, cached_input, cache_write, output, reasoning, charge, estimated, overruns)
		SELECT CAST($1 AS TEXT), day, model, user_id, key_id, agent_id, `+sqlUsageSums+`
		FROM (`+sqlLedgerUsage+` AND l.seq > $2 AND l.seq <= $3) u
		WHERE TRUE
		GROUP BY day, model, user_id, key_id, agent_id
		ON CONFLICT (org_id, day, model, user_id, key_id, agent_id) DO UPDATE SET
			calls = usage_days.calls + excluded.calls,
			input = usage_days.input + excluded.input,
			cached_input = usage_days.cached_input + excluded.cached_input,
			cache_write = usage_days.cache_write + excluded.cache_write,
			output = usage_days.output + excluded.output,
			reasoning = usage_days.reasoning + excluded.reasoning,
			charge = usage_days.charge + excluded.charge,
			estimated = usage_days.estimated + excluded.estimated,
			overruns = usage_days.overruns + excluded.overruns`,
		string(org), from, to)
	if err != nil {
		return err
	}
	moved, err := changed(tx.ExecContext(ctx,
		`UPDATE usage_cursors SET seq = $3 WHERE org_id = $1 AND seq = $2`, string(org), from, to))
	if err == nil && !moved {
		err = fmt.Errorf("%w: the cursor of usage is no longer at %s", errGuard, strconv.FormatInt(from, 10))
	}
	return err
}
