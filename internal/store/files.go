package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// CreateFile stores a file; InvalidBody where its owner or the organisation has no
// room for it. The lock of the organisation's trail lets no other in between.
func (db *DB) CreateFile(ctx context.Context, f sallyport.File, rec sallyport.Record) error {
	if len(f.Content) > filePiece {
		return db.createInPieces(ctx, f, rec)
	}
	return db.record(ctx, f.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		if err := roomForFile(ctx, tx, f); err != nil {
			return err
		}
		return insertFile(ctx, tx, f, 0)
	})
}

func insertFile(ctx context.Context, tx *sql.Tx, f sallyport.File, deleted int64) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO files (org_id, id, user_id, purpose, size, created, expires, deleted, head, content)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		f.Org, f.ID, f.User, f.Purpose, f.Size, micros(f.CreatedAt), micros(f.ExpiresAt), deleted, f.Head, f.Content)
	return err
}

func roomForFile(ctx context.Context, tx *sql.Tx, f sallyport.File) error {
	var count, size, all int64
	err := tx.QueryRowContext(ctx, `
		SELECT COUNT(*), COALESCE(SUM(size), 0) FROM files WHERE org_id = $1 AND user_id = $2 AND deleted = 0 AND expires > $3`,
		f.Org, f.User, micros(f.CreatedAt)).Scan(&count, &size)
	if err != nil {
		return err
	}
	err = tx.QueryRowContext(ctx, `SELECT COALESCE(SUM(size), 0) FROM files WHERE org_id = $1 AND id <> $2`, f.Org, f.ID).Scan(&all)
	if err != nil {
		return err
	}
	switch {
	case count >= sallyport.FilesMax || size+f.Size > sallyport.FilesSize:
		return sallyport.NewError(sallyport.InvalidBody, "There is no room for more of your files: delete some.")
	case all+f.Size > sallyport.FilesSizeAll:
		return sallyport.NewError(sallyport.InvalidBody, "There is no room for more files of your organisation: some must be deleted.")
	}
	return nil
}

// sqlFiles are a person's files that stand.
const sqlFiles = ` FROM files WHERE org_id = $1 AND user_id = $2 AND deleted = 0 AND expires > $3`

const sqlFileHead = `SELECT id, purpose, size, created, expires, head`

func scanFile(row scanner, f *sallyport.File, more ...any) error {
	var created, expires int64
	err := row.Scan(append([]any{&f.ID, &f.Purpose, &f.Size, &created, &expires, &f.Head}, more...)...)
	f.CreatedAt, f.ExpiresAt = timeOf(created), timeOf(expires)
	return err
}

// File returns a file of the person, its content included; NotFound when it is not
// there, is deleted, or is over by now.
func (db *DB) File(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.FileID, now time.Time) (sallyport.File, error) {
	f := sallyport.File{Org: org, User: user}
	err := scanFile(db.read.QueryRowContext(ctx, sqlFileHead+`, content`+sqlFiles+` AND id = $4`, org, user, micros(now), id), &f, &f.Content)
	if err == nil && len(f.Content) == 0 {
		f.Content, err = db.filePieces(ctx, f, now)
	}
	return f, orNotFound(err, "file")
}

// FileHead is File without the content.
func (db *DB) FileHead(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.FileID, now time.Time) (sallyport.File, error) {
	f := sallyport.File{Org: org, User: user}
	err := scanFile(db.read.QueryRowContext(ctx, sqlFileHead+sqlFiles+` AND id = $4`, org, user, micros(now), id), &f)
	return f, orNotFound(err, "file")
}

// Files lists some of the person's files, without their contents.
func (db *DB) Files(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, q sallyport.FileQuery, now time.Time) ([]sallyport.File, error) {
	w := &where{args: []any{org, user, micros(now)}}
	if q.Purpose != "" {
		w.add("purpose = $%[1]d", q.Purpose)
	}
	order, after := ` ORDER BY id DESC`, "id < $%[1]d"
	if q.Oldest {
		order, after = ` ORDER BY id`, "id > $%[1]d"
	}
	if q.After != "" {
		w.add(after, q.After)
	}
	limit := w.arg(q.Limit)
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.File, error) {
		f := sallyport.File{Org: org, User: user}
		return f, scanFile(rows, &f)
	}, sqlFileHead+sqlFiles+w.String()+order+` LIMIT `+limit, w.args...)
}

// DeleteFile deletes a file of the person: nobody reads it from now on, and
// ForgetFiles erases it.
func (db *DB) DeleteFile(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.FileID, at time.Time, rec sallyport.Record) error {
	return db.record(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx, `
			UPDATE files SET deleted = $4 WHERE org_id = $1 AND user_id = $2 AND id = $3 AND deleted = 0 AND expires > $4`,
			org, user, id, micros(at)))
		return foundOr(found, err, "file")
	})
}

// ForgetFiles erases files of all organisations that were deleted or are over, and those whose
// upload broke off; at most limit. It returns how many. Those of organisations under a legal hold stay.
func (db *DB) ForgetFiles(ctx context.Context, now time.Time, limit int) (int64, error) {
	if err := db.forgetPieces(ctx, now); err != nil {
		return 0, err
	}
	return db.eraseUnheld(ctx, "files", "expires", now, limit)
}

// filesErased is how many files go in one step.
const filesErased = 20

// EraseFiles erases the oldest files that f chooses, at most 20, and appends the
// record that rec makes of their number, which may be 0. Before compares with when a
// file was uploaded; a call chooses none. more: there may be others. It is Conflict
// under a legal hold.
func (db *DB) EraseFiles(ctx context.Context, org sallyport.OrgID, f sallyport.Erasure, rec func(erased int64) sallyport.Record) (more bool, err error) {
	if f.Call != "" {
		return false, sallyport.NewError(sallyport.InvalidBody, "Files are erased of a user, or those older than a time, and not of a call.")
	}
	w, err := chosen(org, f, "user_id = $%[1]d", string(f.User), "created < $%[1]d")
	if err != nil {
		return false, err
	}
	limit := w.arg(filesErased)
	err = db.erase(ctx, org, rec, func(tx *sql.Tx) (int64, error) {
		n, err := removed(tx.ExecContext(ctx, `
			DELETE FROM files WHERE org_id = $1 AND id IN (
				SELECT id FROM files WHERE org_id = $1`+w.String()+` ORDER BY id LIMIT `+limit+`)`, w.args...))
		more = n == filesErased
		return n, err
	})
	return more, err
}
