package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
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
	found := foundBy(a.Definition)
	return db.change(ctx, a.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO agents (org_id, id, owner, definition, created, deleted, shared, name, search, models)
			VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9)`,
			a.Org, a.ID, a.Owner, definition, micros(a.CreatedAt), a.Shared, found.name, found.search, found.models)
		return err
	})
}

// agentFound is what an agent is found by: copies of parts of its definition.
type agentFound struct {
	name, search string
	models       string // each between line ends
}

// agentNameMax bounds the copy of a name, which a definition bounds more.
const agentNameMax = 1 << 10

func foundBy(d sallyport.AgentDefinition) agentFound {
	name := text(d.DisplayName, agentNameMax)
	if name == "" {
		name = " " // it had nothing that a column can have, and an empty name is one that is not copied yet
	}
	var models strings.Builder
	models.WriteByte('\n')
	for _, m := range d.Models() {
		models.WriteString(text(m, agentNameMax) + "\n")
	}
	return agentFound{name, strings.ToLower(name), models.String()}
}

const (
	agentColumns = `a.id, a.owner, a.definition, a.created, a.shared`
	sqlAgents    = `
	SELECT ` + agentColumns + ` FROM agents a WHERE a.org_id = $1 AND a.deleted = 0`
)

// Agent returns an agent that is not deleted.
func (db *DB) Agent(ctx context.Context, org sallyport.OrgID, id sallyport.AgentID) (sallyport.Agent, error) {
	a, err := scanAgent(org, db.read.QueryRowContext(ctx, sqlAgents+` AND a.id = $2`, org, id))
	return a, orNotFound(err, "agent")
}

// Agents lists the organisation's agents that are not deleted, newest first, at
// most limit; 0: 1,000.
func (db *DB) Agents(ctx context.Context, org sallyport.OrgID, limit int) ([]sallyport.Agent, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.Agent, error) {
		return scanAgent(org, rows)
	}, sqlAgents+` ORDER BY a.created DESC, a.id DESC LIMIT $2`, org, page(limit))
}

// FindAgents lists the agents that f chooses, newest first, each with the newest
// run that the viewer may see.
func (db *DB) FindAgents(ctx context.Context, org sallyport.OrgID, f sallyport.AgentFilter) ([]sallyport.AgentSummary, error) {
	w := where{args: []any{string(org), string(f.Viewer)}}
	if f.Viewer != "" {
		w.add("(a.shared OR a.owner = $%[1]d)", string(f.Viewer))
	}
	if f.Owner != "" {
		w.add("a.owner = $%[1]d", string(f.Owner))
	}
	if f.Shared != nil {
		w.add("a.shared = $%[1]d", *f.Shared)
	}
	if f.Model != "" {
		w.add(`a.models LIKE $%[1]d ESCAPE '\'`, containing("\n"+f.Model+"\n"))
	}
	if f.Text != "" {
		w.add(`a.search LIKE $%[1]d ESCAPE '\'`, containing(strings.ToLower(f.Text)))
	}
	w.after("a", f.After)
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.AgentSummary, error) { return scanAgentSummary(org, rows) }, `
		SELECT `+agentColumns+`, r.id, r.user_id, r.status, r.created, r.ended
		FROM agents a LEFT JOIN runs r ON r.org_id = a.org_id AND r.id = (
			SELECT n.id FROM runs n WHERE n.org_id = a.org_id AND n.agent_id = a.id AND ($2 = '' OR n.user_id = $2)
			ORDER BY n.created DESC, n.id DESC LIMIT 1)
		WHERE a.org_id = $1 AND a.deleted = 0`+w.String()+`
		ORDER BY a.created DESC, a.id DESC LIMIT `+w.arg(page(f.Limit)), w.args...)
}

func scanAgent(org sallyport.OrgID, row scanner) (sallyport.Agent, error) {
	a := sallyport.Agent{Org: org}
	var definition []byte
	var created int64
	if err := row.Scan(&a.ID, &a.Owner, &definition, &created, &a.Shared); err != nil {
		return sallyport.Agent{}, err
	}
	return a, readAgent(&a, definition, created)
}

func readAgent(a *sallyport.Agent, definition []byte, created int64) error {
	a.CreatedAt = timeOf(created)
	if err := json.Unmarshal(definition, &a.Definition); err != nil {
		return fmt.Errorf("stored agent %s: %w", a.ID, err)
	}
	return nil
}

func scanAgentSummary(org sallyport.OrgID, row scanner) (sallyport.AgentSummary, error) {
	s := sallyport.AgentSummary{Agent: sallyport.Agent{Org: org}}
	var definition []byte
	var created int64
	var run, user, status sql.NullString
	var began, ended sql.NullInt64
	err := row.Scan(&s.ID, &s.Owner, &definition, &created, &s.Shared, &run, &user, &status, &began, &ended)
	if err != nil {
		return sallyport.AgentSummary{}, err
	}
	if run.Valid {
		s.LastRun = &sallyport.Run{
			ID: sallyport.RunID(run.String), Org: org, Agent: s.ID, User: sallyport.UserID(user.String),
			Status: sallyport.RunStatus(status.String), CreatedAt: timeOf(began.Int64), EndedAt: timeOf(ended.Int64),
		}
	}
	return s, readAgent(&s.Agent, definition, created)
}

// ShareAgent lets all members see and run an agent, or no longer. To say the
// same again is not a change.
func (db *DB) ShareAgent(ctx context.Context, org sallyport.OrgID, id sallyport.AgentID, shared bool, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		var now bool
		err := tx.QueryRowContext(ctx,
			`SELECT shared FROM agents WHERE org_id = $1 AND id = $2 AND deleted = 0`, org, id).Scan(&now)
		if err != nil {
			return orNotFound(err, "agent")
		}
		if now == shared {
			return errUnchanged
		}
		_, err = tx.ExecContext(ctx, `UPDATE agents SET shared = $3 WHERE org_id = $1 AND id = $2`, org, id, shared)
		return err
	})
}

// DeleteAgent hides an agent; its runs stay. Deleting again is NotFound.
func (db *DB) DeleteAgent(ctx context.Context, org sallyport.OrgID, id sallyport.AgentID, at time.Time, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx,
			`UPDATE agents SET deleted = $3 WHERE org_id = $1 AND id = $2 AND deleted = 0`, org, id, micros(at)))
		return foundOr(found, err, "agent")
	})
}

// nameAgentsMax is how many agents get their copies at a time.
const nameAgentsMax = 100

// nameAgents fills in what agents are found by where a program wrote them that
// does not know the columns: no agent is without a name.
func (db *DB) nameAgents(ctx context.Context) error {
	for {
		nameless, err := list(ctx, db.read, func(rows *sql.Rows) (a sallyport.Agent, err error) {
			var definition []byte
			if err = rows.Scan(&a.Org, &a.ID, &definition); err != nil {
				return a, err
			}
			return a, readAgent(&a, definition, 0)
		}, `SELECT org_id, id, definition FROM agents WHERE name = '' ORDER BY org_id, id LIMIT $1`, nameAgentsMax)
		if err != nil || len(nameless) == 0 {
			return err
		}
		err = db.transact(ctx, func(tx *sql.Tx) error {
			for _, a := range nameless {
				found := foundBy(a.Definition)
				_, err := tx.ExecContext(ctx, `UPDATE agents SET name = $3, search = $4, models = $5 WHERE org_id = $1 AND id = $2`,
					a.Org, a.ID, found.name, found.search, found.models)
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}
