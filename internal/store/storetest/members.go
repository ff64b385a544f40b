package storetest

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func testOrganisations(t *testing.T, db *store.DB) {
	ctx := t.Context()
	acme := sallyport.Organisation{ID: "org-a", Name: "Acme", CreatedAt: Time}
	beta := sallyport.Organisation{ID: "org-b", Name: "Beta", CreatedAt: Time.Add(time.Second)}
	ok(t, db.CreateOrg(ctx, acme, Event("org.create")))
	ok(t, db.CreateOrg(ctx, beta, Event("org.create")))
	fails(t, db.CreateOrg(ctx, acme, Event("org.create")), sallyport.Conflict)
	fails(t, db.CreateOrg(ctx, sallyport.Organisation{ID: sallyport.InstanceOrg}, Event("org.create")), sallyport.Conflict)

	got, err := db.Org(ctx, acme.ID)
	ok(t, err)
	if got != acme {
		t.Errorf("Org is %+v, want %+v", got, acme)
	}
	all, err := db.Orgs(ctx)
	ok(t, err)
	if want := []sallyport.Organisation{acme, beta}; !reflect.DeepEqual(all, want) {
		t.Errorf("Orgs are %+v, want %+v", all, want)
	}
	_, err = db.Org(ctx, "nobody")
	fails(t, err, sallyport.NotFound)
	_, err = db.Org(ctx, sallyport.InstanceOrg)
	fails(t, err, sallyport.NotFound)
	_, _, err = db.ChainHead(ctx, "nobody")
	fails(t, err, sallyport.NotFound)
	if n := len(VerifyChain(t, db, acme.ID)); n != 1 {
		t.Errorf("a new organisation has %d records, want 1", n)
	}
	WantBalance(t, db, acme.ID, 0, 0)
}

func testMembers(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	ann := sallyport.Membership{
		Org: org, Role: sallyport.RoleAdministrator, CreatedAt: Time,
		User: sallyport.User{ID: "u-ann", Email: "Ann@Acme.test", Name: "Ann", CreatedAt: Time},
	}
	ok(t, db.CreateUser(ctx, ann, "hash", Event("user.create")))
	ann.User.Email = "ann@acme.test"

	got, err := db.Member(ctx, org, "u-ann")
	ok(t, err)
	if got != ann {
		t.Errorf("Member is %+v, want %+v", got, ann)
	}
	got, err = db.MemberByEmail(ctx, org, "ANN@acme.test")
	ok(t, err)
	if got != ann {
		t.Errorf("MemberByEmail is %+v, want %+v", got, ann)
	}
	unchanged(t, db, org, func() {
		fails(t, db.CreateUser(ctx, ann, "hash", Event("user.create")), sallyport.Conflict)
	})

	t.Run("of another organisation", func(t *testing.T) {
		_, err := db.Member(ctx, other, "u-ann")
		fails(t, err, sallyport.NotFound)
		_, err = db.MemberByEmail(ctx, other, "ann@acme.test")
		fails(t, err, sallyport.NotFound)
		members, err := db.Members(ctx, other)
		ok(t, err)
		if len(members) != 0 {
			t.Errorf("members are %+v, want none", members)
		}
	})
	t.Run("in two organisations", func(t *testing.T) {
		again := ann
		again.Org, again.Role, again.User.ID = other, sallyport.RoleUser, "u-new"
		rec := Event("user.create")
		rec.Resource = "user/u-new"
		ok(t, db.CreateUser(ctx, again, "hash2", rec))
		got, err := db.MemberByEmail(ctx, other, "ann@acme.test")
		ok(t, err)
		if got.User != ann.User || got.Role != sallyport.RoleUser {
			t.Errorf("the second membership is %+v, want the same person as a user", got)
		}
		records := VerifyChain(t, db, other)
		if last := records[len(records)-1]; last.Resource != "user/u-ann" {
			t.Errorf("the record names %q, want user/u-ann", last.Resource)
		}
	})
	again := ann
	again.Org = "nobody"
	fails(t, db.CreateUser(ctx, again, "hash", Event("user.create")), sallyport.NotFound)
	members, err := db.Members(ctx, org)
	ok(t, err)
	if want := []sallyport.Membership{ann}; !reflect.DeepEqual(members, want) {
		t.Errorf("Members are %+v, want %+v", members, want)
	}
}

