package sallyport

import "time"

// InviteID is the public half of an invitation's token.
type InviteID string

// Invite lets somebody become a member of an organisation, as it is kept: never
// the token, only its keyed hash. It goes when it is accepted.
type Invite struct {
	Org       OrgID
	ID        InviteID
	Email     string // of who may become a member, in lower case
	Role      Role
	Groups    []GroupID // that the new member is put into, as far as they are still there
	By        UserID    // who invites; empty: the command line
	Hash      []byte    // HMAC-SHA256 of the whole token under the organisation's keyset
	CreatedAt time.Time
	ExpiresAt time.Time
}

// The bounds of invitations.
const (
	// InviteLifeMax is how long a link opens anything.
	InviteLifeMax = 7 * 24 * time.Hour
	// InvitesMax is how many an organisation has at once.
	InvitesMax = 1000
	// InviteGroupsMax is how many groups an invitation names.
	InviteGroupsMax = 20
)

// LiveAt says whether the invitation can be accepted at that time.
func (i Invite) LiveAt(now time.Time) bool { return now.Before(i.ExpiresAt) }
