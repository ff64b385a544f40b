package store

import (
	"context"
	"database/sql"

	"github.com/sallyport-ai/sallyport"
)

// BeginResponse stores a response that the call makes in the background, as it is
// before its end; as KeepResponse does otherwise.
func (db *DB) BeginResponse(ctx context.Context, r sallyport.StoredResponse, by sallyport.ResponseCall) error {
	return db.transact(ctx, func(tx *sql.Tx) error {
		if err := insertResponse(ctx, tx, r); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO background_responses (org_id, response_id, call_id, node, boot) VALUES ($1, $2, $3, $4, $5)`,
			r.Org, r.ID, by.ID, by.Node, by.Boot)
		return err
	})
}

// FinishResponse ends a response that is under way in the background with its
// Content and Items. One that has ended is Conflict, whoever ended it: it is never
// written again.
func (db *DB) FinishResponse(ctx context.Context, r sallyport.StoredResponse) error {
	return db.transact(ctx, func(tx *sql.Tx) error { return finishResponse(ctx, tx, r) })
}

// CancelResponse is FinishResponse by somebody who does not work on it, with the
// record of that. Whoever works on it sees that it has ended: BackgroundResponses.
func (db *DB) CancelResponse(ctx context.Context, r sallyport.StoredResponse, rec sallyport.Record) error {
	return db.record(ctx, r.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error { return finishResponse(ctx, tx, r) })
}

func finishResponse(ctx context.Context, tx *sql.Tx, r sallyport.StoredResponse) error {
	ended, err := endBackground(ctx, tx, r.Org, r.ID)
	if err != nil {
		return err
	}
	if !ended {
		return sallyport.NewError(sallyport.Conflict, "The response has ended.")
	}
	_, err = tx.ExecContext(ctx, `UPDATE responses SET content = $3 WHERE org_id = $1 AND id = $2`, r.Org, r.ID, r.Content)
	if err != nil {
		return err
	}
	return insertItems(ctx, tx, r)
}

// endBackground says whether the response was under way.
func endBackground(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, id sallyport.ResponseID) (bool, error) {
	return changed(tx.ExecContext(ctx, `DELETE FROM background_responses WHERE org_id = $1 AND response_id = $2`, org, id))
}

const sqlBackgroundResponses = `
	SELECT r.org_id, r.id, r.user_id, r.previous, r.content, r.created
	FROM background_responses b JOIN responses r ON r.org_id = b.org_id AND r.id = b.response_id`

func scanBackground(rows *sql.Rows) (sallyport.StoredResponse, error) {
	var r sallyport.StoredResponse
	var created int64
	err := rows.Scan(&r.Org, &r.ID, &r.User, &r.Previous, &r.Content, &created)
	r.CreatedAt = timeOf(created)
	return r, err
}

// BackgroundResponses are the ids of those that are under way in a life of a server.
func (db *DB) BackgroundResponses(ctx context.Context, node, boot string) ([]sallyport.ResponseID, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (id sallyport.ResponseID, err error) {
		return id, rows.Scan(&id)
	}, `SELECT response_id FROM background_responses WHERE node = $1 AND boot = $2`, node, boot)
}

// LeftResponses lists responses under way that no other life of a server works on
// any more than node and boot: those of lives that have ended, once the journal has
// closed their call. At most limit; 0: 1,000.
func (db *DB) LeftResponses(ctx context.Context, node, boot string, limit int) ([]sallyport.StoredResponse, error) {
	return list(ctx, db.read, scanBackground, sqlBackgroundResponses+`
		WHERE NOT (b.node = $1 AND b.boot = $2)
			AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.node = b.node AND l.boot = b.boot AND l.ended = 0)
			AND NOT EXISTS (SELECT 1 FROM open_calls o WHERE o.org_id = b.org_id AND o.id = b.call_id)
		ORDER BY r.created LIMIT $3`, node, boot, page(limit))
}
