package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
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

// sqlLedgerUsage is the ledger's lines as rows of a roll-up. What follows it
// bounds l.seq.
const sqlLedgerUsage = `
	SELECT l.at / 86400000000 AS day, l.model, l.user_id, l.key_id, l.agent_id, l.group_ids,
		CASE WHEN l.kind = 'charge' THEN 1 ELSE 0 END AS calls,
		l.input, l.cached_input, l.cache_write, l.output, l.reasoning, -l.amount AS charge,
		CASE WHEN l.estimated THEN 1 ELSE 0 END AS estimated,
		CASE WHEN l.overrun THEN 1 ELSE 0 END AS overruns
	FROM ledger l
	WHERE l.org_id = $1 AND l.kind <> 'grant'`

const sqlSums = `calls, input, cached_input, cache_write, output, reasoning, charge, estimated, overruns`

// rollUp is a table of sums that follows the ledger.
type rollUp struct {
	table   string // with a row for each organisation and keys
	keys    string
	cursors string // the table of how far the ledger is in it
	begin   string // where it begins in an organisation without a cursor; NULL: with nothing
	lines   string // a condition for the lines that are in it
}

// Groups have a table of their own: few calls have any, and the tables of a
// program that knows none stay as they are.
var (
	usageByDay = rollUp{
		table: "usage_days", keys: "day, model, user_id, key_id, agent_id",
		cursors: "usage_cursors", begin: "0",
	}
	usageByGroups = rollUp{
		table: "usage_groups", keys: "day, user_id, group_ids",
		cursors: "usage_group_cursors", begin: "NULL", lines: " AND l.group_ids <> ''",
	}
)

// all is everything that was ever charged to the organisation $1.
func (r rollUp) all() string {
	columns := r.keys + ", " + sqlSums
	return `(
	SELECT ` + columns + ` FROM ` + r.table + ` WHERE org_id = $1
	UNION ALL SELECT ` + columns + ` FROM (` + sqlLedgerUsage + r.lines + `
		AND l.seq > COALESCE((SELECT seq FROM ` + r.cursors + ` WHERE org_id = $1), ` + r.begin + `)) l
	) u`
}

// sqlUsageSums adds rows up; Postgres would make another type of the sums.
const sqlUsageSums = `
	CAST(SUM(calls) AS BIGINT), CAST(SUM(input) AS BIGINT), CAST(SUM(cached_input) AS BIGINT),
	CAST(SUM(cache_write) AS BIGINT), CAST(SUM(output) AS BIGINT), CAST(SUM(reasoning) AS BIGINT),
	CAST(SUM(charge) AS BIGINT), CAST(SUM(estimated) AS BIGINT), CAST(SUM(overruns) AS BIGINT)`

// usageColumns are the columns of what a report may be grouped by.
var usageColumns = map[sallyport.UsageBy]string{
	sallyport.UsageByDay: "day", sallyport.UsageByModel: "model", sallyport.UsageByUser: "user_id",
	sallyport.UsageByKey: "key_id", sallyport.UsageByAgent: "agent_id", sallyport.UsageByGroup: "group_ids",
}

// Usage reports what the organisation was charged: days in their order, all
// else dearest first.
func (db *DB) Usage(ctx context.Context, org sallyport.OrgID, q sallyport.UsageQuery) ([]sallyport.UsageRow, error) {
	column, known := usageColumns[q.By]
	if !known {
		return nil, sallyport.NewError(sallyport.InvalidBody, "Usage is grouped by day, model, user, key, agent or group.")
	}
	usage, order := usageByDay, "8 DESC, 1"
	switch q.By {
	case sallyport.UsageByDay:
		order = "1"
	case sallyport.UsageByGroup:
		usage = usageByGroups
	}
	from, to := usageDays(q)
	rows, err := list(ctx, db.read, func(rows *sql.Rows) (r sallyport.UsageRow, err error) {
		var name any
		err = rows.Scan(&name, &r.Calls, &r.Usage.Input, &r.Usage.CachedInput, &r.Usage.CacheWrite,
			&r.Usage.Output, &r.Usage.Reasoning, &r.Charge, &r.Estimated, &r.Overruns)
		r.Name = usageName(name)
		return r, err
	}, fmt.Sprintf(`SELECT %s, %s FROM %s
		WHERE day >= $2 AND day <= $3 AND ($4 = '' OR user_id = $4)
		GROUP BY %[1]s ORDER BY %[4]s`, column, sqlUsageSums, usage.all(), order),
		string(org), from, to, string(q.User))
	if err == nil && q.By == sallyport.UsageByGroup {
		rows = ofEachGroup(rows)
	}
	return rows, err
}

