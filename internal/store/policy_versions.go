package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/sallyport-ai/sallyport"
)

// versionsKept is how many versions of one policy are kept; older ones go.
const versionsKept = 1_000

// PublishPolicy puts a version of a policy in force, keeps it under the next
// number, which it returns, and drops the draft that it was. base is the number
// of the version that it replaces, or sallyport.AnyVersion: Conflict when another came
// between.
func (db *DB) PublishPolicy(ctx context.Context, org sallyport.OrgID, kind, subject string, v sallyport.PolicyVersion, base int64, rec sallyport.Record) (number int64, err error) {
	err = db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		last, err := lastVersion(ctx, tx, org, kind, subject)
		if err != nil {
			return err
		}
		if base != sallyport.AnyVersion && base != last {
			return sallyport.NewError(sallyport.Conflict, "another version was published meanwhile: look at it, and publish again")
		}
		number = last + 1
		if err := setPolicy(ctx, tx, org, kind, subject, v.Body); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO policy_versions (org_id, kind, subject, number, body, samples, note, user_id, at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			org, kind, subject, number, v.Body, v.Samples, v.Note, v.User, micros(v.At))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM policy_versions WHERE org_id = $1 AND kind = $2 AND subject = $3 AND number <= $4`,
			org, kind, subject, number-versionsKept)
		if err != nil {
			return err
		}
		_, err = dropDraft(ctx, tx, org, kind, subject)
		return err
	})
	return number, err
}

func lastVersion(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, kind, subject string) (number int64, err error) {
	err = tx.QueryRowContext(ctx,
		`SELECT COALESCE(MAX(number), 0) FROM policy_versions WHERE org_id = $1 AND kind = $2 AND subject = $3`,
		org, kind, subject).Scan(&number)
	return number, err
}

const sqlVersions = `
	SELECT number, body, samples, note, user_id, at FROM policy_versions
	WHERE org_id = $1 AND kind = $2 AND subject = $3`

func scanVersion(row scanner) (v sallyport.PolicyVersion, err error) {
	var at int64
	err = row.Scan(&v.Number, &v.Body, &v.Samples, &v.Note, &v.User, &at)
	v.At = timeOf(at)
	return v, err
}

// PolicyVersions lists the versions of a policy before a number, 0 for the
// newest, newest first.
func (db *DB) PolicyVersions(ctx context.Context, org sallyport.OrgID, kind, subject string, before int64, limit int) ([]sallyport.PolicyVersion, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.PolicyVersion, error) { return scanVersion(rows) },
		sqlVersions+` AND ($4 = 0 OR number < $4) ORDER BY number DESC LIMIT $5`, org, kind, subject, before, page(limit))
}

// PolicyVersion returns one version, NotFound when there is none of that number.
func (db *DB) PolicyVersion(ctx context.Context, org sallyport.OrgID, kind, subject string, number int64) (sallyport.PolicyVersion, error) {
	v, err := scanVersion(db.read.QueryRowContext(ctx, sqlVersions+` AND number = $4`, org, kind, subject, number))
	return v, orNotFound(err, "version")
}

// SaveDraft keeps a draft and returns its revision. d.Revision is the one that
// its author saw, 0 for none: Conflict when somebody else has saved meanwhile.
func (db *DB) SaveDraft(ctx context.Context, org sallyport.OrgID, kind, subject string, d sallyport.PolicyDraft, rec sallyport.Record) (int64, error) {
	err := db.record(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		var saved int64
		err := tx.QueryRowContext(ctx,
			`SELECT revision FROM policy_drafts WHERE org_id = $1 AND kind = $2 AND subject = $3`, org, kind, subject).Scan(&saved)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if saved != d.Revision {
			return sallyport.NewError(sallyport.Conflict, "somebody else has changed the draft meanwhile: load it again")
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO policy_drafts (org_id, kind, subject, body, samples, base, revision, user_id, at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (org_id, kind, subject) DO UPDATE SET body = excluded.body, samples = excluded.samples,
				base = excluded.base, revision = excluded.revision, user_id = excluded.user_id, at = excluded.at`,
			org, kind, subject, d.Body, d.Samples, d.Base, d.Revision+1, d.User, micros(d.At))
		return err
	})
	return d.Revision + 1, err
}

// Draft returns the draft of a policy, NotFound when nobody works on it.
func (db *DB) Draft(ctx context.Context, org sallyport.OrgID, kind, subject string) (d sallyport.PolicyDraft, err error) {
	var at int64
	err = db.read.QueryRowContext(ctx, `
		SELECT body, samples, base, revision, user_id, at FROM policy_drafts
		WHERE org_id = $1 AND kind = $2 AND subject = $3`, org, kind, subject).
		Scan(&d.Body, &d.Samples, &d.Base, &d.Revision, &d.User, &at)
	d.At = timeOf(at)
	return d, orNotFound(err, "draft")
}

// Drafts lists the subjects of a kind that somebody works on.
func (db *DB) Drafts(ctx context.Context, org sallyport.OrgID, kind string) ([]string, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (subject string, err error) {
		err = rows.Scan(&subject)
		return subject, err
	}, `SELECT subject FROM policy_drafts WHERE org_id = $1 AND kind = $2 ORDER BY subject`, org, kind)
}

// DropDraft throws a draft away.
func (db *DB) DropDraft(ctx context.Context, org sallyport.OrgID, kind, subject string, rec sallyport.Record) error {
	return db.record(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := dropDraft(ctx, tx, org, kind, subject)
		return foundOr(found, err, "draft")
	})
}

func dropDraft(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, kind, subject string) (bool, error) {
	return changed(tx.ExecContext(ctx,
		`DELETE FROM policy_drafts WHERE org_id = $1 AND kind = $2 AND subject = $3`, org, kind, subject))
}
