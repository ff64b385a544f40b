package storetest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func testGroups(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	red := sallyport.Group{Org: org, ID: sallyport.GroupID(NewID()), Name: "Red team", CreatedAt: Time}
	blue := sallyport.Group{Org: org, ID: sallyport.GroupID(NewID()), Name: "Blau – 青", CreatedAt: Time.Add(time.Second)}
	ok(t, db.CreateGroup(ctx, red, Event("groups.create")))
	ok(t, db.CreateGroup(ctx, blue, Event("groups.create")))
	want := func(org sallyport.OrgID, want ...sallyport.Group) {
		t.Helper()
		got, err := db.Groups(ctx, org)
		ok(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("the groups are %+v, want %+v", got, want)
		}
	}
	want(org, blue, red)
	want(other)

	unchanged(t, db, org, func() {
		taken := red
		fails(t, db.CreateGroup(ctx, taken, Event("groups.create")), sallyport.Conflict) // the id
		taken.ID = sallyport.GroupID(NewID())
		fails(t, db.CreateGroup(ctx, taken, Event("groups.create")), sallyport.Conflict) // the name
		fails(t, db.RenameGroup(ctx, org, blue.ID, red.Name, Event("groups.rename")), sallyport.Conflict)
		for _, bad := range []string{"", " ", "Red ", "a\nb", "nul\x00", "\xff", strings.Repeat("é", sallyport.GroupNameMax+1)} {
			taken.Name = bad
			fails(t, db.CreateGroup(ctx, taken, Event("groups.create")), sallyport.InvalidBody)
			fails(t, db.RenameGroup(ctx, org, red.ID, bad, Event("groups.rename")), sallyport.InvalidBody)
		}
		for _, bad := range []sallyport.GroupID{"", "g,1", "%", sallyport.GroupID(strings.ToUpper(NewID()))} {
			fails(t, db.CreateGroup(ctx, sallyport.Group{Org: org, ID: bad, Name: "New"}, Event("groups.create")), sallyport.InvalidBody)
		}
		fails(t, db.RenameGroup(ctx, org, "nobody", "New", Event("groups.rename")), sallyport.NotFound)
		fails(t, db.DeleteGroup(ctx, org, "nobody", Event("groups.delete")), sallyport.NotFound)
	})
	unchanged(t, db, other, func() {
		fails(t, db.RenameGroup(ctx, other, red.ID, "Theirs", Event("groups.rename")), sallyport.NotFound)
		fails(t, db.DeleteGroup(ctx, other, red.ID, Event("groups.delete")), sallyport.NotFound)
	})
	theirs := sallyport.Group{Org: "nobody", ID: sallyport.GroupID(NewID()), Name: red.Name, CreatedAt: Time}
	fails(t, db.CreateGroup(ctx, theirs, Event("groups.create")), sallyport.NotFound)
	theirs.Org = other
	ok(t, db.CreateGroup(ctx, theirs, Event("groups.create")))
	red.Name = strings.Repeat("é", sallyport.GroupNameMax)
	ok(t, db.RenameGroup(ctx, org, red.ID, red.Name, Event("groups.rename")))
	want(org, blue, red)
	want(other, theirs)
	VerifyChain(t, db, org)
}

