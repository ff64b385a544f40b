package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/sallyport-ai/sallyport"
)

// CreateShare adds a share of a conversation of the person.
func (db *DB) CreateShare(ctx context.Context, s sallyport.Share, rec sallyport.Record) error {
	return db.record(ctx, s.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		var n int
		err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM shares WHERE org_id = $1 AND user_id = $2`, s.Org, s.User).Scan(&n)
		if err == nil && n >= sallyport.SharesMax {
			err = sallyport.NewError(sallyport.Conflict, fmt.Sprintf("A person has at most %d shares: revoke some first.", sallyport.SharesMax))
		}
		if err != nil {
			return err
		}
		added, err := changed(tx.ExecContext(ctx, `
			INSERT INTO shares (org_id, id, conversation_id, user_id, title, snapshot, created)
			SELECT c.org_id, $4, c.id, c.user_id, $5, $6, $7 FROM conversations c WHERE`+ofConversation,
			s.Org, s.User, s.Conversation, s.ID, s.Title, s.Snapshot, micros(s.CreatedAt)))
		return foundOr(added, err, "conversation")
	})
}

// sharesStand leaves out those of conversations that are deleted.
const sharesStand = ` FROM shares s JOIN conversations c ON c.org_id = s.org_id AND c.id = s.conversation_id
		WHERE s.org_id = $1 AND c.deleted = 0`

// Share returns a share of the organisation.
func (db *DB) Share(ctx context.Context, org sallyport.OrgID, id sallyport.ShareID) (sallyport.Share, error) {
	s := sallyport.Share{Org: org, ID: id}
	var created int64
	err := db.read.QueryRowContext(ctx, `SELECT s.conversation_id, s.user_id, s.title, s.snapshot, s.created`+sharesStand+` AND s.id = $2`, org, id).
		Scan(&s.Conversation, &s.User, &s.Title, &s.Snapshot, &created)
	s.CreatedAt = timeOf(created)
	return s, orNotFound(err, "share")
}

// Shares lists a person's shares without their snapshots, the newest first.
func (db *DB) Shares(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) ([]sallyport.Share, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.Share, error) {
		s := sallyport.Share{Org: org, User: user}
		var created int64
		err := rows.Scan(&s.ID, &s.Conversation, &s.Title, &created)
		s.CreatedAt = timeOf(created)
		return s, err
	}, `SELECT s.id, s.conversation_id, s.title, s.created`+sharesStand+` AND s.user_id = $2 ORDER BY s.created DESC, s.id DESC`, org, user)
}

// RevokeShare ends a share for good, with its snapshot. user is whose it must
// be; empty: anybody's.
func (db *DB) RevokeShare(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ShareID, rec sallyport.Record) error {
	return db.record(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		return db.scrubbed(ctx, tx, func() error {
			found, err := changed(tx.ExecContext(ctx,
				`DELETE FROM shares WHERE org_id = $1 AND id = $2 AND (user_id = $3 OR $3 = '')`, org, id, user))
			return foundOr(found, err, "share")
		})
	})
}