func testPasswords(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	user := NewMember(t, db, org)
	want := func(hash string) {
		t.Helper()
		got, err := db.PasswordHash(ctx, org, user)
		ok(t, err)
		if got != hash {
			t.Errorf("password hash is %q, want %q", got, hash)
		}
	}
	want("hash")
	ok(t, db.SetPassword(ctx, org, user, "new", Event("user.password")))
	want("new")
	for _, org := range []sallyport.OrgID{other, "nobody"} {
		fails(t, db.SetPassword(ctx, org, user, "stolen", Event("user.password")), sallyport.NotFound)
		_, err := db.PasswordHash(ctx, org, user)
		fails(t, err, sallyport.NotFound)
	}
	want("new")

	// The same person's membership elsewhere has a password of its own.
	m, err := db.Member(ctx, org, user)
	ok(t, err)
	m.Org = other
	ok(t, db.CreateUser(ctx, m, "theirs", Event("user.create")))
	want("new")
}

func testKeys(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	user := NewMember(t, db, org)
	key := sallyport.Key{
		ID: "key-1", Org: org, User: user, Name: "ci", Prefix: "sp-abcd", Hash: []byte{0, 1, 2, 255},
		CreatedAt: Time, ExpiresAt: Time.Add(time.Hour),
	}
	ok(t, db.CreateKey(ctx, key, sallyport.KeyBounds{}, Event("key.create")))
	got, role, err := db.Key(ctx, key.ID)
	ok(t, err)
	if !reflect.DeepEqual(got, key) || role != sallyport.RoleUser {
		t.Errorf("Key is %+v of a %s, want %+v of a user", got, role, key)
	}
	newer := key
	newer.ID, newer.CreatedAt = "key-2", Time.Add(time.Minute)
	ok(t, db.CreateKey(ctx, newer, sallyport.KeyBounds{}, Event("key.create")))
	keys, err := db.Keys(ctx, org)
	ok(t, err)
	if want := []sallyport.Key{newer, key}; !reflect.DeepEqual(keys, want) {
		t.Errorf("Keys are %+v, want %+v", keys, want)
	}

	t.Run("of another organisation", func(t *testing.T) {
		foreign := key
		foreign.ID, foreign.Org = "key-3", other
		unchanged(t, db, other, func() {
			fails(t, db.CreateKey(ctx, foreign, sallyport.KeyBounds{}, Event("key.create")), sallyport.NotFound)
			fails(t, db.RevokeKey(ctx, other, key.ID, Time, Event("key.revoke")), sallyport.NotFound)
		})
		fails(t, db.RevokeKey(ctx, "nobody", key.ID, Time, Event("key.revoke")), sallyport.NotFound)
		keys, err := db.Keys(ctx, other)
		ok(t, err)
		if len(keys) != 0 {
			t.Errorf("keys are %+v, want none", keys)
		}
		got, _, err := db.Key(ctx, key.ID)
		ok(t, err)
		if !got.RevokedAt.IsZero() {
			t.Error("the key was revoked from another organisation")
		}
	})
	fails(t, db.CreateKey(ctx, key, sallyport.KeyBounds{}, Event("key.create")), sallyport.Conflict)
	_, _, err = db.Key(ctx, "key-9")
	fails(t, err, sallyport.NotFound)

	ok(t, db.RevokeKey(ctx, org, key.ID, Time, Event("key.revoke")))
	unchanged(t, db, org, func() {
		ok(t, db.RevokeKey(ctx, org, key.ID, Time.Add(time.Hour), Event("key.revoke")))
		fails(t, db.RevokeKey(ctx, org, "key-9", Time, Event("key.revoke")), sallyport.NotFound)
	})
	got, _, err = db.Key(ctx, key.ID)
	ok(t, err)
	if !got.RevokedAt.Equal(Time) {
		t.Errorf("key was revoked at %v, want %v", got.RevokedAt, Time)
	}
}

