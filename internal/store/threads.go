package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// threadsCrowdedOut bounds how many of a person's threads one new one takes the
// place of.
const threadsCrowdedOut = 100

// CreateThread stores a thread and its first items. Of a person's ThreadsMax those
// that were not added to for longest are deleted for it.
func (db *DB) CreateThread(ctx context.Context, t sallyport.Thread, items []sallyport.ThreadItem, rec sallyport.Record) error {
	return db.record(ctx, t.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO threads (org_id, id, user_id, metadata, items, size, last, created, updated, deleted)
			VALUES ($1, $2, $3, $4, 0, 0, 0, $5, $5, 0)`,
			t.Org, t.ID, t.User, t.Metadata, micros(t.CreatedAt))
		if err != nil {
			return err
		}
		if _, err := addToThread(ctx, tx, t, items, t.CreatedAt); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			UPDATE threads SET deleted = $3 WHERE org_id = $1 AND id IN (
				SELECT id FROM threads WHERE org_id = $1 AND user_id = $2 AND deleted = 0
				ORDER BY updated DESC, id DESC LIMIT $4 OFFSET $5)`,
			t.Org, t.User, micros(t.CreatedAt), threadsCrowdedOut, sallyport.ThreadsMax)
		return err
	})
}

// addToThread appends items to a thread of t's owner and returns them as they
// stand. It is NotFound for one that is deleted, and InvalidBody for one that has no
// room for them.
func addToThread(ctx context.Context, tx *sql.Tx, t sallyport.Thread, items []sallyport.ThreadItem, at time.Time) ([]sallyport.ThreadItem, error) {
	var size int64
	for _, i := range items {
		size += int64(len(i.Content))
	}
	var count, total, last int64
	err := tx.QueryRowContext(ctx, `
		UPDATE threads SET items = items + $4, size = size + $5, last = last + $4, updated = CASE WHEN updated > $6 THEN updated ELSE $6 END
		WHERE org_id = $1 AND user_id = $2 AND id = $3 AND deleted = 0
		RETURNING items, size, last`,
		t.Org, t.User, t.ID, len(items), size, micros(at)).Scan(&count, &total, &last)
	if err != nil {
		return nil, orNotFound(err, "conversation")
	}
	if count > sallyport.ThreadItems || total > sallyport.ThreadSize {
		return nil, sallyport.NewError(sallyport.InvalidBody, "There is no room for that in this conversation: begin another.") // no Conflict: clients repeat those, and pay again
	}
	var messages int64
	err = tx.QueryRowContext(ctx, `
		SELECT COALESCE(MAX(message), 0) FROM thread_items WHERE org_id = $1 AND thread_id = $2`, t.Org, t.ID).Scan(&messages)
	if err != nil {
		return nil, err
	}
	added := make([]sallyport.ThreadItem, len(items))
	for n, i := range items {
		i.Seq, i.Message = last-int64(len(items)-n-1), messages+1+i.Message
		if i.ID, err = freeID(ctx, tx, t, i); err != nil {
			return nil, err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO thread_items (org_id, thread_id, seq, message, id, item_key, call_id, content)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			t.Org, t.ID, i.Seq, i.Message, i.ID, i.Key, i.Call, i.Content)
		if err != nil {
			return nil, err
		}
		added[n] = i
	}
	return added, nil
}

// freeID is the item's own id, or its key where that is taken.
func freeID(ctx context.Context, tx *sql.Tx, t sallyport.Thread, i sallyport.ThreadItem) (string, error) {
	if i.ID == "" {
		return i.Key, nil
	}
	var n int
	err := tx.QueryRowContext(ctx, `
		SELECT COUNT(*) FROM thread_items WHERE org_id = $1 AND thread_id = $2 AND id = $3`, t.Org, t.ID, i.ID).Scan(&n)
	if n > 0 {
		return i.Key, err
	}
	return i.ID, err
}

// Thread returns a thread, whoever's it is; NotFound when it is not there, is
// deleted, or was added to at since or before.
func (db *DB) Thread(ctx context.Context, org sallyport.OrgID, id sallyport.ThreadID, since time.Time) (sallyport.Thread, error) {
	t := sallyport.Thread{Org: org, ID: id}
	var created, updated int64
	err := db.read.QueryRowContext(ctx, `
		SELECT user_id, metadata, created, updated FROM threads WHERE org_id = $1 AND id = $2 AND deleted = 0 AND updated > $3`,
		org, id, micros(since)).Scan(&t.User, &t.Metadata, &created, &updated)
	t.CreatedAt, t.UpdatedAt = timeOf(created), timeOf(updated)
	return t, orNotFound(err, "conversation")
}

