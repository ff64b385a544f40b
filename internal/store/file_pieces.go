package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/sallyport-ai/sallyport"
)

const (
	// filePiece is how many bytes of a file are written in one transaction: on SQLite all calls
	// wait for it, for some 40 ms on a usual disk; for 32 MB in one it is more than a second.
	filePiece = 1 << 20
	// piecesSettled is after how many pieces the database settles: with less the disk
	// syncs more often, with more the next who writes waits for a part of it.
	piecesSettled = 4
	// fileWriting is for how long an upload may take to be written. What stands there afterwards
	// has been left by a crash, and ForgetFiles erases it as what is over.
	fileWriting = time.Hour
	// fileUnwritten is what deleted says of a file whose pieces are not all there: it is
	// neither listed nor served, nor erased before fileWriting is over.
	fileUnwritten = -1
	// fileDropTime bounds the erasure of an upload that failed.
	fileDropTime = 10 * time.Second
	// piecesForgotten is how many pieces are erased in one transaction.
	piecesForgotten = 32
)

// createInPieces is CreateFile, so that others write between the pieces. The file is there
// with its record, when it is whole.
func (db *DB) createInPieces(ctx context.Context, f sallyport.File, rec sallyport.Record) error {
	if err := db.beginFile(ctx, f); err != nil {
		return err
	}
	// A crash from here on leaves an unwritten file.
	err := db.writePieces(ctx, f)
	if err == nil {
		err = db.finishFile(ctx, f, rec)
	}
	if err != nil {
		db.dropUnwritten(ctx, f)
	}
	return err
}

func (db *DB) beginFile(ctx context.Context, f sallyport.File) error {
	f.ExpiresAt = f.CreatedAt.Add(fileWriting)
	f.Content = []byte{}
	return db.transact(ctx, func(tx *sql.Tx) error {
		if err := roomForFile(ctx, tx, f); err != nil {
			return err
		}
		return insertFile(ctx, tx, f, fileUnwritten)
	})
}

func (db *DB) writePieces(ctx context.Context, f sallyport.File) error {
	for at := 0; at < len(f.Content); at += filePiece {
		_, err := db.write.ExecContext(ctx, `INSERT INTO file_pieces (org_id, file_id, place, content) VALUES ($1, $2, $3, $4)`,
			f.Org, f.ID, at/filePiece, f.Content[at:min(at+filePiece, len(f.Content))])
		if err != nil {
			return db.known(err)
		}
		if (at/filePiece+1)%piecesSettled == 0 {
			db.engine.settle(ctx)
		}
	}
	return nil
}

// finishFile looks at the room once more, for others have come to an end meanwhile; NotFound
// when the file was erased.
func (db *DB) finishFile(ctx context.Context, f sallyport.File, rec sallyport.Record) error {
	return db.record(ctx, f.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		if err := roomForFile(ctx, tx, f); err != nil {
			return err
		}
		found, err := changed(tx.ExecContext(ctx, `UPDATE files SET deleted = 0, expires = $3 WHERE org_id = $1 AND id = $2 AND deleted = $4`,
			f.Org, f.ID, micros(f.ExpiresAt), fileUnwritten))
		return foundOr(found, err, "file")
	})
}

// dropUnwritten erases at once what ForgetFiles would erase later.
func (db *DB) dropUnwritten(ctx context.Context, f sallyport.File) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fileDropTime)
	defer cancel()
	_, _ = db.write.ExecContext(ctx, `DELETE FROM files WHERE org_id = $1 AND id = $2 AND deleted = $3`, f.Org, f.ID, fileUnwritten)
}

// filePieces is the content of a file in pieces: all of them or, when the file is gone
// meanwhile, sql.ErrNoRows.
func (db *DB) filePieces(ctx context.Context, f sallyport.File, now time.Time) (content []byte, err error) {
	pieces, err := list(ctx, db.read, func(rows *sql.Rows) (struct{}, error) {
		var piece []byte
		err := rows.Scan(&piece)
		content = append(content, piece...)
		return struct{}{}, err
	}, `
		SELECT content FROM file_pieces WHERE org_id = $1 AND file_id = $4 AND EXISTS (SELECT 1`+sqlFiles+` AND id = $4)
		ORDER BY place`, f.Org, f.User, micros(now), f.ID)
	if err == nil && len(pieces) == 0 {
		err = sql.ErrNoRows
	}
	return content, err
}

// forgetPieces erases the pieces of files that ForgetFiles erases, a few at a time.
func (db *DB) forgetPieces(ctx context.Context, now time.Time) error {
	for {
		n, err := removed(db.write.ExecContext(ctx, `
			DELETE FROM file_pieces WHERE (org_id, file_id, place) IN (
				SELECT p.org_id, p.file_id, p.place FROM files t JOIN file_pieces p ON p.org_id = t.org_id AND p.file_id = t.id
				WHERE `+sqlUnheld("expires")+` LIMIT $4)`, micros(now), sallyport.KindAudit, sallyport.LegalHold, piecesForgotten))
		if err != nil || n < piecesForgotten {
			return err
		}
	}
}