// UsageSeries is Usage by day as well: days in their order, and of each the
// dearest first. It is not by day alone.
func (db *DB) UsageSeries(ctx context.Context, org sallyport.OrgID, q sallyport.UsageQuery) ([]sallyport.UsagePoint, error) {
	column, known := usageColumns[q.By]
	if !known || q.By == sallyport.UsageByDay {
		return nil, sallyport.NewError(sallyport.InvalidBody, "A series of usage is by model, user, key, agent or group.")
	}
	usage := usageByDay
	if q.By == sallyport.UsageByGroup {
		usage = usageByGroups
	}
	from, to := usageDays(q)
	points, err := list(ctx, db.read, func(rows *sql.Rows) (p sallyport.UsagePoint, err error) {
		var day int64
		err = rows.Scan(&day, &p.Name, &p.Calls, &p.Usage.Input, &p.Usage.CachedInput, &p.Usage.CacheWrite,
			&p.Usage.Output, &p.Usage.Reasoning, &p.Charge, &p.Estimated, &p.Overruns)
		p.Day = time.UnixMicro(day * dayMicros).UTC()
		return p, err
	}, fmt.Sprintf(`SELECT day, %s, %s FROM %s
		WHERE day >= $2 AND day <= $3 AND ($4 = '' OR user_id = $4)
		GROUP BY day, %[1]s ORDER BY day, 9 DESC, 2`, column, sqlUsageSums, usage.all()),
		string(org), from, to, string(q.User))
	if err == nil && q.By == sallyport.UsageByGroup {
		points = pointsOfEachGroup(points)
	}
	return points, err
}

// pointsOfEachGroup is ofEachGroup, day by day.
func pointsOfEachGroup(points []sallyport.UsagePoint) (each []sallyport.UsagePoint) {
	for len(points) > 0 {
		day := points[0].Day
		var rows []sallyport.UsageRow
		for len(points) > 0 && points[0].Day.Equal(day) {
			rows, points = append(rows, points[0].UsageRow), points[1:]
		}
		for _, r := range ofEachGroup(rows) {
			each = append(each, sallyport.UsagePoint{Day: day, UsageRow: r})
		}
	}
	return each
}

// ofEachGroup makes rows of single groups from those of all the groups that a
// call has: it counts for each.
func ofEachGroup(rows []sallyport.UsageRow) []sallyport.UsageRow {
	groups := make(map[string]*sallyport.UsageRow)
	for _, r := range rows {
		for id := range groupIDs(r.Name).each {
			if groups[id] == nil {
				groups[id] = &sallyport.UsageRow{Name: id}
			}
			groups[id].Add(r)
		}
	}
	each := make([]sallyport.UsageRow, 0, len(groups))
	for _, g := range groups {
		each = append(each, *g)
	}
	slices.SortFunc(each, func(a, b sallyport.UsageRow) int {
		return cmp.Or(cmp.Compare(b.Charge, a.Charge), cmp.Compare(a.Name, b.Name))
	})
	return each
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
		SELECT a.org_id FROM accounts a
		LEFT JOIN usage_cursors c ON c.org_id = a.org_id LEFT JOIN usage_group_cursors g ON g.org_id = a.org_id
		WHERE a.ledger_seq > COALESCE(c.seq, 0) OR a.ledger_seq > g.seq ORDER BY a.org_id`)
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
		var last int64
		err = tx.QueryRowContext(ctx, `SELECT ledger_seq FROM accounts WHERE org_id = $1`, string(org)).Scan(&last)
		if err != nil {
			return orNotFound(err, "organisation")
		}
		moved := false
		for _, r := range []rollUp{usageByDay, usageByGroups} {
			from, to, err := r.next(ctx, db, tx, org, last)
			if err != nil {
				return err
			}
			if from == to {
				continue
			}
			moved, more = true, more || to < last
			if err := r.add(ctx, tx, org, from, to); err != nil {
				return err
			}
		}
		if !moved {
			return errUnchanged
		}
		return nil
	})
	return more, err
}

// next locks the organisation's cursor and returns it, and how far it can be moved.
func (r rollUp) next(ctx context.Context, db *DB, tx *sql.Tx, org sallyport.OrgID, last int64) (from, to int64, err error) {
	err = tx.QueryRowContext(ctx,
		`SELECT seq FROM `+r.cursors+` WHERE org_id = $1`+db.engine.forUpdate(), string(org)).Scan(&from)
	if errors.Is(err, sql.ErrNoRows) { // it never had groups
		return 0, 0, nil
	}
	// Another process may have moved it beyond what was the last line a moment ago.
	return from, max(from, min(last, from+rollUpMax)), err
}

// add takes the lines after from, up to to, into the sums.
func (r rollUp) add(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, from, to int64) error {
	_, err := tx.ExecContext(ctx, fmt.Sprintf(`
		INSERT INTO %[1]s (org_id, %[2]s, `+sqlSums+`)
		SELECT CAST($1 AS TEXT), %[2]s, `+sqlUsageSums+`
		FROM (`+sqlLedgerUsage+`%[3]s AND l.seq > $2 AND l.seq <= $3) u
		WHERE TRUE
		GROUP BY %[2]s
		ON CONFLICT (org_id, %[2]s) DO UPDATE SET
			calls = %[1]s.calls + excluded.calls,
			input = %[1]s.input + excluded.input,
			cached_input = %[1]s.cached_input + excluded.cached_input,
			cache_write = %[1]s.cache_write + excluded.cache_write,
			output = %[1]s.output + excluded.output,
			reasoning = %[1]s.reasoning + excluded.reasoning,
			charge = %[1]s.charge + excluded.charge,
			estimated = %[1]s.estimated + excluded.estimated,
			overruns = %[1]s.overruns + excluded.overruns`, r.table, r.keys, r.lines),
		string(org), from, to)
	if err != nil {
		return err
	}
	moved, err := changed(tx.ExecContext(ctx,
		`UPDATE `+r.cursors+` SET seq = $3 WHERE org_id = $1 AND seq = $2`, string(org), from, to))
	if err == nil && !moved {
		err = fmt.Errorf("%w: the cursor of usage is no longer at %s", errGuard, strconv.FormatInt(from, 10))
	}
	return err
}
