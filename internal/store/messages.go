package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// AddTurn adds a turn to a conversation of the person, whose leaf and time it
// moves. When the turn has been added before under its Once, nothing is changed
// and nothing recorded, and what stands is returned. A parent that is no message
// of the conversation is NotFound; one that is an answer under way is Conflict.
func (db *DB) AddTurn(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID, t sallyport.Turn, rec sallyport.Record) (before *sallyport.TurnOnce, err error) {
	err = db.record(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		var messages int
		err := tx.QueryRowContext(ctx, `SELECT messages FROM conversations c WHERE`+ofConversation, org, user, id).Scan(&messages)
		if err != nil {
			return orNotFound(err, "conversation")
		}
		if t.Once != nil {
			if before, err = turnOnce(ctx, tx, org, id, t.Once.Name); err != nil {
				return err
			}
			if before != nil {
				return errUnchanged
			}
		}
		added := t.Messages()
		if messages+len(added) > sallyport.MessagesMax {
			return sallyport.NewError(sallyport.Conflict, fmt.Sprintf("A conversation has at most %d messages: begin another.", sallyport.MessagesMax))
		}
		if err := addBelow(ctx, tx, org, id, t.Parent, added); err != nil {
			return err
		}
		return finishTurn(ctx, tx, org, id, t, added)
	})
	return before, err
}

// addBelow inserts messages, each below the one before.
func addBelow(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, id sallyport.ConversationID, parent sallyport.MessageID, added []*sallyport.Message) error {
	depth := 0
	if parent != "" {
		var state sallyport.MessageState
		err := tx.QueryRowContext(ctx, `SELECT depth, state FROM messages WHERE org_id = $1 AND conversation_id = $2 AND id = $3`,
			org, id, parent).Scan(&depth, &state)
		if err != nil {
			return orNotFound(err, "message to go on from")
		}
		if state == sallyport.MessageStreaming {
			return sallyport.NewError(sallyport.Conflict, "The answer is still being written: stop it, or wait for its end.")
		}
		depth++
	}
	for _, m := range added {
		m.Org, m.Conversation, m.Parent, m.Depth = org, id, parent, depth
		if err := insertMessage(ctx, tx, *m); err != nil {
			return err
		}
		parent, depth = m.ID, depth+1
	}
	return nil
}

