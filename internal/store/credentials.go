package store

import (
	"context"
	"database/sql"
	"slices"

	"github.com/sallyport-ai/sallyport"
)

// Credentials returns the memberships of the person with that e-mail in all
// organisations, the last used first, none for nobody; and of the person in the
// instance who has the most different passwords how many those are, at least 1:
// who checks that many always, tells nobody whom the e-mail belongs to.
func (db *DB) Credentials(ctx context.Context, email string) (found []sallyport.Credential, passwords int, err error) {
	found, err = list(ctx, db.read, func(rows *sql.Rows) (sallyport.Credential, error) {
		var c sallyport.Credential
		return c, scanMember(rows, &c.Membership, &c.Org, &c.PasswordHash)
	}, `
		SELECT u.id, u.email, u.name, u.created, m.role, m.created, m.seen, m.deactivated, m.org_id, m.password_hash
		FROM memberships m JOIN users u ON u.id = m.user_id
		WHERE u.email = $1 ORDER BY m.seen DESC, m.created, m.org_id`, emailKey(email))
	if err != nil {
		return nil, 0, err
	}
	err = db.read.QueryRowContext(ctx, `
		SELECT COALESCE(MAX(n), 1) FROM (
			SELECT COUNT(DISTINCT password_hash) AS n FROM memberships GROUP BY user_id HAVING COUNT(*) > 1) p`).Scan(&passwords)
	return found, passwords, err
}

// Seats lists where the person of a membership is an active member too and the
// same password opens, that membership among them, by the organisation's name.
func (db *DB) Seats(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) ([]sallyport.Seat, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (s sallyport.Seat, err error) {
		var created int64
		err = rows.Scan(&s.Organisation.ID, &s.Organisation.Name, &created, &s.Role)
		s.Organisation.CreatedAt = timeOf(created)
		return s, err
	}, `
		SELECT o.id, o.name, o.created, m.role
		FROM memberships mine
		JOIN memberships m ON m.user_id = mine.user_id AND m.password_hash = mine.password_hash AND m.deactivated = 0
		JOIN organisations o ON o.id = m.org_id
		WHERE mine.org_id = $1 AND mine.user_id = $2 AND mine.deactivated = 0 ORDER BY o.name, o.id`, org, user)
}

// ChangePassword replaces the hash old of a person's password by hash in the
// organisation and in all others where it is the same, and ends the person's
// sessions there. Each organisation's trail gets the record that rec makes. When
// old is not the hash any more it is Conflict.
func (db *DB) ChangePassword(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, old, hash string,
	rec func(sallyport.OrgID) sallyport.Record) error {
	return db.transact(ctx, func(tx *sql.Tx) error {
		orgs, err := openedBy(ctx, tx, org, user, old)
		if err != nil {
			return err
		}
		for _, org := range orgs { // by id, as always
			if err := db.changePassword(ctx, tx, org, user, old, hash, rec(org)); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, sqlCountChange)
		return err
	})
}

// openedBy lists the organisations where the person has that hash, by id. The
// one must be among them.
func openedBy(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, user sallyport.UserID, hash string) (orgs []sallyport.OrgID, err error) {
	rows, err := tx.QueryContext(ctx,
		`SELECT org_id FROM memberships WHERE user_id = $1 AND password_hash = $2 ORDER BY org_id`, user, hash)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var one sallyport.OrgID
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		orgs = append(orgs, one)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if !slices.Contains(orgs, org) {
		return nil, errPasswordMoved
	}
	return orgs, nil
}

var errPasswordMoved = sallyport.NewError(sallyport.Conflict, "The password was changed meanwhile.")

func (db *DB) changePassword(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, user sallyport.UserID, old, hash string, rec sallyport.Record) error {
	head, err := db.lockHead(ctx, tx, org)
	if err != nil {
		return err
	}
	moved, err := changed(tx.ExecContext(ctx,
		`UPDATE memberships SET password_hash = $4 WHERE org_id = $1 AND user_id = $2 AND password_hash = $3`, org, user, old, hash))
	if err != nil {
		return err
	}
	if !moved {
		return errPasswordMoved
	}
	if err := endSessions(ctx, tx, org, user); err != nil {
		return err
	}
	return db.append(ctx, tx, head, rec)
}