// UpdateThread sets the metadata of a person's thread.
func (db *DB) UpdateThread(ctx context.Context, t sallyport.Thread, rec sallyport.Record) error {
	return db.record(ctx, t.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx, `
			UPDATE threads SET metadata = $4 WHERE org_id = $1 AND user_id = $2 AND id = $3 AND deleted = 0`,
			t.Org, t.User, t.ID, t.Metadata))
		return foundOr(found, err, "conversation")
	})
}

// DeleteThread deletes a person's thread: nobody reads it from now on, and
// EraseThreads erases it.
func (db *DB) DeleteThread(ctx context.Context, t sallyport.Thread, at time.Time, rec sallyport.Record) error {
	return db.record(ctx, t.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx, `
			UPDATE threads SET deleted = $4 WHERE org_id = $1 AND user_id = $2 AND id = $3 AND deleted = 0`,
			t.Org, t.User, t.ID, micros(at)))
		return foundOr(found, err, "conversation")
	})
}

// AddThreadItems appends items to a person's thread and returns them as they
// stand. It is InvalidBody where there is no room for them.
func (db *DB) AddThreadItems(ctx context.Context, t sallyport.Thread, items []sallyport.ThreadItem, at time.Time, rec sallyport.Record) (added []sallyport.ThreadItem, err error) {
	err = db.record(ctx, t.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		added, err = addToThread(ctx, tx, t, items, at)
		return err
	})
	return added, err
}

const sqlThreadItems = `
	SELECT seq, message, id, item_key, call_id, content FROM thread_items WHERE org_id = $1 AND thread_id = $2`

func scanThreadItem(row scanner) (i sallyport.ThreadItem, err error) {
	err = row.Scan(&i.Seq, &i.Message, &i.ID, &i.Key, &i.Call, &i.Content)
	return i, err
}

// ThreadItems lists some of a thread's items.
func (db *DB) ThreadItems(ctx context.Context, t sallyport.Thread, q sallyport.ThreadQuery) ([]sallyport.ThreadItem, error) {
	after, order := ` AND seq > $3`, ` ORDER BY seq`
	if q.Newest {
		after, order = ` AND ($3 = 0 OR seq < $3)`, ` ORDER BY seq DESC`
	}
	messages := q.Messages
	if messages == 0 {
		messages = sallyport.ThreadItems // no message has less than one
	}
	of := ` AND message IN (SELECT message FROM thread_items WHERE org_id = $1 AND thread_id = $2` + after + ` GROUP BY message ORDER BY message LIMIT $4)`
	if q.Newest {
		of = ` AND message IN (SELECT message FROM thread_items WHERE org_id = $1 AND thread_id = $2` + after + ` GROUP BY message ORDER BY message DESC LIMIT $4)`
	}
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.ThreadItem, error) { return scanThreadItem(rows) },
		sqlThreadItems+after+of+order, t.Org, t.ID, q.After, messages)
}

// ThreadItem returns the item of that id, or else the newest answer to the call of
// that id, or the call itself where nothing answers it.
func (db *DB) ThreadItem(ctx context.Context, t sallyport.Thread, id string) (sallyport.ThreadItem, error) {
	i, err := scanThreadItem(db.read.QueryRowContext(ctx, sqlThreadItems+` AND id = $3`, t.Org, t.ID, id))
	if errors.Is(err, sql.ErrNoRows) {
		i, err = scanThreadItem(db.read.QueryRowContext(ctx, sqlThreadItems+` AND call_id = $3 AND call_id <> '' ORDER BY seq DESC LIMIT 1`, t.Org, t.ID, id))
	}
	return i, orNotFound(err, "item")
}

// DeleteThreadItem erases an item of a person's thread. Under a legal hold it is
// Conflict: an item is erased at once.
func (db *DB) DeleteThreadItem(ctx context.Context, t sallyport.Thread, i sallyport.ThreadItem, rec sallyport.Record) error {
	return db.record(ctx, t.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		held, err := underHold(ctx, tx, t.Org)
		if err != nil {
			return err
		}
		if held {
			return sallyport.NewError(sallyport.Conflict, "A legal hold keeps this item.")
		}
		found, err := changed(tx.ExecContext(ctx, `
			UPDATE threads SET items = items - 1, size = size - $4 WHERE org_id = $1 AND user_id = $2 AND id = $3 AND deleted = 0`,
			t.Org, t.User, t.ID, len(i.Content)))
		if err != nil || !found {
			return foundOr(found, err, "conversation")
		}
		found, err = changed(tx.ExecContext(ctx, `
			DELETE FROM thread_items WHERE org_id = $1 AND thread_id = $2 AND seq = $3`, t.Org, t.ID, i.Seq))
		return foundOr(found, err, "item")
	})
}

// EraseThreads erases threads of all organisations that were deleted, or added to
// at expired or before; at most limit. It returns how many. Those of organisations
// under a legal hold stay.
func (db *DB) EraseThreads(ctx context.Context, expired time.Time, limit int) (int64, error) {
	return db.eraseUnheld(ctx, "threads", "updated", expired, limit)
}
