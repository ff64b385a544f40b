package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// sinkErrorMax bounds, in bytes, the text of an error that is kept.
const sinkErrorMax = 512

// HoldSink makes holder the one process that delivers to a sink, until then,
// and says whether it is. Whoever holds it may hold it longer; another may once
// the time has passed.
func (db *DB) HoldSink(ctx context.Context, name, holder string, now, until time.Time) (bool, error) {
	return changed(db.write.ExecContext(ctx, `
		INSERT INTO sinks (name, holder, held_until, failures, error, attempted, next_attempt)
		VALUES ($1, $2, $4, 0, '', 0, 0)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
		WHERE sinks.holder = excluded.holder OR sinks.held_until <= $3`,
		name, holder, micros(now), micros(until)))
}

// SaveSinkState notes how the last attempt of a sink went. It says nothing
// about who holds it, and does nothing unless s.Holder does.
func (db *DB) SaveSinkState(ctx context.Context, s sallyport.SinkState) error {
	_, err := db.write.ExecContext(ctx, `
		UPDATE sinks SET failures = $3, error = $4, attempted = $5, next_attempt = $6
		WHERE name = $1 AND holder = $2`,
		s.Name, s.Holder, s.Failures, text(s.Error, sinkErrorMax), micros(s.At), micros(s.Next))
	return err
}

// SinkStates lists the sinks that were ever held, by name.
func (db *DB) SinkStates(ctx context.Context) ([]sallyport.SinkState, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (s sallyport.SinkState, err error) {
		var until, at, next int64
		err = rows.Scan(&s.Name, &s.Holder, &until, &s.Failures, &s.Error, &at, &next)
		s.Until, s.At, s.Next = timeOf(until), timeOf(at), timeOf(next)
		return s, err
	}, `SELECT name, holder, held_until, failures, error, attempted, next_attempt FROM sinks ORDER BY name`)
}

// AdvanceSink notes that a sink has taken an organisation's records up to seq.
// It never goes back. An organisation nobody knows is NotFound.
func (db *DB) AdvanceSink(ctx context.Context, sink string, org sallyport.OrgID, seq int64, at time.Time) error {
	known, err := changed(db.write.ExecContext(ctx, `
		INSERT INTO sink_cursors (org_id, sink, seq, at)
		SELECT org_id, $2, $3, $4 FROM chain_heads WHERE org_id = $1
		ON CONFLICT (org_id, sink) DO UPDATE SET
			at  = CASE WHEN excluded.seq > sink_cursors.seq THEN excluded.at ELSE sink_cursors.at END,
			seq = CASE WHEN excluded.seq > sink_cursors.seq THEN excluded.seq ELSE sink_cursors.seq END`,
		org, sink, seq, micros(at)))
	if err == nil && !known {
		err = notFound("organisation")
	}
	return err
}

// RewindSink lets a sink begin again after seq, so that it gets what follows once more.
func (db *DB) RewindSink(ctx context.Context, sink string, org sallyport.OrgID, seq int64) error {
	found, err := changed(db.write.ExecContext(ctx,
		`UPDATE sink_cursors SET seq = $3 WHERE org_id = $1 AND sink = $2 AND seq > $3`, org, sink, seq))
	if err == nil && !found {
		err = notFound("delivery beyond that record")
	}
	return err
}

// SinkTrails lists how far a sink has got: in one organisation, or in all and
// the instance when org is empty.
func (db *DB) SinkTrails(ctx context.Context, sink string, org sallyport.OrgID) ([]sallyport.Trail, error) {
	return db.trails(ctx, `
		SELECT h.org_id, h.seq, COALESCE(c.seq, 0), COALESCE(c.at, 0)
		FROM chain_heads h
		LEFT JOIN sink_cursors c ON c.org_id = h.org_id AND c.sink = $1
		WHERE $2 = '' OR h.org_id = $2
		ORDER BY h.org_id`, sink, string(org))
}
