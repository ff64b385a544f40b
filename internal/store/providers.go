package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// SaveProvider adds a provider, or replaces all of one but its CreatedAt.
func (db *DB) SaveProvider(ctx context.Context, p sallyport.ProviderSettings, rec sallyport.Record) error {
	return db.change(ctx, p.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO providers (org_id, name, type, base_url, credential, created, credential_at,
				connect_time, first_byte_time, idle_time)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (org_id, name) DO UPDATE SET
				type = excluded.type, base_url = excluded.base_url, credential = excluded.credential,
				credential_at = excluded.credential_at, connect_time = excluded.connect_time,
				first_byte_time = excluded.first_byte_time, idle_time = excluded.idle_time`,
			p.Org, p.Name, p.Type, p.BaseURL, p.Credential, micros(p.CreatedAt), micros(p.CredentialAt),
			p.Connect.Microseconds(), p.FirstByte.Microseconds(), p.Idle.Microseconds())
		return err
	})
}

// Providers lists the organisation's own providers by name.
func (db *DB) Providers(ctx context.Context, org sallyport.OrgID) ([]sallyport.ProviderSettings, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.ProviderSettings, error) {
		p := sallyport.ProviderSettings{Org: org}
		var created, credentialAt, connect, firstByte, idle int64
		err := rows.Scan(&p.Name, &p.Type, &p.BaseURL, &p.Credential, &created, &credentialAt, &connect, &firstByte, &idle)
		p.Connect, p.FirstByte, p.Idle = time.Duration(connect)*time.Microsecond, time.Duration(firstByte)*time.Microsecond, time.Duration(idle)*time.Microsecond
		p.CreatedAt, p.CredentialAt = timeOf(created), timeOf(credentialAt)
		return p, err
	}, `
		SELECT name, type, base_url, credential, created, credential_at, connect_time, first_byte_time, idle_time
		FROM providers WHERE org_id = $1 ORDER BY name`, org)
}

// DeleteProvider forgets a provider, its credential and what it offers. Models that name it stay.
func (db *DB) DeleteProvider(ctx context.Context, org sallyport.OrgID, name string, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx,
			`DELETE FROM providers WHERE org_id = $1 AND name = $2`, org, name))
		if err := foundOr(found, err, "provider"); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM provider_lists WHERE org_id = $1 AND provider = $2`, org, name)
		return err
	})
}
