package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// CreateConversation adds a conversation. Its owner must be a member.
func (db *DB) CreateConversation(ctx context.Context, c sallyport.Conversation, rec sallyport.Record) error {
	return db.record(ctx, c.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		return insertConversation(ctx, tx, c)
	})
}

func insertConversation(ctx context.Context, tx *sql.Tx, c sallyport.Conversation) error {
	var n int
	err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM conversations WHERE org_id = $1 AND user_id = $2`, c.Org, c.User).Scan(&n)
	if err != nil {
		return err
	}
	if n >= sallyport.ConversationsMax {
		return sallyport.NewError(sallyport.Conflict, "There is no room for another conversation: delete some first.")
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO conversations (org_id, id, user_id, title, folder, model, pinned, archived, leaf, messages, created, updated, deleted)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11, 0)`,
		c.Org, c.ID, c.User, c.Title, c.Folder, c.Model, flag(c.Pinned), flag(c.Archived), c.Leaf, micros(c.CreatedAt), micros(c.UpdatedAt))
	return err
}

// flag is how both databases store what is true or not, in columns that an index
// orders by.
func flag(set bool) int64 {
	if set {
		return 1
	}
	return 0
}

const (
	sqlConversations = `
	SELECT c.org_id, c.id, c.user_id, c.title, c.folder, c.model, c.pinned, c.archived, c.leaf, c.created, c.updated,
		EXISTS (SELECT 1 FROM shares s WHERE s.org_id = c.org_id AND s.conversation_id = c.id)
	FROM conversations c`
	// ofConversation holds for a conversation of the person that is not deleted.
	ofConversation = ` c.org_id = $1 AND c.user_id = $2 AND c.id = $3 AND c.deleted = 0`
)

// Conversation returns a conversation of the person.
func (db *DB) Conversation(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID) (sallyport.Conversation, error) {
	c, err := scanConversation(db.read.QueryRowContext(ctx, sqlConversations+` WHERE`+ofConversation, org, user, id))
	return c, orNotFound(err, "conversation")
}

// Conversations lists some of a person's conversations.
func (db *DB) Conversations(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, q sallyport.ConversationQuery) ([]sallyport.Conversation, error) {
	w := where{args: []any{org}}
	w.add("c.user_id = $%[1]d", user)
	w.add("c.archived = $%[1]d", flag(q.Archived))
	if q.After != nil {
		pinned, updated, id := w.arg(flag(q.After.Pinned)), w.arg(micros(q.After.UpdatedAt)), w.arg(q.After.ID)
		w.WriteString(` AND (c.pinned, c.updated, c.id) < (` + pinned + `, ` + updated + `, ` + id + `)`)
	}
	limit := w.arg(page(q.Limit))
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.Conversation, error) { return scanConversation(rows) },
		sqlConversations+` WHERE c.org_id = $1 AND c.deleted = 0`+w.String()+`
		ORDER BY c.pinned DESC, c.updated DESC, c.id DESC LIMIT `+limit, w.args...)
}

func scanConversation(row scanner) (c sallyport.Conversation, err error) {
	var pinned, archived, created, updated int64
	err = row.Scan(&c.Org, &c.ID, &c.User, &c.Title, &c.Folder, &c.Model, &pinned, &archived, &c.Leaf, &created, &updated, &c.Shared)
	c.Pinned, c.Archived = pinned != 0, archived != 0
	c.CreatedAt, c.UpdatedAt = timeOf(created), timeOf(updated)
	return c, err
}

// ChangeConversation changes a conversation of the person. A leaf that is no
// message of it is NotFound.
func (db *DB) ChangeConversation(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID, change sallyport.ConversationChange, rec sallyport.Record) error {
	return db.record(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		w := where{args: []any{org, user, id}}
		var set []string
		put := func(column string, v any) { set = append(set, column+` = `+w.arg(v)) }
		if change.Title != nil {
			put("title", change.Title)
		}
		if change.Folder != nil {
			put("folder", *change.Folder)
		}
		if change.Model != nil {
			put("model", *change.Model)
		}
		if change.Pinned != nil {
			put("pinned", flag(*change.Pinned))
		}
		if change.Archived != nil {
			put("archived", flag(*change.Archived))
		}
		if change.Leaf != nil {
			if err := messageExists(ctx, tx, org, id, *change.Leaf); err != nil {
				return err
			}
			put("leaf", *change.Leaf)
		}
		if len(set) == 0 {
			put("deleted", 0) // nothing changes, but the call is told of
		}
		found, err := changed(tx.ExecContext(ctx, `
			UPDATE conversations SET `+strings.Join(set, ", ")+`
			WHERE org_id = $1 AND user_id = $2 AND id = $3 AND deleted = 0`, w.args...))
		return foundOr(found, err, "conversation")
	})
}

