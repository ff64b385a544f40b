package store

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/sallyport-ai/sallyport"
)

// SetPolicy replaces the policy of a kind for a subject; a nil body removes it.
// Kind "dlp": the subject is empty for the organisation, or a model's id. Kind
// "limit": "organisation", "group/<id>", "user/<id>" or "key/<id>". Kind
// "rights": "organisation/<area>" or "group/<id>/<area>". The store does not
// read the body.
func (db *DB) SetPolicy(ctx context.Context, org sallyport.OrgID, kind, subject string, body []byte, rec sallyport.Record) error {
	return db.SetPolicies(ctx, org, kind, map[string][]byte{subject: body}, nil, rec)
}

// SetPolicies is SetPolicy for several subjects of a kind, all of them or none.
// check, unless it is nil, sees what is set of the kind, which nobody changes
// meanwhile; its error is that of the whole.
func (db *DB) SetPolicies(ctx context.Context, org sallyport.OrgID, kind string, bodies map[string][]byte,
	check func(stored map[string][]byte) error, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		if check != nil {
			stored, err := policies(ctx, tx, org, kind)
			if err != nil {
				return err
			}
			if err := check(stored); err != nil {
				return err
			}
		}
		for _, subject := range slices.Sorted(maps.Keys(bodies)) {
			if err := setPolicy(ctx, tx, org, kind, subject, bodies[subject]); err != nil {
				return err
			}
		}
		return nil
	})
}

func setPolicy(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, kind, subject string, body []byte) error {
	if body == nil {
		_, err := tx.ExecContext(ctx,
			`DELETE FROM policies WHERE org_id = $1 AND kind = $2 AND subject = $3`, org, kind, subject)
		return err
	}
	if group, of := decidedGroup(kind, subject); of {
		if err := groupExists(ctx, tx, org, group); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO policies (org_id, kind, subject, body) VALUES ($1, $2, $3, $4)
		ON CONFLICT (org_id, kind, subject) DO UPDATE SET body = excluded.body`,
		org, kind, subject, body)
	return err
}

// Policy returns one policy, NotFound when none was set.
func (db *DB) Policy(ctx context.Context, org sallyport.OrgID, kind, subject string) (body []byte, err error) {
	err = db.read.QueryRowContext(ctx,
		`SELECT body FROM policies WHERE org_id = $1 AND kind = $2 AND subject = $3`, org, kind, subject).Scan(&body)
	return body, orNotFound(err, "policy")
}

// Policies returns the organisation's policies of a kind by subject.
func (db *DB) Policies(ctx context.Context, org sallyport.OrgID, kind string) (map[string][]byte, error) {
	return policies(ctx, db.read, org, kind)
}

func policies(ctx context.Context, q querier, org sallyport.OrgID, kind string) (map[string][]byte, error) {
	type policy struct {
		subject string
		body    []byte
	}
	all, err := list(ctx, q, func(rows *sql.Rows) (p policy, err error) {
		err = rows.Scan(&p.subject, &p.body)
		return p, err
	}, `SELECT subject, body FROM policies WHERE org_id = $1 AND kind = $2`, org, kind)
	if err != nil {
		return nil, err
	}
	bodies := make(map[string][]byte, len(all))
	for _, p := range all {
		bodies[p.subject] = p.body
	}
	return bodies, nil
}
