package store

import (
	"context"
	"database/sql"

	"github.com/sallyport-ai/sallyport"
)

// CreateOrg adds an organisation with an empty account; rec begins its trail.
// An id that is taken is Conflict.
func (db *DB) CreateOrg(ctx context.Context, org sallyport.Organisation, rec sallyport.Record) error {
	if org.ID == "" || org.ID == sallyport.InstanceOrg {
		return sallyport.NewError(sallyport.Conflict, "An organisation needs an id of its own.")
	}
	return db.transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx,
			`INSERT INTO organisations (id, name, created) VALUES ($1, $2, $3)`,
			org.ID, org.Name, micros(org.CreatedAt))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx,
			`INSERT INTO accounts (org_id, balance, held, ledger_seq) VALUES ($1, 0, 0, 0)`, org.ID)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, sqlAddHead, org.ID, make([]byte, len(sallyport.Hash{})))
		if err != nil {
			return err
		}
		head, err := db.lockHead(ctx, tx, org.ID)
		if err != nil {
			return err
		}
		if err := db.append(ctx, tx, head, rec); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, sqlCountChange)
		return err
	})
}

// Org returns an organisation.
func (db *DB) Org(ctx context.Context, id sallyport.OrgID) (sallyport.Organisation, error) {
	o := sallyport.Organisation{ID: id}
	var created int64
	err := db.read.QueryRowContext(ctx,
		`SELECT name, created FROM organisations WHERE id = $1`, id).Scan(&o.Name, &created)
	if err != nil {
		return sallyport.Organisation{}, orNotFound(err, "organisation")
	}
	o.CreatedAt = timeOf(created)
	return o, nil
}

// Orgs lists all organisations, oldest first.
func (db *DB) Orgs(ctx context.Context) ([]sallyport.Organisation, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (o sallyport.Organisation, err error) {
		var created int64
		err = rows.Scan(&o.ID, &o.Name, &created)
		o.CreatedAt = timeOf(created)
		return o, err
	}, `SELECT id, name, created FROM organisations ORDER BY created, id`)
}