// A key and what binds it are there together or not at all.
func testKeyBounds(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	key := sallyport.Key{ID: "key-b", Org: org, User: NewMember(t, db, org), Name: "ci", Prefix: "sp-abcd", Hash: []byte{1}, CreatedAt: Time}
	bounds := sallyport.KeyBounds{Limits: []byte(`{"requests_per_minute":2}`), Budgets: map[sallyport.Period]sallyport.Credits{
		sallyport.PeriodDay: 5, sallyport.PeriodMonth: -1,
	}}
	unchanged(t, db, org, func() {
		fails(t, db.CreateKey(ctx, key, bounds, Event("keys.create")), sallyport.InvalidBody)
	})
	bounds.Budgets[sallyport.PeriodMonth] = 50
	ok(t, db.CreateKey(ctx, key, bounds, Event("keys.create")))
	limits, err := db.Policy(ctx, org, "limit", "key/key-b")
	ok(t, err)
	budgets, err := db.Budgets(ctx, org)
	ok(t, err)
	if string(limits) != string(bounds.Limits) || len(budgets) != 2 || budgets[0].Limit != 5 || budgets[1].Limit != 50 || budgets[0].Subject != "key-b" {
		t.Errorf("the key has the limits %s and the budgets %+v", limits, budgets)
	}
	unchanged(t, db, org, func() {
		bounds.Limits = []byte("other")
		fails(t, db.CreateKey(ctx, key, bounds, Event("keys.create")), sallyport.Conflict)
	})
}

// The use of a key goes forward only, and nobody is told of it.
func testKeyUse(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	key := sallyport.Key{ID: "key-u", Org: org, User: NewMember(t, db, org), Name: "ci", Prefix: "sp-abcd", Hash: []byte{1}, CreatedAt: Time}
	ok(t, db.CreateKey(ctx, key, sallyport.KeyBounds{}, Event("keys.create")))
	before, err := db.Changes(ctx)
	ok(t, err)
	unchanged(t, db, org, func() {
		for _, at := range []time.Time{Time.Add(time.Minute), Time.Add(time.Second)} { // the second is another node's, and late
			ok(t, db.NoteKeyUse(ctx, map[sallyport.KeyID]time.Time{key.ID: at, "gone": at}))
		}
	})
	got, _, err := db.Key(ctx, key.ID)
	ok(t, err)
	after, err := db.Changes(ctx)
	ok(t, err)
	if !got.UsedAt.Equal(Time.Add(time.Minute)) || after != before {
		t.Errorf("used at %v, and %d changes are told of", got.UsedAt, after-before)
	}
}

func testKeysets(t *testing.T, db *store.DB) {
	ctx := t.Context()
	_, err := db.Keyset(ctx, "org-a", "content")
	fails(t, err, sallyport.NotFound)
	for _, offered := range []string{"first", "second"} {
		stored, err := db.AddKeyset(ctx, "org-a", "content", []byte(offered))
		ok(t, err)
		if !bytes.Equal(stored, []byte("first")) {
			t.Errorf("stored is %q, want the first", stored)
		}
	}
	for _, org := range []sallyport.OrgID{"org-b", sallyport.InstanceOrg} {
		_, err = db.Keyset(ctx, org, "content")
		fails(t, err, sallyport.NotFound)
		stored, err := db.AddKeyset(ctx, org, "content", []byte(org))
		ok(t, err)
		if string(stored) != string(org) {
			t.Errorf("stored is %q, want %q", stored, org)
		}
	}
	got, err := db.Keyset(ctx, "org-a", "content")
	ok(t, err)
	if string(got) != "first" {
		t.Errorf("keyset is %q, want the first", got)
	}

	_, err = db.InstanceValue(ctx, "check")
	fails(t, err, sallyport.NotFound)
	for _, offered := range []string{"first", "second"} {
		stored, err := db.AddInstanceValue(ctx, "check", []byte(offered))
		ok(t, err)
		if string(stored) != "first" {
			t.Errorf("stored is %q, want the first", stored)
		}
	}
}
