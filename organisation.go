package sallyport

import "time"

// OrgID names an organisation. It is a UUIDv7 in text form.
type OrgID string

// InstanceOrg is the owner of what belongs to no organisation: refusals of
// callers nobody knows, and starts and stops of the server. It is not a row in
// the organisations table and nobody can be a member of it.
const InstanceOrg OrgID = "instance"

// Organisation is the tenant: it owns keys, credits, policies and one audit trail.
type Organisation struct {
	ID        OrgID
	Name      string
	CreatedAt time.Time
}

// FirstSetup is what makes the first organisation of an installation.
type FirstSetup struct {
	Token        string // that the server printed
	Organisation string
	Name         string // of the administrator
	Email        string
	Password     string
}