// DeleteConversation hides a conversation of the person, with its shares. It can
// be restored until it is erased.
func (db *DB) DeleteConversation(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID, at time.Time, rec sallyport.Record) error {
	return db.record(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx, `
			UPDATE conversations SET deleted = $4 WHERE org_id = $1 AND user_id = $2 AND id = $3 AND deleted = 0`,
			org, user, id, micros(at)))
		return foundOr(found, err, "conversation")
	})
}

// RestoreConversation shows a conversation again that was deleted after since.
func (db *DB) RestoreConversation(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID, since time.Time, rec sallyport.Record) error {
	return db.record(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx, `
			UPDATE conversations SET deleted = 0 WHERE org_id = $1 AND user_id = $2 AND id = $3 AND deleted > $4`,
			org, user, id, micros(since)))
		return foundOr(found, err, "conversation that can be restored")
	})
}

// DeletedConversations lists conversations of all organisations that were
// deleted before, the first deleted first, at most limit; 0: 1,000. Those of
// organisations under a legal hold are not among them.
func (db *DB) DeletedConversations(ctx context.Context, before time.Time, limit int) ([]sallyport.Conversation, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (c sallyport.Conversation, err error) {
		return c, rows.Scan(&c.Org, &c.ID, &c.User)
	}, `
		SELECT org_id, id, user_id FROM conversations c
		WHERE deleted > 0 AND deleted < $1 AND NOT EXISTS (
			SELECT 1 FROM policies p WHERE p.org_id = c.org_id AND p.kind = $2 AND p.subject = $3)
		ORDER BY deleted LIMIT $4`,
		micros(before), sallyport.KindAudit, sallyport.LegalHold, page(limit))
}

// messagesErased is how many messages go in one transaction.
const messagesErased = 100

// EraseConversation erases a conversation that was deleted before, with all that
// belongs to it, in the last of several steps together with rec, which tells of it. more: it must
// be called again. It is Conflict under a legal hold.
func (db *DB) EraseConversation(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, before time.Time, rec sallyport.Record) (more bool, err error) {
	step := func(tx *sql.Tx) (int64, error) {
		var deleted int64
		err := tx.QueryRowContext(ctx, `SELECT deleted FROM conversations WHERE org_id = $1 AND id = $2`, org, id).Scan(&deleted)
		if err != nil {
			return 0, orNotFound(err, "conversation")
		}
		if deleted == 0 || deleted >= micros(before) {
			return 0, sallyport.NewError(sallyport.Conflict, "The conversation is not to be erased.")
		}
		return eraseMessages(ctx, tx, org, id)
	}
	err = db.remove(ctx, org, func(tx *sql.Tx) error {
		n, err := step(tx)
		more = n == messagesErased
		return err
	})
	if err != nil || more {
		return more, err
	}
	return false, db.erase(ctx, org, func(int64) sallyport.Record { return rec }, func(tx *sql.Tx) (int64, error) {
		if _, err := step(tx); err != nil {
			return 0, err
		}
		return 1, eraseEmpty(ctx, tx, org, id)
	})
}

func eraseMessages(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, id sallyport.ConversationID) (int64, error) {
	// Whoever writes an answer waits here, and then finds that there is none.
	_, err := tx.ExecContext(ctx, `UPDATE messages SET stop_asked = 1 WHERE org_id = $1 AND conversation_id = $2 AND state = 'streaming'`, org, id)
	if err != nil {
		return 0, err
	}
	const these = `(SELECT id FROM messages WHERE org_id = $1 AND conversation_id = $2 ORDER BY id LIMIT $3)`
	for _, part := range []string{"answer_steps", "attachments"} {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+part+` WHERE org_id = $1 AND message_id IN `+these, org, id, messagesErased); err != nil {
			return 0, err
		}
	}
	return removed(tx.ExecContext(ctx, `DELETE FROM messages WHERE org_id = $1 AND id IN `+these, org, id, messagesErased))
}

// eraseEmpty erases a conversation without messages.
func eraseEmpty(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, id sallyport.ConversationID) error {
	for _, text := range []string{
		`DELETE FROM turns_once WHERE org_id = $1 AND conversation_id = $2`,
		`DELETE FROM shares WHERE org_id = $1 AND conversation_id = $2`,
		`DELETE FROM conversations WHERE org_id = $1 AND id = $2`,
	} {
		if _, err := tx.ExecContext(ctx, text, org, id); err != nil {
			return err
		}
	}
	return nil
}
