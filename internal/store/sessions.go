package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/sallyport-ai/sallyport"
)

const sqlSessions = `
	SELECT s.org_id, s.id, s.user_id, s.hash, s.created, s.seen, s.expires, s.source_ip, s.source_agent, m.role
	FROM sessions s JOIN memberships m ON m.org_id = s.org_id AND m.user_id = s.user_id AND m.deactivated = 0`

// CreateSession adds a session of an active member; of anybody else it is
// NotFound. Past sallyport.SessionsMax those go that were not used for longest.
func (db *DB) CreateSession(ctx context.Context, s sallyport.Session, rec sallyport.Record) error {
	return db.record(ctx, s.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		seen, err := changed(tx.ExecContext(ctx,
			`UPDATE memberships SET seen = $3 WHERE org_id = $1 AND user_id = $2 AND deactivated = 0`, s.Org, s.User, micros(s.SeenAt)))
		if err := foundOr(seen, err, "member"); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO sessions (org_id, id, user_id, hash, created, seen, expires, source_ip, source_agent)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			s.Org, s.ID, s.User, s.Hash, micros(s.CreatedAt), micros(s.SeenAt), micros(s.ExpiresAt), s.Source.IP, s.Source.UserAgent)
		if err != nil {
			return err
		}
		dropped, err := changed(tx.ExecContext(ctx, `
			DELETE FROM sessions WHERE org_id = $1 AND id <> $3 AND id IN (
				SELECT id FROM sessions WHERE org_id = $1 AND user_id = $2 AND id <> $3 ORDER BY seen DESC, id LIMIT $5 OFFSET $4)`,
			s.Org, s.User, s.ID, sallyport.SessionsMax-1, sallyport.SessionsMax))
		if err == nil && dropped {
			_, err = tx.ExecContext(ctx, sqlCountChange)
		}
		return err
	})
}

// Session finds a session in any organisation, and the role that the person has
// there now; NotFound for one that was ended, or whose member is not active. As
// Key it takes no organisation, and it does not look at the time.
func (db *DB) Session(ctx context.Context, id sallyport.SessionID) (sallyport.Session, sallyport.Role, error) {
	s, role, err := scanSession(db.read.QueryRowContext(ctx, sqlSessions+` WHERE s.id = $1`, id))
	return s, role, orNotFound(err, "session")
}

// Sessions lists the sessions of a member, the last used first.
func (db *DB) Sessions(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) ([]sallyport.Session, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.Session, error) {
		s, _, err := scanSession(rows)
		return s, err
	}, sqlSessions+` WHERE s.org_id = $1 AND s.user_id = $2 ORDER BY s.seen DESC, s.id`, org, user)
}

func scanSession(row scanner) (s sallyport.Session, role sallyport.Role, err error) {
	var created, seen, expires int64
	err = row.Scan(&s.Org, &s.ID, &s.User, &s.Hash, &created, &seen, &expires, &s.Source.IP, &s.Source.UserAgent, &role)
	if err != nil {
		return sallyport.Session{}, "", err
	}
	s.CreatedAt, s.SeenAt, s.ExpiresAt = timeOf(created), timeOf(seen), timeOf(expires)
	return s, role, nil
}

// TouchSession writes down that a session was used then. It does nothing to one
// that was ended, and tells nobody.
func (db *DB) TouchSession(ctx context.Context, s sallyport.Session, at time.Time) error {
	return db.transact(ctx, func(tx *sql.Tx) error {
		used, err := changed(tx.ExecContext(ctx,
			`UPDATE sessions SET seen = $3 WHERE org_id = $1 AND id = $2 AND seen < $3`, s.Org, s.ID, micros(at)))
		if err != nil || !used {
			return err
		}
		_, err = tx.ExecContext(ctx,
			`UPDATE memberships SET seen = $3 WHERE org_id = $1 AND user_id = $2 AND seen < $3`, s.Org, s.User, micros(at))
		return err
	})
}

// EndSession ends a session of the member; NotFound when there is none.
func (db *DB) EndSession(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.SessionID, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		ended, err := changed(tx.ExecContext(ctx,
			`DELETE FROM sessions WHERE org_id = $1 AND user_id = $2 AND id = $3`, org, user, id))
		return foundOr(ended, err, "session")
	})
}

// EndSessions ends all sessions of a member; NotFound when there is no such
// member. To end none is told, too.
func (db *DB) EndSessions(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		if err := memberExists(ctx, tx, org, user); err != nil {
			return err
		}
		return endSessions(ctx, tx, org, user)
	})
}

// endSessions ends all sessions of a member.
func endSessions(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, user sallyport.UserID) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE org_id = $1 AND user_id = $2`, org, user)
	return err
}

// memberExists is NotFound unless the organisation has the member.
func memberExists(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, user sallyport.UserID) error {
	var exists bool
	err := tx.QueryRowContext(ctx,
		`SELECT EXISTS (SELECT 1 FROM memberships WHERE org_id = $1 AND user_id = $2)`, org, user).Scan(&exists)
	return foundOr(exists, err, "member")
}

// ForgetSessions deletes sessions that open nothing any more, at most limit, and
// returns how many.
func (db *DB) ForgetSessions(ctx context.Context, now time.Time, limit int) (int64, error) {
	r, err := db.write.ExecContext(ctx, `
		DELETE FROM sessions WHERE id IN (
			SELECT id FROM sessions WHERE seen <= $1 OR expires <= $2 ORDER BY seen LIMIT $3)`,
		micros(now.Add(-sallyport.SessionIdleMax)), micros(now), limit)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
