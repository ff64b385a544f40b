package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// sinkErrorMax bounds, in bytes, the text of an error that is kept.
const sinkErrorMax = 512

// HoldSink makes holder, a life of a node, the one that delivers to a sink for so
// long, by the clock of the database, and says whether it is. Whoever holds it may
// hold it longer; another may once that time has come or the life has ended.
func (db *DB) HoldSink(ctx context.Context, name, holder string, hold time.Duration) (bool, error) {
	now := db.engine.clock()
	return changed(db.write.ExecContext(ctx, `
		INSERT INTO sinks (name, holder, held_until, failures, error, attempted, next_attempt)
		VALUES ($1, $2, `+now+` + $3, 0, '', 0, 0)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
		WHERE sinks.holder = excluded.holder OR sinks.held_until <= `+now+`
			OR EXISTS (SELECT 1 FROM leases WHERE boot = sinks.holder AND ended > 0)`,
		name, holder, hold.Microseconds()))
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
		var at, next int64
		err = rows.Scan(&s.Name, &s.Holder, &s.Failures, &s.Error, &at, &next)
		s.At, s.Next = timeOf(at), timeOf(next)
		return s, err
	}, `SELECT name, holder, failures, error, attempted, next_attempt FROM sinks ORDER BY name`)
}

// AdvanceSink notes that a sink has taken an organisation's records after the
// first number up to the second. When the cursor does not stand at the first one
// (another process has moved it, or somebody wants records again) the error is
// Conflict and it stays. An organisation nobody knows is NotFound.
func (db *DB) AdvanceSink(ctx context.Context, sink string, org sallyport.OrgID, from, to int64, at time.Time) error {
	return db.transact(ctx, func(tx *sql.Tx) error { return advanceSink(ctx, tx, sink, org, from, to, at) })
}

func advanceSink(ctx context.Context, tx *sql.Tx, sink string, org sallyport.OrgID, from, to int64, at time.Time) error {
	moved, err := changed(tx.ExecContext(ctx, `
		INSERT INTO sink_cursors (org_id, sink, seq, at)
		SELECT org_id, $2, $3, $4 FROM chain_heads WHERE org_id = $1
		ON CONFLICT (org_id, sink) DO UPDATE SET seq = excluded.seq, at = excluded.at
		WHERE sink_cursors.seq = $5`,
		org, sink, to, micros(at), from))
	if err != nil || moved {
		return err
	}
	var known bool
	err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM chain_heads WHERE org_id = $1)`, org).Scan(&known)
	if err == nil && !known {
		return notFound("organisation")
	}
	return errors.Join(err, sallyport.NewError(sallyport.Conflict, "The sink's cursor is elsewhere by now."))
}

// BuryRecords lets a sink go on behind records that its receiver refuses: they
// become dead letters and the cursor moves, as AdvanceSink does. Each of recs is
// appended to the organisation's trail. All of that, or nothing.
func (db *DB) BuryRecords(ctx context.Context, letters []sallyport.DeadLetter, from, to int64, recs []sallyport.Record) error {
	first := letters[0]
	return db.transact(ctx, func(tx *sql.Tx) error {
		head, err := db.lockHead(ctx, tx, first.Org)
		if err != nil {
			return err
		}
		if err := advanceSink(ctx, tx, first.Sink, first.Org, from, to, first.At); err != nil {
			return err
		}
		for _, l := range letters {
			if _, err := tx.ExecContext(ctx, `
				INSERT INTO dead_letters (org_id, sink, seq, event_id, error, at) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (org_id, sink, seq) DO UPDATE SET error = excluded.error, at = excluded.at`,
				l.Org, l.Sink, l.Seq, text(l.EventID, columnMax), text(l.Error, sinkErrorMax), micros(l.At)); err != nil {
				return err
			}
		}
		for _, rec := range recs {
			if err := db.append(ctx, tx, head, rec); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeadLetters lists what a sink went on without, oldest first, at most limit; in
// one organisation, or in all when org is empty.
func (db *DB) DeadLetters(ctx context.Context, sink string, org sallyport.OrgID, limit int) ([]sallyport.DeadLetter, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (l sallyport.DeadLetter, err error) {
		var at int64
		err = rows.Scan(&l.Org, &l.Sink, &l.Seq, &l.EventID, &l.Error, &at)
		l.At = timeOf(at)
		return l, err
	}, `
		SELECT org_id, sink, seq, event_id, error, at FROM dead_letters
		WHERE sink = $1 AND ($2 = '' OR org_id = $2) ORDER BY at, org_id, seq LIMIT $3`, sink, string(org), page(limit))
}

// RewindSink lets a sink begin again after seq, so that it gets what follows
// once more, dead letters too. A sink that has not got so far is NotFound.
func (db *DB) RewindSink(ctx context.Context, sink string, org sallyport.OrgID, seq int64, rec sallyport.Record) error {
	return db.record(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx,
			`UPDATE sink_cursors SET seq = $3 WHERE org_id = $1 AND sink = $2 AND seq > $3`, org, sink, seq))
		if err == nil && !found {
			err = notFound("delivery beyond that record")
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM dead_letters WHERE org_id = $1 AND sink = $2 AND seq > $3`, org, sink, seq)
		return err
	})
}

// FirstRecordSince returns the number of the first record of that time or later;
// one beyond the last record when there is none.
func (db *DB) FirstRecordSince(ctx context.Context, org sallyport.OrgID, at time.Time) (seq int64, err error) {
	err = db.read.QueryRowContext(ctx, `
		SELECT COALESCE((SELECT MIN(seq) FROM records WHERE org_id = $1 AND time >= $2), seq + 1)
		FROM chain_heads WHERE org_id = $1`, org, micros(at)).Scan(&seq)
	return seq, orNotFound(err, "organisation")
}

// SinkLag tells how far a sink is behind, in one organisation, or in all and the
// instance when org is empty.
func (db *DB) SinkLag(ctx context.Context, sink string, org sallyport.OrgID) (l sallyport.SinkLag, err error) {
	var oldest, delivered int64
	err = db.read.QueryRowContext(ctx, `
		SELECT CAST(COALESCE(SUM(behind), 0) AS BIGINT), COALESCE(MIN(oldest), 0), COALESCE(MAX(delivered), 0),
			(SELECT COUNT(*) FROM dead_letters WHERE sink = $1 AND ($2 = '' OR org_id = $2))
		FROM (
			SELECT h.seq - COALESCE(c.seq, 0) AS behind, COALESCE(c.at, 0) AS delivered,
				(SELECT r.time FROM records r WHERE r.org_id = h.org_id AND r.seq > COALESCE(c.seq, 0) ORDER BY r.seq LIMIT 1) AS oldest
			FROM chain_heads h
			LEFT JOIN sink_cursors c ON c.org_id = h.org_id AND c.sink = $1
			WHERE $2 = '' OR h.org_id = $2
		) AS trails`, sink, string(org)).Scan(&l.Records, &oldest, &delivered, &l.Dead)
	l.Oldest, l.Delivered = timeOf(oldest), timeOf(delivered)
	return l, err
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
