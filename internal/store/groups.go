package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
)

const sqlGroups = `
	SELECT g.id, g.name, g.created FROM groups g`

// CreateGroup adds a group without members. A name that is taken in the
// organisation is Conflict.
func (db *DB) CreateGroup(ctx context.Context, g sallyport.Group, rec sallyport.Record) error {
	if err := checkGroup(g); err != nil {
		return err
	}
	return db.change(ctx, g.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO groups (org_id, id, name, created) VALUES ($1, $2, $3, $4)`,
			g.Org, g.ID, g.Name, micros(g.CreatedAt))
		if err != nil {
			return err
		}
		// No call has groups that was charged before there were any.
		_, err = tx.ExecContext(ctx, `
			INSERT INTO usage_group_cursors (org_id, seq) SELECT org_id, ledger_seq FROM accounts WHERE org_id = $1
			ON CONFLICT (org_id) DO NOTHING`, g.Org)
		return err
	})
}

// checkGroup wants an id that can stand in a list of ids, and a name that can
// stand in a line.
func checkGroup(g sallyport.Group) error {
	if id, err := uuid.Parse(string(g.ID)); err != nil || id.String() != string(g.ID) {
		return sallyport.NewError(sallyport.InvalidBody, "The id of a group is a UUID.")
	}
	return checkGroupName(g.Name)
}

func checkGroupName(name string) error {
	n := utf8.RuneCountInString(name)
	if n == 0 || n > sallyport.GroupNameMax || !utf8.ValidString(name) ||
		strings.TrimSpace(name) != name || strings.ContainsFunc(name, unicode.IsControl) {
		return sallyport.NewError(sallyport.InvalidBody, fmt.Sprintf(
			"The name of a group has 1 to %d characters, no spaces around it and no control characters.", sallyport.GroupNameMax))
	}
	return nil
}

// RenameGroup gives a group another name. One that is taken is Conflict.
func (db *DB) RenameGroup(ctx context.Context, org sallyport.OrgID, id sallyport.GroupID, name string, rec sallyport.Record) error {
	if err := checkGroupName(name); err != nil {
		return err
	}
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx,
			`UPDATE groups SET name = $3 WHERE org_id = $1 AND id = $2`, org, id, name))
		return foundOr(found, err, "group")
	})
}

// DeleteGroup deletes a group with its budgets, limits and rights; its members stay
// members of the organisation. The record tells how much has gone. Calls under
// way that were opened with the group end without it.
func (db *DB) DeleteGroup(ctx context.Context, org sallyport.OrgID, id sallyport.GroupID, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, rec *sallyport.Record) error {
		var gone struct {
			Name    string `json:"name"`
			Members int64  `json:"members"`
			Budgets int64  `json:"budgets"`
			Limits  int64  `json:"limits"`
			Rights  int64  `json:"rights,omitempty"` // areas that it had decided
		}
		err := tx.QueryRowContext(ctx, `SELECT name FROM groups WHERE org_id = $1 AND id = $2`, org, id).Scan(&gone.Name)
		if err != nil {
			return orNotFound(err, "group")
		}
		for _, part := range []struct {
			sql string
			n   *int64
		}{
			{`DELETE FROM group_members WHERE org_id = $1 AND group_id = $2`, &gone.Members},
			{`DELETE FROM budgets WHERE org_id = $1 AND scope = 'group' AND subject = $2`, &gone.Budgets},
			{`DELETE FROM policies WHERE org_id = $1 AND kind = '` + kindLimit + `' AND subject = '` + ofGroup + `' || $2`, &gone.Limits},
			{`DELETE FROM policies WHERE org_id = $1 AND kind = '` + kindRights + `' AND subject LIKE '` + ofGroup + `' || $2 || '/%'`, &gone.Rights},
			{`DELETE FROM groups WHERE org_id = $1 AND id = $2`, new(int64)},
		} {
			r, err := tx.ExecContext(ctx, part.sql, string(org), string(id))
			if err != nil {
				return err
			}
			if *part.n, err = r.RowsAffected(); err != nil {
				return err
			}
		}
		rec.Change, err = json.Marshal(gone)
		return err
	})
}

// How what is decided for groups is named among the policies, see package policy.
const (
	kindLimit  = "limit"
	kindRights = "rights"
	ofGroup    = "group/"
	ofKey      = "key/"
)

// decidedGroup is the group that a policy is for.
func decidedGroup(kind, subject string) (sallyport.GroupID, bool) {
	id, of := strings.CutPrefix(subject, ofGroup)
	if kind == kindRights {
		id, _, _ = strings.Cut(id, "/")
	}
	return sallyport.GroupID(id), of && (kind == kindLimit || kind == kindRights)
}

// groupExists is NotFound unless the organisation has the group. What is then
// written for the group goes with it when it is deleted: both lock the
// organisation.
func groupExists(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, id sallyport.GroupID) error {
	var exists bool
	err := tx.QueryRowContext(ctx,
		`SELECT EXISTS (SELECT 1 FROM groups WHERE org_id = $1 AND id = $2)`, org, id).Scan(&exists)
	return foundOr(exists, err, "group")
}

// Groups lists the organisation's groups by name.
func (db *DB) Groups(ctx context.Context, org sallyport.OrgID) ([]sallyport.Group, error) {
	return db.groups(ctx, org, sqlGroups+` WHERE g.org_id = $1 ORDER BY g.name`, org)
}

// MemberGroups lists the groups of a member by id; none for who is no member.
func (db *DB) MemberGroups(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) ([]sallyport.Group, error) {
	return db.groups(ctx, org, sqlGroups+`
		JOIN group_members m ON m.org_id = g.org_id AND m.group_id = g.id
		WHERE g.org_id = $1 AND m.user_id = $2 ORDER BY g.id`, org, user)
}

func (db *DB) groups(ctx context.Context, org sallyport.OrgID, query string, args ...any) ([]sallyport.Group, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.Group, error) {
		g := sallyport.Group{Org: org}
		var created int64
		err := rows.Scan(&g.ID, &g.Name, &created)
		g.CreatedAt = timeOf(created)
		return g, err
	}, query, args...)
}

// GroupMembers lists the members of a group by e-mail.
func (db *DB) GroupMembers(ctx context.Context, org sallyport.OrgID, id sallyport.GroupID) ([]sallyport.Membership, error) {
	found, err := db.groups(ctx, org, sqlGroups+` WHERE g.org_id = $1 AND g.id = $2`, org, id)
	if err == nil && len(found) == 0 {
		err = notFound("group")
	}
	if err != nil {
		return nil, err
	}
	return db.members(ctx, org, sqlMembers+` AND EXISTS (
		SELECT 1 FROM group_members g WHERE g.org_id = m.org_id AND g.user_id = m.user_id AND g.group_id = $2)
		ORDER BY u.email`, org, id)
}

// groupChangeMax bounds how many members one change adds or removes, so that
// calls never wait long for it.
const groupChangeMax = 500

var errManyMembers = sallyport.NewError(sallyport.InvalidBody,
	fmt.Sprintf("At most %d members can be added or removed at once.", groupChangeMax))

// AddToGroup makes members of the organisation members of the group, all of
// them or none; who is one already stays one. Somebody else is NotFound; one
// group more than sallyport.MemberGroupsMax is Conflict.
func (db *DB) AddToGroup(ctx context.Context, org sallyport.OrgID, id sallyport.GroupID, users []sallyport.UserID, rec sallyport.Record) error {
	if len(users) > groupChangeMax {
		return errManyMembers
	}
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		if err := groupExists(ctx, tx, org, id); err != nil {
			return err
		}
		for _, user := range users {
			if err := addToGroup(ctx, tx, org, id, user); err != nil {
				return err
			}
		}
		return nil
	})
}

func addToGroup(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, id sallyport.GroupID, user sallyport.UserID) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO group_members (org_id, group_id, user_id) VALUES ($1, $2, $3)
		ON CONFLICT (org_id, group_id, user_id) DO NOTHING`, org, id, user)
	if err != nil {
		return err
	}
	var n int
	err = tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM group_members WHERE org_id = $1 AND user_id = $2`, org, user).Scan(&n)
	if err == nil && n > sallyport.MemberGroupsMax {
		err = sallyport.NewError(sallyport.Conflict, fmt.Sprintf("A member can be in at most %d groups.", sallyport.MemberGroupsMax))
	}
	return err
}

// RemoveFromGroup takes members out of the group, all of them or none. Who is
// not in it is NotFound.
func (db *DB) RemoveFromGroup(ctx context.Context, org sallyport.OrgID, id sallyport.GroupID, users []sallyport.UserID, rec sallyport.Record) error {
	if len(users) > groupChangeMax {
		return errManyMembers
	}
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		for _, user := range users {
			found, err := changed(tx.ExecContext(ctx,
				`DELETE FROM group_members WHERE org_id = $1 AND group_id = $2 AND user_id = $3`, org, id, user))
			if err := foundOr(found, err, "member of the group"); err != nil {
				return err
			}
		}
		return nil
	})
}
