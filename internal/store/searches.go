package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/sallyport-ai/sallyport"
)

// SaveSearch keeps a member's search: Conflict when the member has another of that
// name, or as many as a member may.
func (db *DB) SaveSearch(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, s sallyport.SavedSearch, rec sallyport.Record) error {
	return db.record(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		var kept int
		err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM saved_searches WHERE org_id = $1 AND user_id = $2`, org, user).Scan(&kept)
		if err != nil {
			return err
		}
		if kept >= sallyport.SavedSearchesMax {
			return sallyport.NewError(sallyport.Conflict, fmt.Sprintf("You keep %d searches, which is as many as can be: delete one first.", kept))
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO saved_searches (org_id, user_id, id, name, query, created) VALUES ($1, $2, $3, $4, $5, $6)`,
			org, user, s.ID, s.Name, string(s.Query), micros(s.CreatedAt))
		return err
	})
}

// SavedSearches lists a member's, by name.
func (db *DB) SavedSearches(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) ([]sallyport.SavedSearch, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (s sallyport.SavedSearch, err error) {
		var created int64
		var query string
		err = rows.Scan(&s.ID, &s.Name, &query, &created)
		s.Query, s.CreatedAt = []byte(query), timeOf(created)
		return s, err
	}, `SELECT id, name, query, created FROM saved_searches WHERE org_id = $1 AND user_id = $2 ORDER BY name`, org, user)
}

// DeleteSearch deletes one of a member's.
func (db *DB) DeleteSearch(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id string, rec sallyport.Record) error {
	return db.record(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx,
			`DELETE FROM saved_searches WHERE org_id = $1 AND user_id = $2 AND id = $3`, org, user, id))
		return foundOr(found, err, "saved search")
	})
}
