package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// SaveAnswerStep keeps a piece of an answer that is under way in this life of a
// server. For any other it is Conflict: the answer was ended by somebody else.
func (db *DB) SaveAnswerStep(ctx context.Context, m sallyport.Message, step sallyport.AnswerStep) error {
	return db.transact(ctx, func(tx *sql.Tx) error {
		moved, err := changed(tx.ExecContext(ctx, `
			UPDATE messages SET seq = $6
			WHERE org_id = $1 AND id = $2 AND state = 'streaming' AND node = $3 AND boot = $4 AND seq = $5`,
			m.Org, m.ID, m.Answer.Node, m.Answer.Boot, step.Begin, step.End))
		if err != nil {
			return err
		}
		if !moved {
			return savedBefore(ctx, tx, m, step)
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO answer_steps (org_id, message_id, seq_begin, seq_end, sealed) VALUES ($1, $2, $3, $4, $5)`,
			m.Org, m.ID, step.Begin, step.End, step.Sealed)
		return err
	})
}

// savedBefore is nil for a step that stands: it was not known whether it was
// committed, and it is saved again.
func savedBefore(ctx context.Context, tx *sql.Tx, m sallyport.Message, step sallyport.AnswerStep) error {
	var stands bool
	err := tx.QueryRowContext(ctx, `
		SELECT EXISTS (
			SELECT 1 FROM messages m JOIN answer_steps s ON s.org_id = m.org_id AND s.message_id = m.id
			WHERE m.org_id = $1 AND m.id = $2 AND m.state = 'streaming' AND m.node = $3 AND m.boot = $4
				AND s.seq_begin = $5 AND s.seq_end = $6)`,
		m.Org, m.ID, m.Answer.Node, m.Answer.Boot, step.Begin, step.End).Scan(&stands)
	if err == nil && !stands {
		err = errAnswerEnded
	}
	return err
}

var errAnswerEnded = sallyport.NewError(sallyport.Conflict, "The answer has ended.")

// AnswerSteps lists the pieces of an answer under way that reach beyond a place,
// in their order. There are none once it has ended.
func (db *DB) AnswerSteps(ctx context.Context, org sallyport.OrgID, message sallyport.MessageID, after int64) ([]sallyport.AnswerStep, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (s sallyport.AnswerStep, err error) {
		return s, rows.Scan(&s.Begin, &s.End, &s.Sealed)
	}, `
		SELECT seq_begin, seq_end, sealed FROM answer_steps
		WHERE org_id = $1 AND message_id = $2 AND seq_end > $3 ORDER BY seq_begin`, org, message, after)
}

// FinishAnswer ends an answer that is under way, as m says, and drops its steps;
// masked, unless it is nil, is what was replaced in the message above it. An
// answer that has ended is Conflict: it is never written again.
func (db *DB) FinishAnswer(ctx context.Context, m sallyport.Message, masked []byte) error {
	a := m.Answer
	return db.transact(ctx, func(tx *sql.Tx) error {
		ended, err := changed(tx.ExecContext(ctx, `
			UPDATE messages SET state = $3, content = $4, masked = $5, seq = $6, code = $7, retry_after = $8,
				input = $9, cached_input = $10, cache_write = $11, output = $12, reasoning = $13, credits = $14, duration = $15
			WHERE org_id = $1 AND id = $2 AND state = 'streaming'`,
			m.Org, m.ID, m.State, m.Content, m.Masked, a.Seq, a.Code, a.RetryAfter.Microseconds(),
			a.Usage.Input, a.Usage.CachedInput, a.Usage.CacheWrite, a.Usage.Output, a.Usage.Reasoning, a.Credits, a.Duration.Microseconds()))
		if err != nil {
			return err
		}
		if !ended {
			return errAnswerEnded
		}
		if masked != nil {
			_, err := tx.ExecContext(ctx, `UPDATE messages SET masked = $3 WHERE org_id = $1 AND id = $2 AND role = 'user'`, m.Org, m.Parent, masked)
			if err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM answer_steps WHERE org_id = $1 AND message_id = $2`, m.Org, m.ID)
		return err
	})
}

// AskToStop asks the server that works on an answer to stop it. An answer that
// has ended stays as it is.
func (db *DB) AskToStop(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID, message sallyport.MessageID, rec sallyport.Record) error {
	return db.record(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx, `
			UPDATE messages SET stop_asked = 1
			WHERE org_id = $1 AND conversation_id = $3 AND id = $4 AND role = 'assistant' AND EXISTS (
				SELECT 1 FROM conversations c WHERE`+ofConversation+`)`, org, user, id, message))
		return foundOr(found, err, "answer")
	})
}

// WantedAnswers are those of the answers that nobody asked to stop, and whose
// conversation is neither deleted nor erased.
func (db *DB) WantedAnswers(ctx context.Context, answers []sallyport.Message) ([]sallyport.MessageID, error) {
	if len(answers) == 0 {
		return nil, nil
	}
	var w where
	these := make([]string, len(answers))
	for i, m := range answers {
		these[i] = "m.org_id = " + w.arg(string(m.Org)) + " AND m.id = " + w.arg(string(m.ID))
	}
	return list(ctx, db.read, func(rows *sql.Rows) (id sallyport.MessageID, err error) {
		return id, rows.Scan(&id)
	}, `
		SELECT m.id FROM messages m JOIN conversations c ON c.org_id = m.org_id AND c.id = m.conversation_id
		WHERE m.stop_asked = 0 AND c.deleted = 0 AND (`+strings.Join(these, " OR ")+`)`, w.args...)
}

// LeftAnswers lists answers under way that nobody works on any more: those of
// lives that have ended, once the journal has closed their call, and those of
// this life that have not moved since. At most limit; 0: 1,000.
func (db *DB) LeftAnswers(ctx context.Context, limit int) ([]sallyport.Message, error) {
	return list(ctx, db.read, scanMessages, `
		SELECT `+sqlMessageColumns+` FROM messages m
		WHERE m.state = 'streaming'
			AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.node = m.node AND l.boot = m.boot AND l.ended = 0)
			AND NOT EXISTS (SELECT 1 FROM open_calls o WHERE o.org_id = m.org_id AND o.id = m.call_id)
		ORDER BY m.created LIMIT $1`, page(limit))
}

// AnswersOf lists answers under way of one life of a server.
func (db *DB) AnswersOf(ctx context.Context, node, boot string) ([]sallyport.Message, error) {
	return list(ctx, db.read, scanMessages, `
		SELECT `+sqlMessageColumns+` FROM messages m WHERE m.state = 'streaming' AND m.node = $1 AND m.boot = $2
		ORDER BY m.created LIMIT 1000`, node, boot)
}

// Charged returns what the ledger says of a call, which was made after one of
// its lines. Without a line it is nothing.
func (db *DB) Charged(ctx context.Context, org sallyport.OrgID, call sallyport.CallID, from int64) (u sallyport.Usage, cost sallyport.Credits, at time.Time, err error) {
	var amount, micro int64
	err = db.read.QueryRowContext(ctx, `
		SELECT input, cached_input, cache_write, output, reasoning, amount, at FROM ledger
		WHERE org_id = $1 AND seq > $2 AND call_id = $3 ORDER BY seq LIMIT 1`, org, from, call).
		Scan(&u.Input, &u.CachedInput, &u.CacheWrite, &u.Output, &u.Reasoning, &amount, &micro)
	if errors.Is(err, sql.ErrNoRows) {
		return u, 0, at, nil
	}
	return u, sallyport.Credits(-amount), timeOf(micro), err
}
