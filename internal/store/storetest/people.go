package storetest

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func newSession(org sallyport.OrgID, user sallyport.UserID, id string, seen time.Time) sallyport.Session {
	return sallyport.Session{
		ID: sallyport.SessionID(id), Org: org, User: user, Hash: []byte{0, 255, 1}, CreatedAt: Time, SeenAt: seen,
		ExpiresAt: Time.Add(sallyport.SessionLifeMax), Source: sallyport.Source{IP: "192.0.2.7", UserAgent: "Firefox"},
	}
}

// Sessions are found as they were made, and are gone when they ended.
func testSessions(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	user := NewMember(t, db, org)
	first, second := newSession(org, user, "s-1", Time), newSession(org, user, "s-2", Time.Add(time.Minute))
	ok(t, db.CreateSession(ctx, first, Event("session.create")))
	ok(t, db.CreateSession(ctx, second, Event("session.create")))
	got, role, err := db.Session(ctx, first.ID)
	ok(t, err)
	if !reflect.DeepEqual(got, first) || role != sallyport.RoleUser {
		t.Errorf("got %+v of a %s, want %+v", got, role, first)
	}
	unchanged(t, db, other, func() {
		foreign := newSession(other, user, "s-3", Time)
		fails(t, db.CreateSession(ctx, foreign, Event("session.create")), sallyport.NotFound)
		fails(t, db.EndSession(ctx, other, user, first.ID, Event("sessions.end")), sallyport.NotFound)
		fails(t, db.EndSessions(ctx, other, user, Event("users.sign_out")), sallyport.NotFound)
	})
	fails(t, db.CreateSession(ctx, first, Event("session.create")), sallyport.Conflict)

	ok(t, db.TouchSession(ctx, first, Time.Add(time.Hour)))
	ok(t, db.TouchSession(ctx, first, Time)) // an earlier use that comes late
	sessions, err := db.Sessions(ctx, org, user)
	ok(t, err)
	if len(sessions) != 2 || sessions[0].ID != first.ID || !sessions[0].SeenAt.Equal(Time.Add(time.Hour)) {
		t.Errorf("the sessions are %+v", sessions)
	}
	if m, err := db.Member(ctx, org, user); err != nil || !m.SeenAt.Equal(Time.Add(time.Hour)) {
		t.Errorf("the member was seen at %v, %v", m.SeenAt, err)
	}
	fails(t, db.EndSession(ctx, org, "somebody else", first.ID, Event("sessions.end")), sallyport.NotFound)
	before, err := db.Changes(ctx)
	ok(t, err)
	ok(t, db.EndSession(ctx, org, user, first.ID, Event("sessions.end")))
	if after, err := db.Changes(ctx); err != nil || after == before {
		t.Errorf("no node hears of the end: %v", err)
	}
	_, _, err = db.Session(ctx, first.ID)
	fails(t, err, sallyport.NotFound)
	ok(t, db.SetPassword(ctx, org, user, "new", Event("users.reset_password")))
	_, _, err = db.Session(ctx, second.ID)
	fails(t, err, sallyport.NotFound)

	for i := range sallyport.SessionsMax + 2 {
		ok(t, db.CreateSession(ctx, newSession(org, user, "many-"+NewID(), Time.Add(time.Duration(i)*time.Second)), Event("session.create")))
	}
	sessions, err = db.Sessions(ctx, org, user)
	ok(t, err)
	if n := len(sessions); n != sallyport.SessionsMax || !sessions[n-1].SeenAt.Equal(Time.Add(2*time.Second)) {
		t.Errorf("there are %d sessions, want the last %d", n, sallyport.SessionsMax)
	}
	if n, err := db.ForgetSessions(ctx, Time.Add(sallyport.SessionIdleMax+3*time.Second), 100); err != nil || n != 2 {
		t.Errorf("%d were forgotten, %v, want 2", n, err)
	}
}

