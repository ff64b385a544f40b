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
}