func finishTurn(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, id sallyport.ConversationID, t sallyport.Turn, added []*sallyport.Message) error {
	for _, a := range t.Attachments {
		if err := insertAttachment(ctx, tx, a); err != nil {
			return err
		}
	}
	last := added[len(added)-1]
	_, err := tx.ExecContext(ctx, `
		UPDATE conversations SET leaf = $3, updated = $4, messages = messages + $5, archived = 0,
			title = COALESCE(title, $6), model = CASE WHEN $7 = '' THEN model ELSE $7 END
		WHERE org_id = $1 AND id = $2`,
		org, id, last.ID, micros(last.CreatedAt), len(added), t.Title, t.Model)
	if err != nil || t.Once == nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO turns_once (org_id, conversation_id, name, body, said, answer) VALUES ($1, $2, $3, $4, $5, $6)`,
		org, id, t.Once.Name, t.Once.Body, t.Once.Said, t.Once.Answer)
	return err
}

func turnOnce(ctx context.Context, q rowQuerier, org sallyport.OrgID, id sallyport.ConversationID, name []byte) (*sallyport.TurnOnce, error) {
	o := sallyport.TurnOnce{Name: name}
	err := q.QueryRowContext(ctx, `SELECT body, said, answer FROM turns_once WHERE org_id = $1 AND conversation_id = $2 AND name = $3`,
		org, id, name).Scan(&o.Body, &o.Said, &o.Answer)
	if err != nil {
		return nil, orNothing(err)
	}
	return &o, nil
}

// TurnOnce returns what a request with that Idempotency-Key made in the
// conversation before; nil: nothing.
func (db *DB) TurnOnce(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, name []byte) (*sallyport.TurnOnce, error) {
	return turnOnce(ctx, db.read, org, id, name)
}

func insertMessage(ctx context.Context, tx *sql.Tx, m sallyport.Message) error {
	a := m.Answer
	_, err := tx.ExecContext(ctx, `
		INSERT INTO messages (org_id, id, conversation_id, parent, depth, role, state, model, run_id, content, masked, rating, created,
			node, boot, stop_asked, request_id, call_id, ledger_from, seq, left_out, code, retry_after,
			input, cached_input, cache_write, output, reasoning, credits, duration)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
			$14, $15, 0, $16, $17, COALESCE((SELECT ledger_seq FROM accounts WHERE org_id = $1), 0), $18, $19, $20, $21,
			$22, $23, $24, $25, $26, $27, $28)`,
		m.Org, m.ID, m.Conversation, m.Parent, m.Depth, m.Role, m.State, m.Model, m.Run, m.Content, m.Masked, m.Rating, micros(m.CreatedAt),
		a.Node, a.Boot, a.RequestID, a.Call, a.Seq, a.LeftOut, a.Code, a.RetryAfter.Microseconds(),
		a.Usage.Input, a.Usage.CachedInput, a.Usage.CacheWrite, a.Usage.Output, a.Usage.Reasoning, a.Credits, a.Duration.Microseconds())
	return err
}

const sqlMessageColumns = `m.org_id, m.id, m.conversation_id, m.parent, m.depth, m.role, m.state, m.model, m.run_id, m.content, m.masked,
		m.rating, m.created, m.node, m.boot, m.request_id, m.call_id, m.ledger_from, m.seq, m.left_out, m.code, m.retry_after,
		m.input, m.cached_input, m.cache_write, m.output, m.reasoning, m.credits, m.duration`

func scanMessage(row scanner) (m sallyport.Message, err error) {
	a := &m.Answer
	var created, retry, duration int64
	err = row.Scan(&m.Org, &m.ID, &m.Conversation, &m.Parent, &m.Depth, &m.Role, &m.State, &m.Model, &m.Run, &m.Content, &m.Masked,
		&m.Rating, &created, &a.Node, &a.Boot, &a.RequestID, &a.Call, &a.LedgerFrom, &a.Seq, &a.LeftOut, &a.Code, &retry,
		&a.Usage.Input, &a.Usage.CachedInput, &a.Usage.CacheWrite, &a.Usage.Output, &a.Usage.Reasoning, &a.Credits, &duration)
	m.CreatedAt = timeOf(created)
	a.RetryAfter, a.Duration = time.Duration(retry)*time.Microsecond, time.Duration(duration)*time.Microsecond
	return m, err
}

func scanMessages(rows *sql.Rows) (sallyport.Message, error) { return scanMessage(rows) }

// Message returns a message of a conversation of the person.
func (db *DB) Message(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID, message sallyport.MessageID) (sallyport.Message, error) {
	m, err := scanMessage(db.read.QueryRowContext(ctx, `
		SELECT `+sqlMessageColumns+`
		FROM messages m JOIN conversations c ON c.org_id = m.org_id AND c.id = m.conversation_id
		WHERE`+ofConversation+` AND m.id = $4`, org, user, id, message))
	return m, orNotFound(err, "message")
}

func messageExists(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, id sallyport.ConversationID, message sallyport.MessageID) error {
	var exists bool
	err := tx.QueryRowContext(ctx,
		`SELECT EXISTS (SELECT 1 FROM messages WHERE org_id = $1 AND conversation_id = $2 AND id = $3)`, org, id, message).Scan(&exists)
	return foundOr(exists, err, "message")
}

// Path lists the messages from one of a conversation up to its root, at most
// limit, the lowest first. It is empty for a message that is not there.
func (db *DB) Path(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, from sallyport.MessageID, limit int) ([]sallyport.Message, error) {
	return list(ctx, db.read, scanMessages, `
		WITH RECURSIVE path (id, parent, n) AS (
			SELECT m.id, m.parent, 1 FROM messages m WHERE m.org_id = $1 AND m.conversation_id = $2 AND m.id = $3
			UNION ALL
			SELECT m.id, m.parent, p.n + 1 FROM path p JOIN messages m ON m.org_id = $1 AND m.id = p.parent WHERE p.n < $4)
		SELECT `+sqlMessageColumns+` FROM path p JOIN messages m ON m.org_id = $1 AND m.id = p.id
		ORDER BY m.depth DESC`, org, id, from, page(limit))
}

// PathIDs lists the ids of all messages from one of a conversation up to its root,
// the lowest first.
func (db *DB) PathIDs(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, from sallyport.MessageID) ([]sallyport.MessageID, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (id sallyport.MessageID, err error) {
		return id, rows.Scan(&id)
	}, `
		WITH RECURSIVE path (id, parent, depth) AS (
			SELECT m.id, m.parent, m.depth FROM messages m WHERE m.org_id = $1 AND m.conversation_id = $2 AND m.id = $3
			UNION ALL
			SELECT m.id, m.parent, m.depth FROM path p JOIN messages m ON m.org_id = $1 AND m.id = p.parent)
		SELECT id FROM path ORDER BY depth DESC`, org, id, from)
}

// NewestBelow returns the end of the branch that goes on from a message with the
// newest of each generation; the message itself when nothing goes on from it.
func (db *DB) NewestBelow(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, from sallyport.MessageID) (leaf sallyport.MessageID, err error) {
	err = db.read.QueryRowContext(ctx, `
		WITH RECURSIVE below (id, n) AS (
			SELECT m.id, 0 FROM messages m WHERE m.org_id = $1 AND m.conversation_id = $2 AND m.id = $3
			UNION ALL
			SELECT (SELECT MAX(m.id) FROM messages m WHERE m.org_id = $1 AND m.conversation_id = $2 AND m.parent = b.id), b.n + 1
			FROM below b WHERE b.id IS NOT NULL)
		SELECT id FROM below WHERE id IS NOT NULL ORDER BY n DESC LIMIT 1`, org, id, from).Scan(&leaf)
	return leaf, orNotFound(err, "message")
}

// Siblings lists, for each of these messages' parents, the messages below it in
// the order in which they were added.
func (db *DB) Siblings(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, of []sallyport.Message) (map[sallyport.MessageID][]sallyport.MessageID, error) {
	below := make(map[sallyport.MessageID][]sallyport.MessageID, len(of))
	if len(of) == 0 {
		return below, nil
	}
	w := where{args: []any{org, id}}
	for n, m := range of {
		if n > 0 {
			w.WriteString(", ")
		}
		w.WriteString(w.arg(m.Parent))
	}
	rows, err := db.read.QueryContext(ctx, `
		SELECT parent, id FROM messages
		WHERE org_id = $1 AND conversation_id = $2 AND parent IN (`+w.String()+`) ORDER BY parent, id`, w.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var parent, child sallyport.MessageID
		if err := rows.Scan(&parent, &child); err != nil {
			return nil, err
		}
		below[parent] = append(below[parent], child)
	}
	return below, rows.Err()
}

// Messages lists those of a conversation after one of them in the order in which
// they were added, of all branches, at most limit; 0: 1,000.
func (db *DB) Messages(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, after sallyport.MessageID, limit int) ([]sallyport.Message, error) {
	return list(ctx, db.read, scanMessages, `
		SELECT `+sqlMessageColumns+` FROM messages m
		WHERE m.org_id = $1 AND m.conversation_id = $2 AND m.id > $3 ORDER BY m.id LIMIT $4`, org, id, after, page(limit))
}

// RateMessage keeps what the person thinks of an answer.
func (db *DB) RateMessage(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID, message sallyport.MessageID, rating int, rec sallyport.Record) error {
	return db.record(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx, `
			UPDATE messages SET rating = $5
			WHERE org_id = $1 AND conversation_id = $3 AND id = $4 AND role = 'assistant' AND EXISTS (
				SELECT 1 FROM conversations c WHERE`+ofConversation+`)`, org, user, id, message, rating))
		return foundOr(found, err, "answer")
	})
}

// ForkConversation adds a conversation with messages from its root on, each
// below the one before, and files of theirs. They were read of from, a conversation
// of the same person: when that is erased or deleted meanwhile it is NotFound, or
// what was erased would live on.
func (db *DB) ForkConversation(ctx context.Context, from sallyport.ConversationID, c sallyport.Conversation, messages []*sallyport.Message, files []sallyport.Attachment, rec sallyport.Record) error {
	return db.record(ctx, c.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		var stands int
		if err := tx.QueryRowContext(ctx, `SELECT 1 FROM conversations c WHERE`+ofConversation, c.Org, c.User, from).Scan(&stands); err != nil {
			return orNotFound(err, "conversation")
		}
		if err := insertConversation(ctx, tx, c); err != nil {
			return err
		}
		if err := addBelow(ctx, tx, c.Org, c.ID, "", messages); err != nil {
			return err
		}
		for _, a := range files {
			if err := insertAttachment(ctx, tx, a); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `UPDATE conversations SET messages = $3 WHERE org_id = $1 AND id = $2`, c.Org, c.ID, len(messages))
		return err
	})
}
