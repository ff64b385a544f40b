package store

import (
	"context"
	"database/sql"

	"github.com/sallyport-ai/sallyport"
)

// Followers is how far what follows an organisation's trail and ledger has got.
func (db *DB) Followers(ctx context.Context, org sallyport.OrgID) (f sallyport.Followers, err error) {
	var signedAt int64
	err = db.read.QueryRowContext(ctx, `
		SELECT h.seq, COALESCE((SELECT MIN(seq) FROM records WHERE org_id = $1), 0),
			COALESCE((SELECT MAX(size) FROM checkpoints WHERE org_id = $1), 0),
			COALESCE((SELECT at FROM checkpoints WHERE org_id = $1 ORDER BY size DESC LIMIT 1), 0),
			COALESCE((SELECT (MAX(block) + 1) * $2 - 1 FROM record_blocks WHERE org_id = $1), 0),
			COALESCE((SELECT MAX(last_seq) FROM tombstones WHERE org_id = $1), 0),
			COALESCE((SELECT ledger_seq FROM accounts WHERE org_id = $1), 0),
			COALESCE((SELECT seq FROM usage_cursors WHERE org_id = $1), 0)
		FROM chain_heads h WHERE h.org_id = $1`, org, int64(blockRecords)).
		Scan(&f.Head, &f.Oldest, &f.Signed, &signedAt, &f.Indexed, &f.Removed, &f.Ledger, &f.RolledUp)
	f.SignedAt = timeOf(signedAt)
	return f, orNotFound(err, "organisation")
}

// Lives lists the nodes that hold a lease, and until when.
func (db *DB) Lives(ctx context.Context) ([]sallyport.NodeLife, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (l sallyport.NodeLife, err error) {
		var expires int64
		err = rows.Scan(&l.Node, &l.Boot, &expires)
		l.Expires = timeOf(expires)
		return l, err
	}, `SELECT node, boot, expires FROM leases WHERE ended = 0 AND expires > `+db.engine.clock()+` ORDER BY node, boot`)
}

// Size is what the database takes on disk, in bytes, and its newest migration.
func (db *DB) Size(ctx context.Context) (bytes, migration int64, err error) {
	if err := db.read.QueryRowContext(ctx, db.engine.size()).Scan(&bytes); err != nil {
		return 0, 0, err
	}
	err = db.read.QueryRowContext(ctx, `SELECT MAX(version_id) FROM goose_db_version`).Scan(&migration)
	return bytes, migration, err
}

// Kind is "sqlite" or "postgres".
func (db *DB) Kind() string {
	_, folder, _, _ := db.engine.migrations() // fails where nothing can be opened
	return folder
}
