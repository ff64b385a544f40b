package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/sallyport-ai/sallyport"
)

const sqlCheckpoints = `
	SELECT org_id, size, root, at, note FROM checkpoints WHERE org_id = $1`

// AddCheckpoint stores a checkpoint, and the tiles that the tree has got since
// it had the size from: Conflict, and nothing written, when it has another size
// by now, because another process was first. A trail nobody knows is NotFound.
func (db *DB) AddCheckpoint(ctx context.Context, from int64, c sallyport.Checkpoint, tiles []sallyport.TreeTile) error {
	return db.transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO trees (org_id, size)
			SELECT org_id, 0 FROM chain_heads WHERE org_id = $1
			ON CONFLICT (org_id) DO NOTHING`, c.Org)
		if err != nil {
			return err
		}
		grown, err := changed(tx.ExecContext(ctx,
			`UPDATE trees SET size = $2 WHERE org_id = $1 AND size = $3`, c.Org, c.Size, from))
		if err != nil {
			return err
		}
		if !grown {
			return db.notGrown(ctx, tx, c.Org)
		}
		for _, t := range tiles {
			_, err := tx.ExecContext(ctx, `
				INSERT INTO tree_tiles (org_id, level, n, hashes) VALUES ($1, $2, $3, $4)
				ON CONFLICT (org_id, level, n) DO UPDATE SET hashes = excluded.hashes`,
				c.Org, t.Level, t.N, t.Hashes)
			if err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx,
			`INSERT INTO checkpoints (org_id, size, root, at, note) VALUES ($1, $2, $3, $4, $5)`,
			c.Org, c.Size, c.Root[:], micros(c.At), c.Note)
		return err
	})
}

func (db *DB) notGrown(ctx context.Context, tx *sql.Tx, org sallyport.OrgID) error {
	var size int64
	err := tx.QueryRowContext(ctx, `SELECT size FROM trees WHERE org_id = $1`, org).Scan(&size)
	if err != nil {
		return orNotFound(err, "organisation")
	}
	return sallyport.NewError(sallyport.Conflict, fmt.Sprintf("The tree has %d leaves by now.", size))
}

// TreeTile returns the hashes of one tile, NotFound when there are none.
func (db *DB) TreeTile(ctx context.Context, org sallyport.OrgID, level int, n int64) (hashes []byte, err error) {
	err = db.read.QueryRowContext(ctx,
		`SELECT hashes FROM tree_tiles WHERE org_id = $1 AND level = $2 AND n = $3`, org, level, n).Scan(&hashes)
	return hashes, orNotFound(err, "part of the tree")
}

// LastCheckpoint returns the organisation's newest checkpoint, NotFound when
// there is none.
func (db *DB) LastCheckpoint(ctx context.Context, org sallyport.OrgID) (sallyport.Checkpoint, error) {
	found, err := db.checkpoints(ctx, sqlCheckpoints+` ORDER BY size DESC LIMIT 1`, org)
	if err == nil && len(found) == 0 {
		err = notFound("checkpoint")
	}
	if err != nil {
		return sallyport.Checkpoint{}, err
	}
	return found[0], nil
}

// Checkpoints lists the organisation's checkpoints above a size in their order,
// at most limit; 0: 1,000.
func (db *DB) Checkpoints(ctx context.Context, org sallyport.OrgID, above int64, limit int) ([]sallyport.Checkpoint, error) {
	return db.checkpoints(ctx, sqlCheckpoints+` AND size > $2 ORDER BY size LIMIT $3`, org, above, page(limit))
}

func (db *DB) checkpoints(ctx context.Context, query string, args ...any) ([]sallyport.Checkpoint, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (c sallyport.Checkpoint, err error) {
		var root []byte
		var at int64
		if err := rows.Scan(&c.Org, &c.Size, &root, &at, &c.Note); err != nil {
			return c, err
		}
		c.At = timeOf(at)
		return c, setHash(&c.Root, root)
	}, query, args...)
}

// Unsigned lists the organisations whose trail has records beyond the last
// checkpoint, at most limit, those that waited longest first. The instance's
// own trail, of which old records go, has no checkpoints.
func (db *DB) Unsigned(ctx context.Context, limit int) ([]sallyport.Trail, error) {
	return db.trails(ctx, `
		SELECT h.org_id, h.seq, COALESCE(t.size, 0), COALESCE(c.at, 0)
		FROM chain_heads h
		LEFT JOIN trees t ON t.org_id = h.org_id
		LEFT JOIN checkpoints c ON c.org_id = t.org_id AND c.size = t.size
		WHERE h.seq > COALESCE(t.size, 0) AND h.org_id <> $1
		ORDER BY COALESCE(c.at, 0), h.org_id LIMIT $2`, sallyport.InstanceOrg, page(limit))
}

func (db *DB) trails(ctx context.Context, query string, args ...any) ([]sallyport.Trail, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (t sallyport.Trail, err error) {
		var at int64
		err = rows.Scan(&t.Org, &t.Head, &t.Done, &at)
		t.At = timeOf(at)
		return t, err
	}, query, args...)
}
