package servertest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
)

// Tenant is an organisation with one member of each role.
type Tenant struct {
	ID      sallyport.OrgID
	Name    string
	Admin   Member
	Creator Member // of agents
	User    Member
}

// Member is a person with a key.
type Member struct {
	Org   sallyport.OrgID
	ID    sallyport.UserID
	Role  sallyport.Role
	KeyID sallyport.KeyID
	Key   string
}

// Members are those of the tenant, the least first.
func (o Tenant) Members() []Member { return []Member{o.User, o.Creator, o.Admin} }

func (h *House) tenant(t testing.TB, name string, credits sallyport.Credits) Tenant {
	t.Helper()
	org := sallyport.Organisation{ID: sallyport.OrgID(newID()), Name: name, CreatedAt: h.Clock.Now()}
	must(t, h.DB.CreateOrg(t.Context(), org, h.event(org.ID, "org.create")))
	_, err := h.DB.Grant(t.Context(), org.ID, credits, "", h.event(org.ID, "credits.grant"))
	must(t, err)
	return Tenant{
		ID: org.ID, Name: name,
		Admin:   h.member(t, org.ID, sallyport.RoleAdministrator),
		Creator: h.member(t, org.ID, sallyport.RoleAgentCreator),
		User:    h.member(t, org.ID, sallyport.RoleUser),
	}
}

func (h *House) member(t testing.TB, org sallyport.OrgID, role sallyport.Role) Member {
	t.Helper()
	id := newID()
	m := Member{Org: org, ID: sallyport.UserID(id), Role: role}
	must(t, h.DB.CreateUser(t.Context(), sallyport.Membership{
		Org: org, Role: role, CreatedAt: h.Clock.Now(),
		User: sallyport.User{ID: m.ID, Email: id + "@home.test", Name: string(role), CreatedAt: h.Clock.Now()},
	}, "no password", h.event(org, "user.create")))
	m.KeyID, m.Key = h.NewKey(t, m, time.Time{})
	return m
}

// NewMember adds a person with a key to an organisation.
func (h *House) NewMember(t testing.TB, org sallyport.OrgID, role sallyport.Role) Member {
	t.Helper()
	return h.member(t, org, role)
}

// NewKey makes another key of the member.
func (h *House) NewKey(t testing.TB, m Member, expires time.Time) (sallyport.KeyID, string) {
	t.Helper()
	key, plain, err := h.keys.Create(t.Context(), m.Org, m.ID, "a key", expires, h.event(m.Org, "key.create"))
	must(t, err)
	return key.ID, plain
}

// WriteKeyUse writes down when keys were last used, which the program does now and then.
func (h *House) WriteKeyUse(t testing.TB) {
	t.Helper()
	must(t, h.keys.WriteUse(t.Context()))
}

func (h *House) event(org sallyport.OrgID, action string) sallyport.Record {
	return h.audit.Event(sallyport.Principal{Org: org}, action, "", nil)
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// Grant gives an organisation credits.
func (h *House) Grant(t testing.TB, org sallyport.OrgID, amount sallyport.Credits) {
	t.Helper()
	_, err := h.DB.Grant(t.Context(), org, amount, "", h.event(org, "credits.grant"))
	must(t, err)
}
