package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

// FindRuns lists the runs that f chooses, newest first, without their contents.
func (db *DB) FindRuns(ctx context.Context, org sallyport.OrgID, f sallyport.RunFilter) ([]sallyport.RunSummary, error) {
	w := where{args: []any{string(org)}}
	if f.User != "" {
		w.add("r.user_id = $%[1]d", string(f.User))
	}
	if f.Agent != "" {
		w.add("r.agent_id = $%[1]d", string(f.Agent))
	}
	if f.Start != "" {
		w.add("r.start_kind = $%[1]d", string(f.Start))
	}
	if !f.Since.IsZero() {
		w.add("r.created >= $%[1]d", micros(f.Since))
	}
	if !f.Until.IsZero() {
		w.add("r.created < $%[1]d", micros(f.Until))
	}
	w.states(f.States)
	if f.Text != "" {
		id := w.arg(f.Text)
		w.add(`(a.search LIKE $%[1]d ESCAPE '\' OR r.id = `+id+`)`, containing(strings.ToLower(f.Text)))
	}
	w.after("r", f.After)
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.RunSummary, error) { return scanRunSummary(org, rows) }, `
		SELECT r.id, r.agent_id, a.name, a.deleted, r.user_id, r.key_id, r.conversation, r.status,
			r.created, r.ended, r.start_kind, CAST(COALESCE((
				SELECT SUM(c.charge) FROM run_calls c WHERE c.org_id = r.org_id AND c.run_id = r.id), 0) AS BIGINT)
		FROM runs r JOIN agents a ON a.org_id = r.org_id AND a.id = r.agent_id
		WHERE r.org_id = $1`+w.String()+`
		ORDER BY r.created DESC, r.id DESC LIMIT `+w.arg(page(f.Limit)), w.args...)
}

// states chooses runs in one of the states; none: any.
func (w *where) states(states []sallyport.RunStatus) {
	if len(states) == 0 {
		return
	}
	names := make([]string, len(states))
	for i, s := range states {
		names[i] = w.arg(string(s))
	}
	fmt.Fprintf(w, " AND r.status IN (%s)", strings.Join(names, ", "))
}

func scanRunSummary(org sallyport.OrgID, row scanner) (sallyport.RunSummary, error) {
	s := sallyport.RunSummary{Run: sallyport.Run{Org: org}}
	var deleted, created, ended int64
	err := row.Scan(&s.ID, &s.Agent, &s.AgentName, &deleted, &s.User, &s.Key, &s.Conversation, &s.Status,
		&created, &ended, &s.Start, &s.Charge)
	s.AgentDeleted = deleted != 0
	s.CreatedAt, s.EndedAt = timeOf(created), timeOf(ended)
	return s, err
}

// EndedRuns are those of the runs that are no longer in progress.
func (db *DB) EndedRuns(ctx context.Context, runs []sallyport.Run) ([]sallyport.RunID, error) {
	if len(runs) == 0 {
		return nil, nil
	}
	var w where
	these := make([]string, len(runs))
	for i, r := range runs {
		these[i] = "org_id = " + w.arg(string(r.Org)) + " AND id = " + w.arg(string(r.ID))
	}
	return list(ctx, db.read, func(rows *sql.Rows) (id sallyport.RunID, err error) {
		err = rows.Scan(&id)
		return id, err
	}, `SELECT id FROM runs WHERE status <> 'in_progress' AND (`+strings.Join(these, " OR ")+`)`, w.args...)
}
