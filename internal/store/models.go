package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

// unknownPrice stands in the columns of a price that nobody knows, a credit for each
// token: a program that is older than the column price_unknown finds no balance that
// is enough, where a 0 would make calls free.
const unknownPrice = 1_000_000_000_000

// SaveModel adds a model to the organisation's own catalogue, or replaces it;
// Conflict when its id is a name that the organisation gave a model.
func (db *DB) SaveModel(ctx context.Context, org sallyport.OrgID, m sallyport.Model, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		if err := noModelAlias(ctx, tx, org, m.ID); err != nil {
			return err
		}
		told := func(r sallyport.Rate) int64 {
			if m.Price.Unknown {
				return unknownPrice
			}
			return int64(r)
		}
		routing, err := routingText(m)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO models (org_id, id, display_name, provider, target,
				context_window, output_max, image_tokens,
				price_input, price_cached_input, price_cache_write, price_output, price_version,
				offline, dlp, price_reasoning, images, reasons,
				type, abilities, facts_at, facts_source, price_unknown, routing, price_second)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
			ON CONFLICT (org_id, id) DO UPDATE SET
				display_name = excluded.display_name, provider = excluded.provider, target = excluded.target,
				context_window = excluded.context_window, output_max = excluded.output_max,
				image_tokens = excluded.image_tokens,
				price_input = excluded.price_input, price_cached_input = excluded.price_cached_input,
				price_cache_write = excluded.price_cache_write, price_output = excluded.price_output,
				price_version = excluded.price_version,
				offline = excluded.offline, dlp = excluded.dlp, price_reasoning = excluded.price_reasoning,
				images = excluded.images, reasons = excluded.reasons,
				type = excluded.type, abilities = excluded.abilities,
				facts_at = excluded.facts_at, facts_source = excluded.facts_source,
				price_unknown = excluded.price_unknown, routing = excluded.routing,
				price_second = excluded.price_second`,
			org, m.ID, m.DisplayName, m.Provider, m.Target,
			m.ContextWindow, m.OutputMax, m.ImageTokens,
			told(m.Price.Input), told(m.Price.CachedInput), told(m.Price.CacheWrite), told(m.Price.Output), m.Price.Version,
			m.Offline, m.DLP, told(m.Price.Reasoning), m.Can(sallyport.Images), m.Can(sallyport.Reasons),
			m.Type, words(m.Abilities), micros(m.Facts.At), m.Facts.Source, m.Price.Unknown, routing, m.Price.Second)
		return err
	})
}

// OrgModels lists the models of the organisation's own catalogue by id.
func (db *DB) OrgModels(ctx context.Context, org sallyport.OrgID) ([]sallyport.Model, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (m sallyport.Model, err error) {
		var images, reasons bool
		var abilities, routing string
		var factsAt int64
		err = rows.Scan(&m.ID, &m.DisplayName, &m.Provider, &m.Target,
			&m.ContextWindow, &m.OutputMax, &m.ImageTokens,
			&m.Price.Input, &m.Price.CachedInput, &m.Price.CacheWrite, &m.Price.Output, &m.Price.Version,
			&m.Offline, &m.DLP, &m.Price.Reasoning, &images, &reasons,
			&m.Type, &abilities, &factsAt, &m.Facts.Source, &m.Price.Unknown, &routing, &m.Price.Second)
		if m.Price.Unknown {
			m.Price = sallyport.Price{Version: m.Price.Version, Unknown: true}
		}
		m.Facts.At, m.Abilities = timeOf(factsAt), abilitiesOf(abilities, images, reasons)
		if err == nil {
			err = readRouting(routing, &m)
		}
		return m, err
	}, `
		SELECT id, display_name, provider, target, context_window, output_max, image_tokens,
			price_input, price_cached_input, price_cache_write, price_output, price_version, offline, dlp, price_reasoning,
			images, reasons, type, abilities, facts_at, facts_source, price_unknown, routing, price_second
		FROM models WHERE org_id = $1 ORDER BY id`, org)
}

// storedRouting is the JSON of the column routing. Members may be added; of those that
// there are the names and meanings stay.
type storedRouting struct {
	Weight    int64         `json:"weight,omitempty"`
	Routes    []storedRoute `json:"routes,omitempty"`
	Fallbacks []string      `json:"fallbacks,omitempty"`
	Retries   *int          `json:"retries,omitempty"`
	Loose     bool          `json:"loose,omitempty"`
}

type storedRoute struct {
	Provider   string         `json:"provider"`
	Target     string         `json:"target"`
	Weight     int64          `json:"weight,omitempty"`
	Input      sallyport.Rate `json:"input"`
	Cached     sallyport.Rate `json:"cached"`
	CacheWrite sallyport.Rate `json:"cache_write"`
	Output     sallyport.Rate `json:"output"`
	Reasoning  sallyport.Rate `json:"reasoning,omitzero"`
	Second     sallyport.Rate `json:"second,omitzero"`
	Version    string         `json:"version"`
}

func routingText(m sallyport.Model) (string, error) {
	r := storedRouting{Weight: m.Weight, Fallbacks: m.Fallbacks, Retries: m.Retries, Loose: m.Loose}
	for _, way := range m.Routes {
		p := way.Price
		r.Routes = append(r.Routes, storedRoute{way.Provider, way.Target, way.Weight, p.Input, p.CachedInput, p.CacheWrite, p.Output, p.Reasoning, p.Second, p.Version})
	}
	text, err := json.Marshal(r)
	return string(text), err
}

func readRouting(text string, m *sallyport.Model) error {
	if text == "" {
		return nil
	}
	var r storedRouting
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return fmt.Errorf("routing of model %s: %w", m.ID, err)
	}
	m.Weight, m.Fallbacks, m.Retries, m.Loose = r.Weight, r.Fallbacks, r.Retries, r.Loose
	for _, way := range r.Routes {
		m.Routes = append(m.Routes, sallyport.Route{Provider: way.Provider, Target: way.Target, Weight: way.Weight, Price: sallyport.Price{
			Input: way.Input, CachedInput: way.Cached, CacheWrite: way.CacheWrite, Output: way.Output, Reasoning: way.Reasoning, Second: way.Second, Version: way.Version,
		}})
	}
	return nil
}

func words(abilities []sallyport.Ability) string {
	text := make([]string, len(abilities))
	for i, a := range abilities {
		text[i] = string(a)
	}
	return strings.Join(text, " ")
}

// abilitiesOf reads the words, and the two columns of an older program.
func abilitiesOf(words string, images, reasons bool) []sallyport.Ability {
	told := strings.Fields(words)
	return sallyport.AbilitiesOf(func(a sallyport.Ability) bool {
		return slices.Contains(told, string(a)) || a == sallyport.Images && images || a == sallyport.Reasons && reasons
	})
}

// DeleteModel takes a model out of the organisation's own catalogue, with the names
// that it had. It stays in its model groups: one that is added again under the id
// is bound by what was decided on them.
func (db *DB) DeleteModel(ctx context.Context, org sallyport.OrgID, id string, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx,
			`DELETE FROM models WHERE org_id = $1 AND id = $2`, org, id))
		if err := foundOr(found, err, "model"); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM model_aliases WHERE org_id = $1 AND model = $2`, org, id)
		return err
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