// Tries are counted by all together, and are forgotten in time.
func testTries(t *testing.T, db *store.DB) {
	ctx := t.Context()
	name := []byte{0, 255, 1}
	count := func(tries *sallyport.Tries) error {
		tries.N, tries.Last, tries.Until = tries.N+1, Time, Time.Add(time.Second)
		return nil
	}
	var all sync.WaitGroup
	const together = 20
	errs := make([]error, together)
	for n := range together {
		all.Go(func() { errs[n] = db.ChangeTries(ctx, name, count) })
	}
	all.Wait()
	ok(t, errors.Join(errs...))
	ok(t, db.ChangeTries(ctx, []byte("later"), func(tries *sallyport.Tries) error {
		tries.N, tries.Last = 1, Time.Add(time.Hour)
		return nil
	}))
	see := func(name []byte) (seen sallyport.Tries) {
		t.Helper()
		refuses := sallyport.NewError(sallyport.RateLimited, "no")
		err := db.ChangeTries(ctx, name, func(tries *sallyport.Tries) error {
			seen = *tries
			tries.N = 1000
			return refuses
		})
		if !errors.Is(err, refuses) {
			t.Errorf("got %v, want the refusal", err)
		}
		return seen
	}
	for range 2 { // to look does not change anything
		got := see(name)
		if got.N != together || !got.Last.Equal(Time) || !got.Until.Equal(Time.Add(time.Second)) {
			t.Errorf("after %d tries: %+v", together, got)
		}
	}
	n, err := db.ForgetTries(ctx, Time.Add(time.Minute), 10)
	if ok(t, err); n != 1 {
		t.Errorf("%d were forgotten, want 1", n)
	}
	if got := see(name); got != (sallyport.Tries{}) {
		t.Errorf("what was forgotten is %+v", got)
	}
	ok(t, db.ChangeTries(ctx, []byte("later"), func(tries *sallyport.Tries) error {
		*tries = sallyport.Tries{}
		return nil
	}))
	if n, err := db.ForgetTries(ctx, Time.Add(24*time.Hour), 10); err != nil || n != 0 {
		t.Errorf("%d are left, %v, want none", n, err)
	}
}

// Who is switched off is out; the last administrator stays one.
func testChangeMember(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	admin, user := NewMember(t, db, org), NewMember(t, db, org)
	role, off, on := sallyport.RoleAdministrator, false, true
	change := func(user sallyport.UserID, c sallyport.MemberChange) error {
		return db.ChangeMember(ctx, org, user, c, Time, Event("users.update"))
	}
	ok(t, change(admin, sallyport.MemberChange{Role: &role}))
	key := sallyport.Key{ID: "k-1", Org: org, User: user, Name: "ci", Hash: []byte{1}, CreatedAt: Time}
	ok(t, db.CreateKey(ctx, key, sallyport.KeyBounds{}, Event("keys.create")))
	ok(t, db.CreateSession(ctx, newSession(org, user, "s-1", Time), Event("session.create")))
	ok(t, change(user, sallyport.MemberChange{Active: &off}))
	_, _, err := db.Key(ctx, key.ID)
	fails(t, err, sallyport.NotFound)
	_, _, err = db.Session(ctx, "s-1")
	fails(t, err, sallyport.NotFound)
	fails(t, db.CreateSession(ctx, newSession(org, user, "s-2", Time), Event("session.create")), sallyport.NotFound)
	if m, err := db.Member(ctx, org, user); err != nil || !m.DeactivatedAt.Equal(Time) || m.Active() {
		t.Errorf("the member is %+v, %v", m, err)
	}
	ok(t, change(user, sallyport.MemberChange{Active: &on}))
	_, _, err = db.Key(ctx, key.ID)
	ok(t, err)

	less := sallyport.RoleUser
	unchanged(t, db, org, func() {
		fails(t, change(admin, sallyport.MemberChange{Role: &less}), sallyport.Conflict)
		fails(t, change(admin, sallyport.MemberChange{Active: &off}), sallyport.Conflict)
		fails(t, change("nobody", sallyport.MemberChange{Role: &less}), sallyport.NotFound)
		owner := sallyport.Role("owner")
		fails(t, change(user, sallyport.MemberChange{Role: &owner}), sallyport.InvalidBody)
		fails(t, db.ChangeMember(ctx, other, user, sallyport.MemberChange{Role: &role}, Time, Event("users.update")), sallyport.NotFound)
	})
	ok(t, change(user, sallyport.MemberChange{Role: &role}))
	ok(t, change(admin, sallyport.MemberChange{Role: &less}))
}

