package store

import (
	"context"
	"database/sql"

	"github.com/sallyport-ai/sallyport"
)

// SaveModel adds a model to the organisation's own catalogue, or replaces it.
func (db *DB) SaveModel(ctx context.Context, org sallyport.OrgID, m sallyport.Model, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO models (org_id, id, display_name, provider, target,
				context_window, output_max, image_tokens,
				price_input, price_cached_input, price_cache_write, price_output, price_version,
				offline, dlp, price_reasoning)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
			ON CONFLICT (org_id, id) DO UPDATE SET
				display_name = excluded.display_name, provider = excluded.provider, target = excluded.target,
				context_window = excluded.context_window, output_max = excluded.output_max,
				image_tokens = excluded.image_tokens,
				price_input = excluded.price_input, price_cached_input = excluded.price_cached_input,
				price_cache_write = excluded.price_cache_write, price_output = excluded.price_output,
				price_version = excluded.price_version,
				offline = excluded.offline, dlp = excluded.dlp, price_reasoning = excluded.price_reasoning`,
			org, m.ID, m.DisplayName, m.Provider, m.Target,
			m.ContextWindow, m.OutputMax, m.ImageTokens,
			int64(m.Price.Input), int64(m.Price.CachedInput), int64(m.Price.CacheWrite), int64(m.Price.Output), m.Price.Version,
			m.Offline, m.DLP, int64(m.Price.Reasoning))
		return err
	})
}

// OrgModels lists the models of the organisation's own catalogue by id.
func (db *DB) OrgModels(ctx context.Context, org sallyport.OrgID) ([]sallyport.Model, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (m sallyport.Model, err error) {
		err = rows.Scan(&m.ID, &m.DisplayName, &m.Provider, &m.Target,
			&m.ContextWindow, &m.OutputMax, &m.ImageTokens,
			&m.Price.Input, &m.Price.CachedInput, &m.Price.CacheWrite, &m.Price.Output, &m.Price.Version,
			&m.Offline, &m.DLP, &m.Price.Reasoning)
		return m, err
	}, `
		SELECT id, display_name, provider, target, context_window, output_max, image_tokens,
			price_input, price_cached_input, price_cache_write, price_output, price_version, offline, dlp, price_reasoning
		FROM models WHERE org_id = $1 ORDER BY id`, org)
}

// DeleteModel takes a model out of the organisation's own catalogue.
func (db *DB) DeleteModel(ctx context.Context, org sallyport.OrgID, id string, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx,
			`DELETE FROM models WHERE org_id = $1 AND id = $2`, org, id))
		return foundOr(found, err, "model")
	})
}

// SetModelAccess lets the organisation use a model, or not. A model nobody
// spoke about may be used.
func (db *DB) SetModelAccess(ctx context.Context, org sallyport.OrgID, model string, enabled bool, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO model_access (org_id, model, enabled) VALUES ($1, $2, $3)
			ON CONFLICT (org_id, model) DO UPDATE SET enabled = excluded.enabled`,
			org, model, enabled)
		return err
	})
}

// DisabledModels lists the models that the organisation may not use.
func (db *DB) DisabledModels(ctx context.Context, org sallyport.OrgID) ([]string, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (model string, err error) {
		err = rows.Scan(&model)
		return model, err
	}, `SELECT model FROM model_access WHERE org_id = $1 AND enabled = FALSE ORDER BY model`, org)
}