// ModelChoices returns what the organisation has decided about models; for one
// that is unknown, nothing.
func (db *DB) ModelChoices(ctx context.Context, org sallyport.OrgID) (sallyport.ModelChoices, error) {
	c := sallyport.ModelChoices{Access: make(map[string]bool)}
	// One statement: what is kept of it must not be of two moments.
	rows, err := list(ctx, db.read, func(rows *sql.Rows) (row struct {
		model  string
		rule   bool
		choice bool
	}, err error) {
		err = rows.Scan(&row.rule, &row.model, &row.choice)
		return row, err
	}, `
		SELECT FALSE, model, enabled FROM model_access WHERE org_id = $1
		UNION ALL SELECT TRUE, default_model, new_off FROM model_rules WHERE org_id = $1`, org)
	for _, r := range rows {
		if r.rule {
			c.NewOff, c.Default = r.choice, r.model
		} else {
			c.Access[r.model] = r.choice
		}
	}
	return c, err
}

// SetNewModels decides whether models on which nobody has decided are off. seen
// are those of today and whether they are on: they stay as they are.
func (db *DB) SetNewModels(ctx context.Context, org sallyport.OrgID, off bool, seen map[string]bool, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		for _, model := range slices.Sorted(maps.Keys(seen)) {
			_, err := tx.ExecContext(ctx, `
				INSERT INTO model_access (org_id, model, enabled) VALUES ($1, $2, $3)
				ON CONFLICT (org_id, model) DO NOTHING`, org, model, seen[model])
			if err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO model_rules (org_id, new_off, default_model) VALUES ($1, $2, '')
			ON CONFLICT (org_id) DO UPDATE SET new_off = excluded.new_off`, org, off)
		return err
	})
}

// SetDefaultModel decides which model chats begin with; "" is none.
func (db *DB) SetDefaultModel(ctx context.Context, org sallyport.OrgID, model string, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO model_rules (org_id, new_off, default_model) VALUES ($1, FALSE, $2)
			ON CONFLICT (org_id) DO UPDATE SET default_model = excluded.default_model`, org, model)
		return err
	})
}