// Members are found by text, role, group and state, a page at a time.
func testFindMembers(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	NewMember(t, db, other)
	a, b := NewMember(t, db, org), NewMember(t, db, org)
	red := NewGroup(t, db, org, "Red", b)
	off := false
	ok(t, db.CreateUser(ctx, sallyport.Membership{Org: org, Role: sallyport.RoleAdministrator, CreatedAt: Time,
		User: sallyport.User{ID: "u-percent", Email: `a_b%c\d@acme.test`, Name: "Zed", CreatedAt: Time}}, "hash", Event("users.create")))
	ok(t, db.ChangeMember(ctx, org, a, sallyport.MemberChange{Active: &off}, Time, Event("users.update")))
	for name, tt := range map[string]struct {
		q    sallyport.MemberQuery
		want int
	}{
		"all":         {sallyport.MemberQuery{Limit: 10}, 3},
		"name":        {sallyport.MemberQuery{Text: "zED", Limit: 10}, 1},
		"underscore":  {sallyport.MemberQuery{Text: "_", Limit: 10}, 1},
		"percent":     {sallyport.MemberQuery{Text: "%", Limit: 10}, 1},
		"backslash":   {sallyport.MemberQuery{Text: `\`, Limit: 10}, 1},
		"role":        {sallyport.MemberQuery{Role: sallyport.RoleAdministrator, Limit: 10}, 1},
		"group":       {sallyport.MemberQuery{Group: red, Limit: 10}, 1},
		"deactivated": {sallyport.MemberQuery{Active: &off, Limit: 10}, 1},
		"page":        {sallyport.MemberQuery{Limit: 2}, 2},
	} {
		found, err := db.FindMembers(ctx, org, tt.q)
		ok(t, err)
		if len(found) != tt.want {
			t.Errorf("%s finds %+v, want %d", name, found, tt.want)
		}
	}
	var emails []string
	for after := ""; ; {
		page, err := db.FindMembers(ctx, org, sallyport.MemberQuery{After: after, Limit: 1})
		ok(t, err)
		if len(page) == 0 {
			break
		}
		after = page[0].User.Email
		emails = append(emails, after)
		if groups := page[0].Groups; (page[0].User.ID == b) != (len(groups) == 1 && groups[0].Name == "Red") {
			t.Errorf("%s has the groups %+v", after, groups)
		}
	}
	if len(emails) != 3 {
		t.Errorf("the pages have %q", emails)
	}
}

// One password opens a person's memberships where it is the same, and is changed there.
func testCredentials(t *testing.T, db *store.DB) {
	ctx := t.Context()
	orgs := []sallyport.OrgID{NewOrg(t, db), NewOrg(t, db), NewOrg(t, db)}
	user := NewMember(t, db, orgs[0])
	m, err := db.Member(ctx, orgs[0], user)
	ok(t, err)
	for i, hash := range []string{"", "hash", "another"} {
		if i > 0 {
			m.Org = orgs[i]
			ok(t, db.CreateUser(ctx, m, hash, Event("users.create")))
		}
	}
	found, passwords, err := db.Credentials(ctx, strings.ToUpper(m.User.Email))
	ok(t, err)
	if len(found) != 3 || passwords != 2 || found[0].User != m.User {
		t.Errorf("found %+v, %d passwords, want 3 and 2", found, passwords)
	}
	nobody, passwords, err := db.Credentials(ctx, "nobody@acme.test")
	ok(t, err)
	if len(nobody) != 0 || passwords != 2 {
		t.Errorf("nobody has %+v, %d", nobody, passwords)
	}
	seats, err := db.Seats(ctx, orgs[0], user)
	ok(t, err)
	if len(seats) != 2 {
		t.Errorf("the seats are %+v", seats)
	}
	for _, org := range orgs {
		ok(t, db.CreateSession(ctx, newSession(org, user, "of-"+string(org), Time), Event("session.create")))
	}
	rec := func(sallyport.OrgID) sallyport.Record { return Event("password.change") }
	for _, org := range orgs {
		unchanged(t, db, org, func() {
			fails(t, db.ChangePassword(ctx, orgs[0], user, "not it", "new", rec), sallyport.Conflict)
		})
	}
	ok(t, db.ChangePassword(ctx, orgs[0], user, "hash", "new", rec))
	for i, want := range []string{"new", "new", "another"} {
		hash, err := db.PasswordHash(ctx, orgs[i], user)
		ok(t, err)
		sessions, err := db.Sessions(ctx, orgs[i], user)
		ok(t, err)
		if hash != want || (len(sessions) == 0) != (want == "new") {
			t.Errorf("organisation %d has the hash %q and %d sessions", i, hash, len(sessions))
		}
		records := VerifyChain(t, db, orgs[i])
		if told := records[len(records)-1].Action == "password.change"; told != (want == "new") {
			t.Errorf("organisation %d was told: %t", i, told)
		}
	}
}

// An invitation is accepted once, by the person it is for.
func testInvites(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	red := NewGroup(t, db, org, "Red")
	gone := NewGroup(t, db, org, "Gone")
	i := sallyport.Invite{
		Org: org, ID: "i-1", Email: "New@acme.test", Role: sallyport.RoleAgentCreator, Groups: []sallyport.GroupID{red, gone}, By: "u-1",
		Hash: []byte{0, 255}, CreatedAt: Time, ExpiresAt: Time.Add(time.Hour),
	}
	ok(t, db.CreateInvite(ctx, i, Event("invites.create")))
	second := i
	second.ID = "i-2"
	ok(t, db.CreateInvite(ctx, second, Event("invites.create"))) // in the place of the first
	_, err := db.Invite(ctx, i.ID)
	fails(t, err, sallyport.NotFound)
	got, err := db.Invite(ctx, second.ID)
	ok(t, err)
	if got.Email != "new@acme.test" || got.Role != i.Role || len(got.Groups) != 2 || got.By != "u-1" || !got.ExpiresAt.Equal(i.ExpiresAt) {
		t.Errorf("got %+v", got)
	}
	unchanged(t, db, other, func() {
		fails(t, db.DeleteInvite(ctx, other, second.ID, Event("invites.delete")), sallyport.NotFound)
		foreign := second
		foreign.ID, foreign.Org = "i-3", other
		fails(t, db.CreateInvite(ctx, foreign, Event("invites.create")), sallyport.NotFound) // its groups are not there
	})
	open, err := db.Invites(ctx, org, Time.Add(time.Hour))
	ok(t, err)
	if len(open) != 0 {
		t.Errorf("still open: %+v", open)
	}

	ok(t, db.DeleteGroup(ctx, org, gone, Event("groups.delete")))
	m := sallyport.Membership{Org: org, CreatedAt: Time, User: sallyport.User{ID: "u-new", Name: "New", CreatedAt: Time}}
	late := m
	late.CreatedAt = i.ExpiresAt
	unchanged(t, db, org, func() {
		fails(t, db.AcceptInvite(ctx, got, late, "hash", Event("invites.accept")), sallyport.NotFound)
	})
	ok(t, db.AcceptInvite(ctx, got, m, "hash", Event("invites.accept")))
	member, err := db.MemberByEmail(ctx, org, "new@acme.test")
	ok(t, err)
	groups, err := db.MemberGroups(ctx, org, member.User.ID)
	ok(t, err)
	if member.User.ID != "u-new" || member.Role != i.Role || len(groups) != 1 || groups[0].ID != red {
		t.Errorf("the member is %+v in %+v", member, groups)
	}
	unchanged(t, db, org, func() {
		fails(t, db.AcceptInvite(ctx, got, m, "hash", Event("invites.accept")), sallyport.NotFound)
		again := i
		again.ID, again.Groups = "i-4", nil
		fails(t, db.CreateInvite(ctx, again, Event("invites.create")), sallyport.Conflict) // a member already
	})

	// Somebody with the e-mail came between looking and accepting.
	third := sallyport.Invite{Org: other, ID: "i-5", Email: "new@acme.test", Role: sallyport.RoleUser, Hash: []byte{1}, CreatedAt: Time, ExpiresAt: Time.Add(time.Hour)}
	ok(t, db.CreateInvite(ctx, third, Event("invites.create")))
	thief := sallyport.Membership{Org: other, CreatedAt: Time, User: sallyport.User{ID: "u-thief", Name: "Thief", CreatedAt: Time}}
	unchanged(t, db, other, func() {
		fails(t, db.AcceptInvite(ctx, third, thief, "hash", Event("invites.accept")), sallyport.Conflict)
	})
	if exists, err := db.AnyUser(ctx); err != nil || !exists {
		t.Errorf("there is nobody: %v", err)
	}
}
