package storetest

import (
	"reflect"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func testProviders(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	p := sallyport.ProviderSettings{
		Org: org, Name: "local", Type: "openai", BaseURL: "https://one.test/v1", Credential: []byte{1, 0, 2}, CreatedAt: Time, CredentialAt: Time.AddDate(0, 1, 0),
	}
	ok(t, db.SaveProvider(ctx, p, Event("provider.save")))
	changed := p
	changed.BaseURL, changed.Credential, changed.CreatedAt, changed.CredentialAt = "https://two.test/v1", nil, Time.AddDate(1, 0, 0), time.Time{}
	ok(t, db.SaveProvider(ctx, changed, Event("provider.save")))
	changed.Connect, changed.FirstByte, changed.Idle = time.Second, 2*time.Second, 1500*time.Millisecond
	ok(t, db.SaveProvider(ctx, changed, Event("provider.save")))
	changed.CreatedAt = Time
	want := func(org sallyport.OrgID, want ...sallyport.ProviderSettings) {
		t.Helper()
		got, err := db.Providers(ctx, org)
		ok(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("Providers are %+v, want %+v", got, want)
		}
	}
	want(org, changed)
	want(other)
	unchanged(t, db, other, func() {
		fails(t, db.DeleteProvider(ctx, other, "local", Event("provider.delete")), sallyport.NotFound)
	})
	want(org, changed)
	p.Org = "nobody"
	fails(t, db.SaveProvider(ctx, p, Event("provider.save")), sallyport.NotFound)

	// The same name elsewhere is another provider.
	p.Org = other
	ok(t, db.SaveProvider(ctx, p, Event("provider.save")))
	ok(t, db.DeleteProvider(ctx, org, "local", Event("provider.delete")))
	want(org)
	want(other, p)
	fails(t, db.DeleteProvider(ctx, org, "local", Event("provider.delete")), sallyport.NotFound)
}

func testModels(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	m := sallyport.Model{
		ID: "mock-large", DisplayName: "Mock", Provider: "local", Target: "gpt-4o-mini",
		ContextWindow: 128_000, OutputMax: 16_000, ImageTokens: 1_000,
		Price:   sallyport.Price{Input: 1, CachedInput: 2, CacheWrite: 3, Output: 4, Reasoning: 5, Second: 6, Version: "p1"},
		Offline: true, DLP: "observe", Abilities: []sallyport.Ability{sallyport.Images},
	}
	ok(t, db.SaveModel(ctx, org, m, Event("model.save")))
	m.Target, m.Price.Output, m.Price.Reasoning, m.Price.Second, m.Offline = "gpt-5", 5, 6, 7, false
	m.Abilities = []sallyport.Ability{sallyport.Tools, sallyport.Reasons}
	m.Type, m.Facts = sallyport.EmbeddingModel, sallyport.Facts{At: Time, Source: "https://list.test"}
	ok(t, db.SaveModel(ctx, org, m, Event("model.save")))
	want := func(org sallyport.OrgID, want ...sallyport.Model) {
		t.Helper()
		got, err := db.OrgModels(ctx, org)
		ok(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("OrgModels are %+v, want %+v", got, want)
		}
	}
	want(org, m)
	want(other)
	unchanged(t, db, other, func() {
		fails(t, db.DeleteModel(ctx, other, m.ID, Event("model.delete")), sallyport.NotFound)
	})
	fails(t, db.SaveModel(ctx, "nobody", m, Event("model.save")), sallyport.NotFound)
	want(org, m)
	retries := 0
	m.Weight, m.Retries, m.Loose, m.Fallbacks = 3, &retries, true, []string{"b", "a"}
	m.Routes = []sallyport.Route{
		{Provider: "other", Target: "t", Weight: 2, Price: sallyport.Price{Input: 1, CachedInput: 2, CacheWrite: 3, Output: 4, Reasoning: 5, Second: 6, Version: "p2"}}, {Provider: "third", Target: "u"},
	}
	ok(t, db.SaveModel(ctx, org, m, Event("model.save")))
	want(org, m)
	m.Price = sallyport.Price{Unknown: true, Version: "unknown"}
	ok(t, db.SaveModel(ctx, org, m, Event("model.save")))
	want(org, m)
	ok(t, db.DeleteModel(ctx, org, m.ID, Event("model.delete")))
	want(org)
}

func testModelAccess(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	want := func(org sallyport.OrgID, want sallyport.ModelChoices) {
		t.Helper()
		got, err := db.ModelChoices(ctx, org)
		ok(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("ModelChoices are %+v, want %+v", got, want)
		}
	}
	ok(t, db.SetModelAccess(ctx, org, "b", false, Event("model.access")))
	ok(t, db.SetModelAccess(ctx, org, "c", true, Event("model.access")))
	ok(t, db.SetModelAccess(ctx, other, "a", true, Event("model.access")))
	want(org, sallyport.ModelChoices{Access: map[string]bool{"b": false, "c": true}})
	ok(t, db.SetModelAccess(ctx, org, "b", true, Event("model.access")))
	want(org, sallyport.ModelChoices{Access: map[string]bool{"b": true, "c": true}})

	// What was decided stays, what was seen is decided with the rule.
	ok(t, db.SetModelAccess(ctx, org, "c", false, Event("model.access")))
	ok(t, db.SetDefaultModel(ctx, org, "b", Event("models.default")))
	ok(t, db.SetNewModels(ctx, org, true, map[string]bool{"c": true, "d": true, "e": false}, Event("models.rule")))
	decided := sallyport.ModelChoices{
		Access: map[string]bool{"b": true, "c": false, "d": true, "e": false}, NewOff: true, Default: "b",
	}
	want(org, decided)
	want(other, sallyport.ModelChoices{Access: map[string]bool{"a": true}})
	ok(t, db.SetNewModels(ctx, org, false, nil, Event("models.rule")))
	ok(t, db.SetDefaultModel(ctx, org, "", Event("models.default")))
	decided.NewOff, decided.Default = false, ""
	want(org, decided)

	fails(t, db.SetModelAccess(ctx, "nobody", "a", false, Event("model.access")), sallyport.NotFound)
	fails(t, db.SetNewModels(ctx, "nobody", true, nil, Event("models.rule")), sallyport.NotFound)
	fails(t, db.SetDefaultModel(ctx, "nobody", "a", Event("models.default")), sallyport.NotFound)
	VerifyChain(t, db, org)
}

func testPolicies(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	ok(t, db.SetPolicy(ctx, org, "dlp", "", []byte("one"), Event("policy.set")))
	ok(t, db.SetPolicy(ctx, org, "dlp", "", []byte("two"), Event("policy.set")))
	ok(t, db.SetPolicy(ctx, org, "dlp", "mock-large", []byte("three"), Event("policy.set")))
	ok(t, db.SetPolicy(ctx, org, "limit", "organisation", []byte("four"), Event("policy.set")))

	body, err := db.Policy(ctx, org, "dlp", "")
	ok(t, err)
	if string(body) != "two" {
		t.Errorf("policy is %q, want two", body)
	}
	want := func(org sallyport.OrgID, want map[string][]byte) {
		t.Helper()
		got, err := db.Policies(ctx, org, "dlp")
		ok(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("Policies are %q, want %q", got, want)
		}
	}
	want(org, map[string][]byte{"": []byte("two"), "mock-large": []byte("three")})
	want(other, map[string][]byte{})
	for _, miss := range []struct {
		org           sallyport.OrgID
		kind, subject string
	}{{other, "dlp", ""}, {org, "limit", ""}, {org, "dlp", "other"}} {
		_, err := db.Policy(ctx, miss.org, miss.kind, miss.subject)
		fails(t, err, sallyport.NotFound)
	}
	fails(t, db.SetPolicy(ctx, "nobody", "dlp", "", []byte("x"), Event("policy.set")), sallyport.NotFound)

	ok(t, db.SetPolicy(ctx, other, "dlp", "mock-large", nil, Event("policy.set")))
	want(org, map[string][]byte{"": []byte("two"), "mock-large": []byte("three")})
	ok(t, db.SetPolicy(ctx, org, "dlp", "mock-large", nil, Event("policy.set")))
	want(org, map[string][]byte{"": []byte("two")})
}

func testChanges(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	moved := func(name string, want bool, f func()) {
		t.Helper()
		before, err := db.Changes(ctx)
		ok(t, err)
		f()
		after, err := db.Changes(ctx)
		ok(t, err)
		if (after > before) != want {
			t.Errorf("%s: Changes went from %d to %d, want moved: %t", name, before, after, want)
		}
	}
	moved("policy", true, func() { ok(t, db.SetPolicy(ctx, org, "dlp", "", []byte("x"), Event("policy.set"))) })
	moved("organisation", true, func() { NewOrg(t, db) })
	group := sallyport.Group{Org: org, ID: sallyport.GroupID(NewID()), Name: "Red", CreatedAt: Time}
	moved("group", true, func() { ok(t, db.CreateGroup(ctx, group, Event("groups.create"))) })
	member := []sallyport.UserID{NewMember(t, db, org)}
	moved("member of a group", true, func() { ok(t, db.AddToGroup(ctx, org, group.ID, member, Event("groups.add"))) })
	moved("no member of a group", true, func() { ok(t, db.RemoveFromGroup(ctx, org, group.ID, member, Event("groups.remove"))) })
	moved("group's name", true, func() { ok(t, db.RenameGroup(ctx, org, group.ID, "Blue", Event("groups.rename"))) })
	moved("no group", true, func() { ok(t, db.DeleteGroup(ctx, org, group.ID, Event("groups.delete"))) })
	moved("failed change", false, func() {
		fails(t, db.DeleteModel(ctx, org, "none", Event("model.delete")), sallyport.NotFound)
	})
	moved("call", false, func() { commit(t, db, Intent(org, "call-1", 0)) })
}