func testGroupMembers(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	ann, bob, stranger := NewMember(t, db, org), NewMember(t, db, org), NewMember(t, db, other)
	red := NewGroup(t, db, org, "Red", ann)
	theirs := NewGroup(t, db, other, "Theirs", stranger)
	want := func(org sallyport.OrgID, group sallyport.GroupID, want ...sallyport.UserID) {
		t.Helper()
		members, err := db.GroupMembers(ctx, org, group)
		ok(t, err)
		var got []sallyport.UserID
		for _, m := range members {
			got = append(got, m.User.ID)
		}
		slices.Sort(want) // as by e-mail, which begins with the id
		if !slices.Equal(got, want) {
			t.Errorf("the members are %v, want %v", got, want)
		}
	}
	want(org, red, ann)
	ok(t, db.AddToGroup(ctx, org, red, []sallyport.UserID{bob, ann}, Event("groups.add"))) // who is in stays in
	want(org, red, ann, bob)

	crowd := make([]sallyport.UserID, 501)
	unchanged(t, db, org, func() {
		fails(t, db.AddToGroup(ctx, org, red, []sallyport.UserID{bob, stranger}, Event("groups.add")), sallyport.NotFound)
		fails(t, db.AddToGroup(ctx, org, theirs, []sallyport.UserID{ann}, Event("groups.add")), sallyport.NotFound)
		fails(t, db.AddToGroup(ctx, org, red, crowd, Event("groups.add")), sallyport.InvalidBody)
		fails(t, db.RemoveFromGroup(ctx, org, red, crowd, Event("groups.remove")), sallyport.InvalidBody)
		fails(t, db.RemoveFromGroup(ctx, org, red, []sallyport.UserID{ann, stranger}, Event("groups.remove")), sallyport.NotFound)
		fails(t, db.RemoveFromGroup(ctx, org, theirs, []sallyport.UserID{ann}, Event("groups.remove")), sallyport.NotFound)
	})
	unchanged(t, db, other, func() {
		fails(t, db.AddToGroup(ctx, other, red, []sallyport.UserID{stranger}, Event("groups.add")), sallyport.NotFound)
		fails(t, db.RemoveFromGroup(ctx, other, red, []sallyport.UserID{ann}, Event("groups.remove")), sallyport.NotFound)
		_, err := db.GroupMembers(ctx, other, red)
		fails(t, err, sallyport.NotFound)
	})
	want(org, red, ann, bob)
	want(other, theirs, stranger)
	ok(t, db.RemoveFromGroup(ctx, org, red, []sallyport.UserID{ann}, Event("groups.remove")))
	want(org, red, bob)
	_, err := db.GroupMembers(ctx, org, "nobody")
	fails(t, err, sallyport.NotFound)
}

