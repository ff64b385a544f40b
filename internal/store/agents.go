package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// CreateAgent adds an agent. An owner who is no member is NotFound, an id that
// is taken in the organisation is Conflict.
func (db *DB) CreateAgent(ctx context.Context, a sallyport.Agent, rec sallyport.Record) error {
	definition, err := json.Marshal(a.Definition)
	if err != nil {
		return fmt.Errorf("encode agent: %w", err)
	}
	return db.change(ctx, a.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO agents (org_id, id, owner, definition, created, deleted)
			VALUES ($1, $2, $3, $4, $5, 0)`,
			a.Org, a.ID, a.Owner, definition, micros(a.CreatedAt))
		return err
	})
}

const sqlAgents = `
	SELECT id, owner, definition, created FROM agents WHERE org_id = $1 AND deleted = 0`

// Agent returns an agent that is not deleted.
func (db *DB) Agent(ctx context.Context, org sallyport.OrgID, id sallyport.AgentID) (sallyport.Agent, error) {
	a, err := scanAgent(org, db.read.QueryRowContext(ctx, sqlAgents+` AND id = $2`, org, id))
	return a, orNotFound(err, "agent")
}

// Agents lists the organisation's agents that are not deleted, newest first, at
// most limit; 0: 1,000.
func (db *DB) Agents(ctx context.Context, org sallyport.OrgID, limit int) ([]sallyport.Agent, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.Agent, error) {
		return scanAgent(org, rows)
	}, sqlAgents+` ORDER BY created DESC, id DESC LIMIT $2`, org, page(limit))
}

func scanAgent(org sallyport.OrgID, row scanner) (sallyport.Agent, error) {
	a := sallyport.Agent{Org: org}
	var definition []byte
	var created int64
	if err := row.Scan(&a.ID, &a.Owner, &definition, &created); err != nil {
		return sallyport.Agent{}, err
	}
	a.CreatedAt = timeOf(created)
	if err := json.Unmarshal(definition, &a.Definition); err != nil {
		return sallyport.Agent{}, fmt.Errorf("stored agent %s: %w", a.ID, err)
	}
	return a, nil
}

// DeleteAgent hides an agent; its runs stay. Deleting again is NotFound.
func (db *DB) DeleteAgent(ctx context.Context, org sallyport.OrgID, id sallyport.AgentID, at time.Time, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx,
			`UPDATE agents SET deleted = $3 WHERE org_id = $1 AND id = $2 AND deleted = 0`, org, id, micros(at)))
		return foundOr(found, err, "agent")
	})
}
