package store

import (
	"context"

	"github.com/sallyport-ai/sallyport"
)

// Keyset returns an organisation's wrapped keyset for a purpose.
func (db *DB) Keyset(ctx context.Context, org sallyport.OrgID, purpose string) (wrapped []byte, err error) {
	err = db.read.QueryRowContext(ctx,
		`SELECT wrapped FROM keysets WHERE org_id = $1 AND purpose = $2`, org, purpose).Scan(&wrapped)
	return wrapped, orNotFound(err, "keyset")
}

// AddKeyset stores a keyset unless there is one, and returns what is stored:
// of two processes that make one at once, both go on with the first.
func (db *DB) AddKeyset(ctx context.Context, org sallyport.OrgID, purpose string, wrapped []byte) ([]byte, error) {
	_, err := db.write.ExecContext(ctx, `
		INSERT INTO keysets (org_id, purpose, wrapped) VALUES ($1, $2, $3)
		ON CONFLICT (org_id, purpose) DO NOTHING`, org, purpose, wrapped)
	if err != nil {
		return nil, err
	}
	return db.Keyset(ctx, org, purpose)
}

// InstanceValue returns a value that belongs to the whole instance.
func (db *DB) InstanceValue(ctx context.Context, name string) (value []byte, err error) {
	err = db.read.QueryRowContext(ctx, `SELECT value FROM instance WHERE name = $1`, name).Scan(&value)
	return value, orNotFound(err, "instance value")
}

// AddInstanceValue stores a value unless there is one, and returns what is stored.
func (db *DB) AddInstanceValue(ctx context.Context, name string, value []byte) ([]byte, error) {
	_, err := db.write.ExecContext(ctx, `
		INSERT INTO instance (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO NOTHING`, name, value)
	if err != nil {
		return nil, err
	}
	return db.InstanceValue(ctx, name)
}
