package store

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// CreateKey adds an API key of a member, with what binds it from its first
// moment on. An owner who is no member is NotFound, an id that is taken is Conflict.
func (db *DB) CreateKey(ctx context.Context, key sallyport.Key, bounds sallyport.KeyBounds, rec sallyport.Record) error {
	for period, limit := range bounds.Budgets {
		if err := checkBudget(keyBudget(key, period), limit); err != nil {
			return err
		}
	}
	return db.change(ctx, key.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO api_keys (org_id, id, user_id, name, prefix, hash, created, expires, revoked)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			key.Org, key.ID, key.User, key.Name, key.Prefix, key.Hash,
			micros(key.CreatedAt), micros(key.ExpiresAt), micros(key.RevokedAt))
		if err != nil {
			return err
		}
		if bounds.Limits != nil {
			if err := setPolicy(ctx, tx, key.Org, kindLimit, ofKey+string(key.ID), bounds.Limits); err != nil {
				return err
			}
		}
		for _, period := range slices.Sorted(maps.Keys(bounds.Budgets)) {
			b := sallyport.Budget{
				Org: key.Org, BudgetID: keyBudget(key, period), Limit: bounds.Budgets[period], Since: period.Start(key.CreatedAt),
			}
			if err := setBudget(ctx, tx, &b, key.CreatedAt); err != nil {
				return err
			}
		}
		return nil
	})
}

func keyBudget(key sallyport.Key, period sallyport.Period) sallyport.BudgetID {
	return sallyport.BudgetID{Scope: sallyport.BudgetKey, Subject: string(key.ID), Period: period}
}

// NoteKeyUse remembers when keys were last used. It is no change that anybody
// has to hear of, and no record tells of it: the calls' own do.
func (db *DB) NoteKeyUse(ctx context.Context, used map[sallyport.KeyID]time.Time) error {
	return db.transact(ctx, func(tx *sql.Tx) error {
		for _, id := range slices.Sorted(maps.Keys(used)) {
			if _, err := tx.ExecContext(ctx, `UPDATE api_keys SET used = $2 WHERE id = $1 AND used < $2`, id, micros(used[id])); err != nil {
				return err
			}
		}
		return nil
	})
}

const sqlKeys = `
	SELECT k.org_id, k.id, k.user_id, k.name, k.prefix, k.hash, k.created, k.expires, k.revoked, k.used, m.role
	FROM api_keys k JOIN memberships m ON m.org_id = k.org_id AND m.user_id = k.user_id`

// Key finds an API key in any organisation, revoked and expired ones included,
// and the role that its owner has now. A key whose owner is not active is NotFound. It is the one method that takes no
// organisation: a caller who shows a key is about to be told which one is his.
func (db *DB) Key(ctx context.Context, id sallyport.KeyID) (sallyport.Key, sallyport.Role, error) {
	k, role, err := scanKey(db.read.QueryRowContext(ctx, sqlKeys+` WHERE k.id = $1 AND m.deactivated = 0`, id))
	return k, role, orNotFound(err, "API key")
}

// Keys lists the organisation's API keys, newest first.
func (db *DB) Keys(ctx context.Context, org sallyport.OrgID) ([]sallyport.Key, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.Key, error) {
		k, _, err := scanKey(rows)
		return k, err
	}, sqlKeys+` WHERE k.org_id = $1 ORDER BY k.created DESC, k.id DESC`, org)
}

func scanKey(row scanner) (k sallyport.Key, role sallyport.Role, err error) {
	var created, expires, revoked, used int64
	err = row.Scan(&k.Org, &k.ID, &k.User, &k.Name, &k.Prefix, &k.Hash, &created, &expires, &revoked, &used, &role)
	if err != nil {
		return sallyport.Key{}, "", err
	}
	k.CreatedAt, k.ExpiresAt, k.RevokedAt, k.UsedAt = timeOf(created), timeOf(expires), timeOf(revoked), timeOf(used)
	return k, role, nil
}

// scanner is *sql.Row or *sql.Rows.
type scanner interface{ Scan(...any) error }

// RevokeKey ends a key from that time on. Revoking again changes nothing and
// writes no record.
func (db *DB) RevokeKey(ctx context.Context, org sallyport.OrgID, id sallyport.KeyID, at time.Time, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		revoked, err := changed(tx.ExecContext(ctx,
			`UPDATE api_keys SET revoked = $3 WHERE org_id = $1 AND id = $2 AND revoked = 0`, org, id, micros(at)))
		if err != nil || revoked {
			return err
		}
		var exists bool
		err = tx.QueryRowContext(ctx,
			`SELECT EXISTS (SELECT 1 FROM api_keys WHERE org_id = $1 AND id = $2)`, org, id).Scan(&exists)
		if err == nil && exists {
			return errUnchanged
		}
		return foundOr(exists, err, "API key")
	})
}
