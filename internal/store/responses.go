package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// responsesCrowdedOut bounds how many of a person's oldest responses one new one
// takes the place of.
const responsesCrowdedOut = 100

// KeepResponse stores a response, and adds to its thread what was said; InvalidBody
// where that has no room, and NotFound where it is deleted by now. Of a person's ResponsesMax the oldest are
// deleted for it.
func (db *DB) KeepResponse(ctx context.Context, r sallyport.StoredResponse) error {
	return db.transact(ctx, func(tx *sql.Tx) error {
		if r.Thread != "" {
			if _, err := addToThread(ctx, tx, sallyport.Thread{Org: r.Org, ID: r.Thread, User: r.User}, r.Said, r.CreatedAt); err != nil {
				return err
			}
		}
		if r.ID == "" {
			return nil
		}
		return insertResponse(ctx, tx, r)
	})
}

// insertResponse stores a response in the place of the person's oldest.
func insertResponse(ctx context.Context, tx *sql.Tx, r sallyport.StoredResponse) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO responses (org_id, id, user_id, previous, content, created, deleted) VALUES ($1, $2, $3, $4, $5, $6, 0)`,
		r.Org, r.ID, r.User, r.Previous, r.Content, micros(r.CreatedAt))
	if err != nil {
		return err
	}
	if err := insertItems(ctx, tx, r); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE responses SET deleted = $3 WHERE org_id = $1 AND id IN (
			SELECT id FROM responses WHERE org_id = $1 AND user_id = $2 AND deleted = 0
			ORDER BY created DESC, id DESC LIMIT $4 OFFSET $5)`,
		r.Org, r.User, micros(r.CreatedAt), responsesCrowdedOut, sallyport.ResponsesMax)
	return err
}

func insertItems(ctx context.Context, tx *sql.Tx, r sallyport.StoredResponse) error {
	for _, item := range r.Items {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO response_items (org_id, response_id, id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, r.Org, r.ID, item)
		if err != nil {
			return err
		}
	}
	return nil
}

// ResponseChain returns a person's response and all that it follows, the first
// one first. It is NotFound when the response, or one that it follows, is not
// there, was created at since or before, or is deleted; and when there are more
// than ResponsesChained or together they are larger than ResponsesSize.
func (db *DB) ResponseChain(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ResponseID, since time.Time) ([]sallyport.StoredResponse, error) {
	chain, err := list(ctx, db.read, func(rows *sql.Rows) (sallyport.StoredResponse, error) {
		r := sallyport.StoredResponse{Org: org, User: user}
		var created int64
		err := rows.Scan(&r.ID, &r.Previous, &r.Content, &created)
		r.CreatedAt = timeOf(created)
		return r, err
	}, `
		WITH RECURSIVE chain (id, previous, created, depth, size) AS (
			SELECT id, previous, created, 1, LENGTH(content) FROM responses
			WHERE org_id = $1 AND user_id = $2 AND id = $3 AND deleted = 0 AND created > $4
			UNION ALL
			SELECT r.id, r.previous, r.created, c.depth + 1, c.size + LENGTH(r.content)
			FROM chain c JOIN responses r ON r.org_id = $1 AND r.id = c.previous
			WHERE r.user_id = $2 AND r.deleted = 0 AND r.created > $4 AND c.depth < $5 AND c.size + LENGTH(r.content) <= $6
		)
		SELECT c.id, c.previous, r.content, c.created
		FROM chain c JOIN responses r ON r.org_id = $1 AND r.id = c.id
		ORDER BY c.depth DESC`,
		org, user, id, micros(since), sallyport.ResponsesChained, sallyport.ResponsesSize)
	if err == nil && (len(chain) == 0 || chain[0].Previous != "") {
		return nil, sallyport.NewError(sallyport.NotFound, "There is no such response.")
	}
	return chain, err
}

// Response returns a person's response; NotFound as in ResponseChain, but
// whatever became of those that it follows.
func (db *DB) Response(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ResponseID, since time.Time) (sallyport.StoredResponse, error) {
	r := sallyport.StoredResponse{Org: org, ID: id, User: user}
	var created int64
	err := db.read.QueryRowContext(ctx, `
		SELECT previous, content, created FROM responses
		WHERE org_id = $1 AND user_id = $2 AND id = $3 AND deleted = 0 AND created > $4`,
		org, user, id, micros(since)).Scan(&r.Previous, &r.Content, &created)
	r.CreatedAt = timeOf(created)
	return r, orNotFound(err, "response")
}

// ResponseOfItem returns the newest of a person's responses that said the item;
// NotFound as in Response.
func (db *DB) ResponseOfItem(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, item string, since time.Time) (sallyport.StoredResponse, error) {
	var id sallyport.ResponseID
	err := db.read.QueryRowContext(ctx, `
		SELECT r.id FROM response_items i JOIN responses r ON r.org_id = i.org_id AND r.id = i.response_id
		WHERE i.org_id = $1 AND i.id = $3 AND r.user_id = $2 AND r.deleted = 0 AND r.created > $4
		ORDER BY r.created DESC, r.id DESC LIMIT 1`,
		org, user, item, micros(since)).Scan(&id)
	if err != nil {
		return sallyport.StoredResponse{}, orNotFound(err, "item")
	}
	return db.Response(ctx, org, user, id, since)
}

// TurnsSize is how many bytes a person has in responses created, and in threads added
// to, after since; for the user "" all that is stored of the organisation.
func (db *DB) TurnsSize(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, since time.Time) (size int64, err error) {
	if user == "" {
		err = db.read.QueryRowContext(ctx, `
			SELECT (SELECT COALESCE(SUM(LENGTH(content)), 0) FROM responses WHERE org_id = $1)
				+ (SELECT COALESCE(SUM(size), 0) FROM threads WHERE org_id = $1)`, org).Scan(&size)
		return size, err
	}
	err = db.read.QueryRowContext(ctx, `
		SELECT (SELECT COALESCE(SUM(LENGTH(content)), 0) FROM responses WHERE org_id = $1 AND user_id = $2 AND deleted = 0 AND created > $3)
			+ (SELECT COALESCE(SUM(size), 0) FROM threads WHERE org_id = $1 AND user_id = $2 AND deleted = 0 AND updated > $3)`,
		org, user, micros(since)).Scan(&size)
	return size, err
}

// DeleteResponse deletes a person's response: nobody reads it from now on, and
// EraseResponses erases it. One that is under way in the background has ended.
func (db *DB) DeleteResponse(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ResponseID, at time.Time, rec sallyport.Record) error {
	return db.record(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx, `
			UPDATE responses SET deleted = $4 WHERE org_id = $1 AND user_id = $2 AND id = $3 AND deleted = 0`,
			org, user, id, micros(at)))
		if err := foundOr(found, err, "response"); err != nil {
			return err
		}
		_, err = endBackground(ctx, tx, org, id)
		return err
	})
}

// EraseResponses erases responses of all organisations that were deleted, or
// created at expired or before; at most limit. It returns how many. Those of
// organisations under a legal hold stay.
func (db *DB) EraseResponses(ctx context.Context, expired time.Time, limit int) (int64, error) {
	return db.eraseUnheld(ctx, "responses", "created", expired, limit)
}
