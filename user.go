package sallyport

import "time"

// UserID names a person. It is a UUIDv7 in text form.
type UserID string

// Role is what a membership lets a person do in one organisation.
type Role string

// The roles, from least to most.
const (
	RoleUser          Role = "user"
	RoleAgentCreator  Role = "agent_creator"
	RoleAdministrator Role = "administrator"
)

// Valid says whether r is one of the roles above.
func (r Role) Valid() bool {
	return r == RoleUser || r == RoleAgentCreator || r == RoleAdministrator
}

// User is a person. A person may be a member of several organisations.
type User struct {
	ID        UserID
	Email     string // unique in the instance, stored in lower case
	Name      string
	CreatedAt time.Time
}

// Membership makes a person part of one organisation.
type Membership struct {
	Org       OrgID
	User      User
	Role      Role
	CreatedAt time.Time
	SeenAt    time.Time // when a session of it was last used; zero: never
	// DeactivatedAt is when it was switched off: neither keys nor sessions of it
	// open anything, and its runs end. Zero: it is active.
	DeactivatedAt time.Time
}

// Active says whether the membership opens anything.
func (m Membership) Active() bool { return m.DeactivatedAt.IsZero() }

// MemberView is a membership with the groups of it, for lists of people.
type MemberView struct {
	Membership
	Groups []Group // by name
}

// MemberQuery chooses members, by e-mail.
type MemberQuery struct {
	Text   string  // somewhere in e-mail or name, in upper or lower case
	Role   Role    // empty: any
	Group  GroupID // empty: any
	Active *bool   // nil: both
	After  string  // the e-mail after which the page begins
	Limit  int     // at most MembersPageMax
}

// MembersPageMax bounds a page of members.
const MembersPageMax = 200

// MemberChange is what becomes of a membership; what is nil stays.
type MemberChange struct {
	Role   *Role `json:"role,omitempty"`
	Active *bool `json:"active,omitempty"`
}

// Credential is a membership and the hash of the password that opens it.
// Memberships of one person with equal hashes are opened by one password.
type Credential struct {
	Membership
	PasswordHash string
}

// Seat is a person's place in an organisation.
type Seat struct {
	Organisation Organisation
	Role         Role
}
