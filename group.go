package sallyport

import "time"

// GroupID names a group. It is a UUIDv7 in text form.
type GroupID string

// Group is some of an organisation's members. What is decided for a group binds
// each of them, and somebody in several groups is bound by them all.
type Group struct {
	Org       OrgID
	ID        GroupID
	Name      string // unique in the organisation
	CreatedAt time.Time
}

// The bounds of groups.
const (
	GroupNameMax = 100 // characters
	// MemberGroupsMax is how many groups a member can be in: each may have limits
	// and budgets, and every call is held to all of them.
	MemberGroupsMax = 100
)
