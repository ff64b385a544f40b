package store

import (
	"context"
	"database/sql"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

// CreateUser makes a person a member of an organisation. A person whose e-mail
// is known in the instance is that person: id and name given here are then not
// used, and MemberByEmail tells the id. A second membership is Conflict.
func (db *DB) CreateUser(ctx context.Context, m sallyport.Membership, passwordHash string, rec sallyport.Record) error {
	return db.change(ctx, m.Org, rec, func(tx *sql.Tx, rec *sallyport.Record) error {
		id, err := insertMember(ctx, tx, m, passwordHash)
		if id != m.User.ID && m.User.ID != "" {
			rec.Resource = strings.ReplaceAll(rec.Resource, string(m.User.ID), string(id))
		}
		return err
	})
}

// insertMember adds a membership, and its person unless one has the e-mail. It
// returns the id of the person.
func insertMember(ctx context.Context, tx *sql.Tx, m sallyport.Membership, passwordHash string) (id sallyport.UserID, err error) {
	email := emailKey(m.User.Email)
	// Two organisations may meet here: the second waits for the first and then finds its row.
	_, err = tx.ExecContext(ctx, `
		INSERT INTO users (id, email, name, created) VALUES ($1, $2, $3, $4)
		ON CONFLICT (email) DO NOTHING`,
		m.User.ID, email, m.User.Name, micros(m.User.CreatedAt))
	if err != nil {
		return "", err
	}
	if err := tx.QueryRowContext(ctx, `SELECT id FROM users WHERE email = $1`, email).Scan(&id); err != nil {
		return "", err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO memberships (org_id, user_id, role, password_hash, created) VALUES ($1, $2, $3, $4, $5)`,
		m.Org, id, m.Role, passwordHash, micros(m.CreatedAt))
	return id, err
}

const sqlMembers = `
	SELECT u.id, u.email, u.name, u.created, m.role, m.created, m.seen, m.deactivated
	FROM memberships m JOIN users u ON u.id = m.user_id
	WHERE m.org_id = $1`

// Member returns a member of the organisation.
func (db *DB) Member(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) (sallyport.Membership, error) {
	return db.member(ctx, org, sqlMembers+` AND u.id = $2`, org, user)
}

// MemberByEmail finds a member by e-mail, in upper or lower case.
func (db *DB) MemberByEmail(ctx context.Context, org sallyport.OrgID, email string) (sallyport.Membership, error) {
	return db.member(ctx, org, sqlMembers+` AND u.email = $2`, org, emailKey(email))
}

// Members lists the members of the organisation by e-mail.
func (db *DB) Members(ctx context.Context, org sallyport.OrgID) ([]sallyport.Membership, error) {
	return db.members(ctx, org, sqlMembers+` ORDER BY u.email`, org)
}

func (db *DB) member(ctx context.Context, org sallyport.OrgID, query string, args ...any) (sallyport.Membership, error) {
	found, err := db.members(ctx, org, query, args...)
	if err == nil && len(found) == 0 {
		err = notFound("member")
	}
	if err != nil {
		return sallyport.Membership{}, err
	}
	return found[0], nil
}

func (db *DB) members(ctx context.Context, org sallyport.OrgID, query string, args ...any) ([]sallyport.Membership, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.Membership, error) {
		m := sallyport.Membership{Org: org}
		return m, scanMember(rows, &m)
	}, query, args...)
}

// scanMember reads the columns of sqlMembers, and then those of more.
func scanMember(row scanner, m *sallyport.Membership, more ...any) error {
	var born, joined, seen, deactivated int64
	err := row.Scan(append([]any{&m.User.ID, &m.User.Email, &m.User.Name, &born, &m.Role, &joined, &seen, &deactivated}, more...)...)
	m.User.CreatedAt, m.CreatedAt = timeOf(born), timeOf(joined)
	m.SeenAt, m.DeactivatedAt = timeOf(seen), timeOf(deactivated)
	return err
}

// SetPassword replaces the hash of a member's password in this organisation and
// ends the member's sessions there.
func (db *DB) SetPassword(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, hash string, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx,
			`UPDATE memberships SET password_hash = $3 WHERE org_id = $1 AND user_id = $2`, org, user, hash))
		if err := foundOr(found, err, "member"); err != nil {
			return err
		}
		return endSessions(ctx, tx, org, user)
	})
}

// PasswordHash returns the hash of a member's password in this organisation.
func (db *DB) PasswordHash(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) (hash string, err error) {
	err = db.read.QueryRowContext(ctx,
		`SELECT password_hash FROM memberships WHERE org_id = $1 AND user_id = $2`, org, user).Scan(&hash)
	return hash, orNotFound(err, "member")
}

func emailKey(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// foundOr turns "no row was changed" into NotFound.
func foundOr(found bool, err error, what string) error {
	if err == nil && !found || notText(err) {
		return notFound(what)
	}
	return err
}
