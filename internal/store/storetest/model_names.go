package storetest

import (
	"errors"
	"reflect"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func testModelNames(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	want := func(org sallyport.OrgID, want ...sallyport.ModelAlias) {
		t.Helper()
		got, err := db.ModelAliases(ctx, org)
		ok(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("ModelAliases are %+v, want %+v", got, want)
		}
	}
	add := func(org sallyport.OrgID, name, model string) error {
		return db.AddModelAlias(ctx, org, sallyport.ModelAlias{Name: name, Model: model, Kind: sallyport.Alias}, Event("models.add_alias"))
	}
	rename := func(model, name string) error { return db.RenameModel(ctx, org, model, name, Event("models.rename")) }
	of := func(name string, kind sallyport.AliasKind) sallyport.ModelAlias {
		return sallyport.ModelAlias{Name: name, Model: "m", Kind: kind}
	}
	ok(t, db.SaveModel(ctx, org, sallyport.Model{ID: "m"}, Event("models.save")))
	ok(t, add(org, "a", "m"))
	ok(t, add(other, "a", "m")) // a name of its own
	fails(t, add("nobody", "a", "m"), sallyport.NotFound)

	// A name means one model, whatever it is the name of.
	unchanged(t, db, org, func() {
		fails(t, add(org, "a", "n"), sallyport.Conflict)
		fails(t, add(org, "m", "n"), sallyport.Conflict)
		fails(t, db.SaveModel(ctx, org, sallyport.Model{ID: "a"}, Event("models.save")), sallyport.Conflict)
		fails(t, rename("n", "a"), sallyport.Conflict)
		fails(t, rename("n", "m"), sallyport.Conflict)
	})

	// A name from before a change stays; one can be taken again.
	ok(t, rename("m", "first"))
	ok(t, rename("m", "second"))
	want(org, of("a", sallyport.Alias), of("first", sallyport.Former), of("second", sallyport.Rename))
	ok(t, rename("m", "first"))
	want(org, of("a", sallyport.Alias), of("first", sallyport.Rename), of("second", sallyport.Former))
	ok(t, rename("m", "a"))
	ok(t, rename("m", "m"))
	want(org, of("a", sallyport.Former), of("first", sallyport.Former), of("second", sallyport.Former))

	unchanged(t, db, org, func() {
		fails(t, db.RemoveModelAlias(ctx, org, "n", "a", Event("models.remove_alias")), sallyport.NotFound)
	})
	ok(t, db.RemoveModelAlias(ctx, org, "m", "a", Event("models.remove_alias")))
	fails(t, db.RemoveModelAlias(ctx, org, "m", "a", Event("models.remove_alias")), sallyport.NotFound)

	// With the model its names go, and only those.
	ok(t, add(org, "theirs", "operators"))
	ok(t, db.DeleteModel(ctx, org, "m", Event("models.delete")))
	want(org, sallyport.ModelAlias{Name: "theirs", Model: "operators", Kind: sallyport.Alias})
	want(other, of("a", sallyport.Alias))
	VerifyChain(t, db, org)
}

func testModelGroups(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	want := func(org sallyport.OrgID, want ...sallyport.ModelGroup) {
		t.Helper()
		got, err := db.ModelGroups(ctx, org)
		ok(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("ModelGroups are %+v, want %+v", got, want)
		}
	}
	save := func(org sallyport.OrgID, g sallyport.ModelGroup) error {
		return db.SaveModelGroup(ctx, org, g, Event("model_groups.save"))
	}
	unasked := func(map[string][]byte) error { return nil }
	ok(t, save(org, sallyport.ModelGroup{Name: "safe", Description: "d", Models: []string{"b", "a", "b"}}))
	ok(t, save(org, sallyport.ModelGroup{Name: "costly"}))
	ok(t, save(other, sallyport.ModelGroup{Name: "safe", Models: []string{"z"}}))
	fails(t, save("nobody", sallyport.ModelGroup{Name: "safe"}), sallyport.NotFound)
	want(org, sallyport.ModelGroup{Name: "costly"}, sallyport.ModelGroup{Name: "safe", Description: "d", Models: []string{"a", "b"}})
	ok(t, save(org, sallyport.ModelGroup{Name: "safe", Models: []string{"c"}}))
	want(org, sallyport.ModelGroup{Name: "costly"}, sallyport.ModelGroup{Name: "safe", Models: []string{"c"}})

	// Whether it may go is decided on the rights as they stand.
	ok(t, db.SetPolicy(ctx, org, "rights", "organisation/models", []byte(`{}`), Event("organisation.set_policies")))
	used := sallyport.NewError(sallyport.Conflict, "used")
	unchanged(t, db, org, func() {
		err := db.DeleteModelGroup(ctx, org, "safe", func(rights map[string][]byte) error {
			if string(rights["organisation/models"]) != `{}` {
				t.Errorf("the check saw %q", rights)
			}
			return used
		}, Event("model_groups.delete"))
		if !errors.Is(err, used) {
			t.Errorf("got %v, want what the check said", err)
		}
		fails(t, db.DeleteModelGroup(ctx, org, "none", unasked, Event("model_groups.delete")), sallyport.NotFound)
	})
	ok(t, db.DeleteModelGroup(ctx, org, "safe", unasked, Event("model_groups.delete")))
	want(org, sallyport.ModelGroup{Name: "costly"})
	want(other, sallyport.ModelGroup{Name: "safe", Models: []string{"z"}})

	// One that is made anew has nothing of the old.
	ok(t, save(org, sallyport.ModelGroup{Name: "safe"}))
	want(org, sallyport.ModelGroup{Name: "costly"}, sallyport.ModelGroup{Name: "safe"})
	VerifyChain(t, db, org)
}
