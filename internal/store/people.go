package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// FindMembers lists members by e-mail, a page at a time, with their groups.
func (db *DB) FindMembers(ctx context.Context, org sallyport.OrgID, q sallyport.MemberQuery) ([]sallyport.MemberView, error) {
	w := where{args: []any{org}}
	if q.Text != "" {
		like := w.arg(containing(strings.ToLower(q.Text)))
		w.WriteString(` AND (u.email LIKE ` + like + ` ESCAPE '\' OR LOWER(u.name) LIKE ` + like + ` ESCAPE '\')`)
	}
	if q.Role != "" {
		w.add("m.role = $%[1]d", string(q.Role))
	}
	if q.Group != "" {
		w.add("EXISTS (SELECT 1 FROM group_members g WHERE g.org_id = m.org_id AND g.user_id = m.user_id AND g.group_id = $%[1]d)", string(q.Group))
	}
	if q.Active != nil {
		w.WriteString(map[bool]string{true: " AND m.deactivated = 0", false: " AND m.deactivated <> 0"}[*q.Active])
	}
	if q.After != "" {
		w.add("u.email > $%[1]d", q.After)
	}
	limit := w.arg(min(max(q.Limit, 1), sallyport.MembersPageMax))
	members, err := db.members(ctx, org, sqlMembers+w.String()+" ORDER BY u.email LIMIT "+limit, w.args...)
	if err != nil {
		return nil, err
	}
	return db.withGroups(ctx, org, members)
}

// withGroups adds the groups of a page of members.
func (db *DB) withGroups(ctx context.Context, org sallyport.OrgID, members []sallyport.Membership) ([]sallyport.MemberView, error) {
	views := make([]sallyport.MemberView, len(members))
	at := make(map[sallyport.UserID]int, len(members))
	w := where{args: []any{org}}
	places := make([]string, len(members))
	for i, m := range members {
		views[i].Membership, at[m.User.ID], places[i] = m, i, w.arg(string(m.User.ID))
	}
	if len(members) == 0 {
		return views, nil
	}
	_, err := list(ctx, db.read, func(rows *sql.Rows) (struct{}, error) {
		var user sallyport.UserID
		g := sallyport.Group{Org: org}
		var created int64
		err := rows.Scan(&user, &g.ID, &g.Name, &created)
		g.CreatedAt = timeOf(created)
		views[at[user]].Groups = append(views[at[user]].Groups, g)
		return struct{}{}, err
	}, `
		SELECT m.user_id, g.id, g.name, g.created
		FROM group_members m JOIN groups g ON g.org_id = m.org_id AND g.id = m.group_id
		WHERE m.org_id = $1 AND m.user_id IN (`+strings.Join(places, ", ")+`) ORDER BY g.name`, w.args...)
	return views, err
}

// ChangeMember changes role and state of a member. Who is switched off is signed
// out everywhere, and keys and sessions open nothing from then on. The last
// active administrator stays one: to change that is Conflict.
func (db *DB) ChangeMember(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, c sallyport.MemberChange, at time.Time, rec sallyport.Record) error {
	if c.Role != nil && !c.Role.Valid() {
		return sallyport.NewError(sallyport.InvalidBody, "There is no such role.")
	}
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		if err := memberExists(ctx, tx, org, user); err != nil {
			return err
		}
		if c.Role != nil {
			if _, err := tx.ExecContext(ctx,
				`UPDATE memberships SET role = $3 WHERE org_id = $1 AND user_id = $2`, org, user, *c.Role); err != nil {
				return err
			}
		}
		if err := switchMember(ctx, tx, org, user, c.Active, at); err != nil {
			return err
		}
		return administered(ctx, tx, org)
	})
}

// switchMember switches a member on or off; nil leaves it. Who is off already
// stays so since then.
func switchMember(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, user sallyport.UserID, active *bool, at time.Time) error {
	switch {
	case active == nil:
		return nil
	case *active:
		_, err := tx.ExecContext(ctx, `UPDATE memberships SET deactivated = 0 WHERE org_id = $1 AND user_id = $2`, org, user)
		return err
	}
	_, err := tx.ExecContext(ctx,
		`UPDATE memberships SET deactivated = $3 WHERE org_id = $1 AND user_id = $2 AND deactivated = 0`, org, user, micros(at))
	if err != nil {
		return err
	}
	return endSessions(ctx, tx, org, user)
}

// administered is Conflict unless somebody can administer the organisation.
func administered(ctx context.Context, tx *sql.Tx, org sallyport.OrgID) error {
	var somebody bool
	err := tx.QueryRowContext(ctx,
		`SELECT EXISTS (SELECT 1 FROM memberships WHERE org_id = $1 AND role = $2 AND deactivated = 0)`,
		org, sallyport.RoleAdministrator).Scan(&somebody)
	if err == nil && !somebody {
		err = sallyport.NewError(sallyport.Conflict, "This is the last active administrator. Make somebody else one first.")
	}
	return err
}

// AnyUser says whether there is any person at all.
func (db *DB) AnyUser(ctx context.Context) (exists bool, err error) {
	err = db.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM users)`).Scan(&exists)
	return exists, err
}
