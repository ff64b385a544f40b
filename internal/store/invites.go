package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
)

const sqlInvites = `
	SELECT org_id, id, email, role, group_ids, invited_by, hash, created, expires FROM invites`

// CreateInvite adds an invitation, in the place of an earlier one to the same
// e-mail. Who is a member already, and one more than sallyport.InvitesMax, is
// Conflict; a group that is not there is NotFound.
func (db *DB) CreateInvite(ctx context.Context, i sallyport.Invite, rec sallyport.Record) error {
	email := emailKey(i.Email)
	return db.change(ctx, i.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		for _, g := range i.Groups {
			if err := groupExists(ctx, tx, i.Org, g); err != nil {
				return err
			}
		}
		if err := noMember(ctx, tx, i.Org, email); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM invites WHERE org_id = $1 AND (email = $2 OR expires <= $3)`,
			i.Org, email, micros(i.CreatedAt)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO invites (org_id, id, email, role, group_ids, invited_by, hash, created, expires)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			i.Org, i.ID, email, i.Role, string(joinGroups(i.Groups)), i.By, i.Hash, micros(i.CreatedAt), micros(i.ExpiresAt))
		if err != nil {
			return err
		}
		var n int
		err = tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM invites WHERE org_id = $1`, i.Org).Scan(&n)
		if err == nil && n > sallyport.InvitesMax {
			err = sallyport.NewError(sallyport.Conflict, fmt.Sprintf("At most %d invitations can be open.", sallyport.InvitesMax))
		}
		return err
	})
}

func noMember(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, email string) error {
	var member bool
	err := tx.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.org_id = $1 AND u.email = $2)`,
		org, email).Scan(&member)
	if err == nil && member {
		err = sallyport.NewError(sallyport.Conflict, "The person is a member already.")
	}
	return err
}

// Invite finds an invitation in any organisation, one whose time is over
// included. As Session it takes no organisation.
func (db *DB) Invite(ctx context.Context, id sallyport.InviteID) (sallyport.Invite, error) {
	i, err := scanInvite(db.read.QueryRowContext(ctx, sqlInvites+` WHERE id = $1`, id))
	return i, orNotFound(err, "invitation")
}

// Invites lists the open invitations of the organisation, newest first.
func (db *DB) Invites(ctx context.Context, org sallyport.OrgID, now time.Time) ([]sallyport.Invite, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.Invite, error) { return scanInvite(rows) },
		sqlInvites+` WHERE org_id = $1 AND expires > $2 ORDER BY created DESC, id`, org, micros(now))
}

func scanInvite(row scanner) (i sallyport.Invite, err error) {
	var groups groupIDs
	var created, expires int64
	err = row.Scan(&i.Org, &i.ID, &i.Email, &i.Role, &groups, &i.By, &i.Hash, &created, &expires)
	if err != nil {
		return sallyport.Invite{}, err
	}
	i.Groups = groups.all()
	i.CreatedAt, i.ExpiresAt = timeOf(created), timeOf(expires)
	return i, nil
}

// DeleteInvite takes an invitation back; NotFound when there is none.
func (db *DB) DeleteInvite(ctx context.Context, org sallyport.OrgID, id sallyport.InviteID, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		gone, err := changed(tx.ExecContext(ctx, `DELETE FROM invites WHERE org_id = $1 AND id = $2`, org, id))
		return foundOr(gone, err, "invitation")
	})
}

// AcceptInvite makes m, whose e-mail is that of the invitation, a member with its
// role and groups; the invitation goes, so nobody accepts it twice: it is then
// NotFound. m.User.ID must be that of the person if there is one with the e-mail,
// else nobody's: that a person came meanwhile is Conflict.
func (db *DB) AcceptInvite(ctx context.Context, i sallyport.Invite, m sallyport.Membership, passwordHash string, rec sallyport.Record) error {
	return db.change(ctx, i.Org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		open, err := changed(tx.ExecContext(ctx,
			`DELETE FROM invites WHERE org_id = $1 AND id = $2 AND expires > $3`, i.Org, i.ID, micros(m.CreatedAt)))
		if err := foundOr(open, err, "invitation"); err != nil {
			return err
		}
		m.Org, m.Role, m.User.Email = i.Org, i.Role, i.Email
		id, err := insertMember(ctx, tx, m, passwordHash)
		if err != nil {
			return err
		}
		if id != m.User.ID {
			return sallyport.NewError(sallyport.Conflict, "Somebody with this e-mail came meanwhile. Open the link again.")
		}
		for _, g := range i.Groups {
			err := groupExists(ctx, tx, i.Org, g)
			if sallyport.CodeOf(err) == sallyport.NotFound {
				continue // deleted since the invitation
			}
			if err == nil {
				err = addToGroup(ctx, tx, i.Org, g, m.User.ID)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