// A member may be in many groups, but not in any number.
func testGroupsOfMember(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	ann := NewMember(t, db, org)
	m, err := db.Member(ctx, org, ann)
	ok(t, err)
	m.Org = other // the same person's membership elsewhere has groups of its own
	ok(t, db.CreateUser(ctx, m, "hash", Event("user.create")))
	NewGroup(t, db, other, "Theirs", ann)
	NewGroup(t, db, org, "Not hers")

	var want []sallyport.GroupID
	for i := range sallyport.MemberGroupsMax {
		want = append(want, NewGroup(t, db, org, fmt.Sprint("Group ", i), ann))
	}
	groups, err := db.MemberGroups(ctx, org, ann)
	ok(t, err)
	var got []sallyport.GroupID
	for _, g := range groups {
		got = append(got, g.ID)
		if g.Org != org || !strings.HasPrefix(g.Name, "Group ") {
			t.Errorf("one of the groups is %+v", g)
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the groups are %v, want %v", got, want)
	}
	more := NewGroup(t, db, org, "One more")
	unchanged(t, db, org, func() {
		fails(t, db.AddToGroup(ctx, org, more, []sallyport.UserID{ann}, Event("groups.add")), sallyport.Conflict)
	})
	ok(t, db.AddToGroup(ctx, org, want[0], []sallyport.UserID{ann}, Event("groups.add"))) // she is in it
	if none, err := db.MemberGroups(ctx, org, "nobody"); err != nil || len(none) != 0 {
		t.Errorf("nobody is in %+v, %v", none, err)
	}
}

// With a group go its memberships, its budgets and its limits, and nothing else.
func testGroupDeleted(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	ann, bob := NewMember(t, db, org), NewMember(t, db, org)
	red, blue := NewGroup(t, db, org, "Red", ann, bob), NewGroup(t, db, org, "Blue", ann)
	theirs := NewGroup(t, db, other, "Red")
	kept := []sallyport.BudgetID{
		budgetID(sallyport.BudgetGroup, string(blue), sallyport.PeriodDay),
		budgetID(sallyport.BudgetUser, string(red), sallyport.PeriodDay), // a user of that id
	}
	gone := []sallyport.BudgetID{
		budgetID(sallyport.BudgetGroup, string(red), sallyport.PeriodDay), budgetID(sallyport.BudgetGroup, string(red), sallyport.PeriodTotal),
	}
	for _, id := range slices.Concat(kept, gone) {
		setBudget(t, db, org, id, 5)
	}
	for _, subject := range []string{"group/" + string(red), "group/" + string(blue), "user/" + string(red)} {
		ok(t, db.SetPolicy(ctx, org, "limit", subject, []byte("{}"), Event("policies.set")))
	}
	for _, subject := range []string{"group/" + string(red) + "/models", "group/" + string(red) + "/features", "group/" + string(blue) + "/models", "organisation/models"} {
		ok(t, db.SetPolicy(ctx, org, "rights", subject, []byte("{}"), Event("groups.set_policies")))
	}
	ok(t, db.SetPolicy(ctx, org, "dlp", "group/"+string(red), []byte("{}"), Event("policies.set"))) // a model of that name

	unchanged(t, db, org, func() {
		fails(t, db.DeleteGroup(ctx, other, red, Event("groups.delete")), sallyport.NotFound)
	})
	ok(t, db.DeleteGroup(ctx, org, red, Event("groups.delete")))
	records := VerifyChain(t, db, org)
	if last := records[len(records)-1]; string(last.Change) != `{"name":"Red","members":2,"budgets":2,"limits":1,"rights":2}` {
		t.Errorf("the record tells the change %s", last.Change)
	}
	groups, err := db.MemberGroups(ctx, org, ann)
	ok(t, err)
	if len(groups) != 1 || groups[0].ID != blue {
		t.Errorf("the member is in %+v, want the other group alone", groups)
	}
	budgets, err := db.Budgets(ctx, org)
	ok(t, err)
	if len(budgets) != len(kept) || budgets[0].BudgetID != kept[0] || budgets[1].BudgetID != kept[1] {
		t.Errorf("the budgets are %+v, want %v", budgets, kept)
	}
	limits, err := db.Policies(ctx, org, "limit")
	ok(t, err)
	models, err := db.Policies(ctx, org, "dlp")
	ok(t, err)
	rights, err := db.Policies(ctx, org, "rights")
	ok(t, err)
	if len(limits) != 2 || limits["group/"+string(red)] != nil || len(models) != 1 || len(rights) != 2 {
		t.Errorf("the policies are %q, %q and %q", limits, models, rights)
	}
	if all, err := db.Groups(ctx, other); err != nil || len(all) != 1 || all[0].ID != theirs {
		t.Errorf("the other organisation has %+v, %v", all, err)
	}

	unchanged(t, db, org, func() {
		fails(t, db.DeleteGroup(ctx, org, red, Event("groups.delete")), sallyport.NotFound)
		_, err := db.SetBudget(ctx, org, gone[0], 5, Event("budgets.set"))
		fails(t, err, sallyport.NotFound)
		fails(t, db.SetPolicy(ctx, org, "limit", "group/"+string(red), []byte("{}"), Event("policies.set")), sallyport.NotFound)
		fails(t, db.SetPolicies(ctx, org, "rights", map[string][]byte{
			"group/" + string(blue) + "/tools": []byte("{}"), "group/" + string(red) + "/models": []byte("{}"), // all or none
		}, nil, Event("groups.set_policies")), sallyport.NotFound)
		fails(t, db.SetPolicies(ctx, org, "rights", map[string][]byte{"group/" + string(blue) + "/tools": []byte("{}")},
			func(stored map[string][]byte) error {
				if len(stored) != len(rights) {
					t.Errorf("the check sees %q, want %q", stored, rights)
				}
				return sallyport.NewError(sallyport.Conflict, "no")
			}, Event("groups.set_policies")), sallyport.Conflict)
	})
	NewGroup(t, db, org, "Red", ann) // the name is free
}
