// Package access decides who may do what. The rules are policies in Cedar, in
// policies.cedar, which an auditor can read; this package hands them the facts
// and gives back the decision, the policy that made it, and what would change it.
//
// What is allowed depends on few facts: the role, whose thing it is, how it is
// shared, and how the switches of groups and organisation stand. So each
// decision is computed once in the life of the process, and then looked up.
//
// It knows no database: who asks brings the caller with what the groups and the
// organisation have decided; see Caller.
package access

import (
	"slices"

	"github.com/sallyport-ai/sallyport"
)

// Sharing is what the owner of a thing lets the other members do with it.
type Sharing string

// The ways to share. The zero value is Private.
const (
	Private   Sharing = ""
	ShareView Sharing = "view"
	ShareEdit Sharing = "edit"
)

// Actions that are no operation of their own: other operations ask for them on the way.
const (
	UseModel       = "models.use"       // Resource.Name and Provider say which
	UseIntegration = "integrations.use" // Resource.Name says which
	UseTool        = "tools.use"        // Resource.Name says which
	UseKey         = "keys.use"         // what is done with an API key
	UploadFile     = "files.upload"
)

// Resource is what an action is done to.
type Resource struct {
	Org sallyport.OrgID
	// Owner is whose it is; "": nobody's in particular.
	Owner   sallyport.UserID
	Sharing Sharing
	// Name and Provider say which model, integration or tool it is.
	Name, Provider string
	// Groups are the model groups that a model is in.
	Groups []string
}

// Caller is who wants to do something: a membership, with what its groups and
// its organisation have decided.
type Caller struct {
	Org    sallyport.OrgID
	User   sallyport.UserID
	Role   sallyport.Role
	Groups []sallyport.Group
	Rights *Rights // of the organisation; nil: nothing is decided
}

// Decision is the answer.
type Decision struct {
	Allowed bool
	// Policy is the id of the policy that decided; "" when none permits.
	Policy string
	// Reason says why, for a person.
	Reason string

	facts facts
}

// Allowed says whether the caller may do the action to the resource.
func Allowed(c Caller, action string, r Resource) Decision {
	return decide(factsOf(c, action, r))
}

// May says whether the caller may do the action to anything at all: to a thing
// of its own. Who has passed it asks Allowed as soon as the thing is known.
func May(c Caller, action string) Decision {
	return Allowed(c, action, Resource{Org: c.Org, Owner: c.User})
}

// Enter says whether the caller may do anything at all: with an API key only
// while it may use keys. "" is a session, which needs nothing.
func Enter(c Caller, key sallyport.KeyID) error {
	if key == "" {
		return nil
	}
	return May(c, UseKey).Err()
}

// Actions lists what the caller may do, by name.
func Actions(c Caller) []string {
	return slices.DeleteFunc(Known(), func(action string) bool { return !May(c, action).Allowed })
}

// Filter returns those of all that the caller may use.
func Filter[T any](c Caller, action string, all []T, resource func(T) Resource) []T {
	return slices.DeleteFunc(slices.Clone(all), func(v T) bool { return !Allowed(c, action, resource(v)).Allowed })
}

// Model is a model as a resource of the caller's organisation.
func Model(org sallyport.OrgID, m sallyport.Model) Resource {
	return Resource{Org: org, Name: m.ID, Provider: m.Provider, Groups: m.Groups}
}
