package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// ProviderLists returns what the organisation's providers said that they offer, by name.
func (db *DB) ProviderLists(ctx context.Context, org sallyport.OrgID) ([]sallyport.ProviderList, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.ProviderList, error) {
		l := sallyport.ProviderList{Org: org}
		var asked, listed int64
		var models []byte
		err := rows.Scan(&l.Provider, &asked, &listed, &l.Failure, &l.Partial, &models)
		l.AskedAt, l.ListedAt = timeOf(asked), timeOf(listed)
		if err == nil && len(models) > 0 {
			if err = json.Unmarshal(models, &l.Models); err != nil {
				err = fmt.Errorf("list of provider %s: %w", l.Provider, err)
			}
		}
		return l, err
	}, `
		SELECT provider, asked, listed, failure, partial, models
		FROM provider_lists WHERE org_id = $1 ORDER BY provider`, org)
}

// ClaimProviderList notes that a provider is asked at that time, unless one has been
// asked since before: of several who try, one is told true.
func (db *DB) ClaimProviderList(ctx context.Context, org sallyport.OrgID, provider string, at, before time.Time) (mine bool, err error) {
	err = db.transact(ctx, func(tx *sql.Tx) error {
		mine, err = changed(tx.ExecContext(ctx, `
			INSERT INTO provider_lists (org_id, provider, asked, listed, failure, partial)
			VALUES ($1, $2, $3, 0, '', FALSE)
			ON CONFLICT (org_id, provider) DO UPDATE SET asked = excluded.asked WHERE provider_lists.asked <= $4`,
			org, provider, micros(at), micros(before)))
		return err
	})
	return mine && err == nil, err
}

// SaveProviderList replaces a list whole, and records it in the trail of to; "" records
// nothing.
func (db *DB) SaveProviderList(ctx context.Context, l sallyport.ProviderList, to sallyport.OrgID, rec sallyport.Record) error {
	models, err := json.Marshal(l.Models)
	if err != nil {
		return err
	}
	save := func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO provider_lists (org_id, provider, asked, listed, failure, partial, models)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (org_id, provider) DO UPDATE SET
				asked = excluded.asked, listed = excluded.listed, failure = excluded.failure,
				partial = excluded.partial, models = excluded.models`,
			l.Org, l.Provider, micros(l.AskedAt), micros(l.ListedAt), l.Failure, l.Partial, models)
		return err
	}
	if to == "" {
		return db.transact(ctx, save)
	}
	return db.record(ctx, to, rec, func(tx *sql.Tx, _ *sallyport.Record) error { return save(tx) })
}

// NoteProviderList notes of a list that is there when it was asked for, and how that
// ended.
func (db *DB) NoteProviderList(ctx context.Context, l sallyport.ProviderList) error {
	return db.transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			UPDATE provider_lists SET asked = $3, listed = $4, failure = $5 WHERE org_id = $1 AND provider = $2`,
			l.Org, l.Provider, micros(l.AskedAt), micros(l.ListedAt), l.Failure)
		return err
	})
}
