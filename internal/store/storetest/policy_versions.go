package storetest

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func testPolicyVersions(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	publish := func(body string, base int64) (int64, error) {
		v := sallyport.PolicyVersion{Note: "why", User: "ann", At: Time, Samples: []byte{1, 0}}
		if body != "" {
			v.Body = []byte(body)
		}
		return db.PublishPolicy(ctx, org, "dlp", "", v, base, Event("dlp.publish"))
	}
	for n, body := range []string{"one", "two", ""} {
		number, err := publish(body, int64(n))
		ok(t, err)
		if number != int64(n)+1 {
			t.Errorf("the number is %d, want %d", number, n+1)
		}
		got, err := db.Policies(ctx, org, "dlp")
		ok(t, err)
		if string(got[""]) != body || (body == "") != (len(got) == 0) {
			t.Errorf("in force is %q, want %q", got, body)
		}
	}
	unchanged(t, db, org, func() {
		_, err := publish("late", 1)
		fails(t, err, sallyport.Conflict)
	})
	number, err := publish("four", sallyport.AnyVersion)
	ok(t, err)
	if number != 4 {
		t.Errorf("the number is %d, want 4", number)
	}
	want := func(org sallyport.OrgID, before int64, limit int, want string) {
		t.Helper()
		found, err := db.PolicyVersions(ctx, org, "dlp", "", before, limit)
		ok(t, err)
		got := ""
		for _, v := range found {
			got += fmt.Sprintf("%d %s;", v.Number, v.Body)
			v.Number, v.Body = 0, nil
			if !reflect.DeepEqual(v, sallyport.PolicyVersion{Note: "why", User: "ann", At: Time, Samples: []byte{1, 0}}) {
				t.Errorf("the version is %+v", v)
			}
		}
		if got != want {
			t.Errorf("the versions are %s, want %s", got, want)
		}
	}
	want(org, 0, 0, "4 four;3 ;2 two;1 one;")
	want(org, 4, 2, "3 ;2 two;")
	want(other, 0, 0, "")
	if v, err := db.PolicyVersion(ctx, org, "dlp", "", 2); err != nil || string(v.Body) != "two" {
		t.Errorf("version 2 is %+v, %v", v, err)
	}
	_, err = db.PolicyVersion(ctx, other, "dlp", "", 2)
	fails(t, err, sallyport.NotFound)
	_, err = db.PublishPolicy(ctx, "nobody", "dlp", "", sallyport.PolicyVersion{Body: []byte("x")}, 0, Event("dlp.publish"))
	fails(t, err, sallyport.NotFound)
	VerifyChain(t, db, org)
}

func testPolicyDrafts(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	save := func(body string, revision int64) (int64, error) {
		d := sallyport.PolicyDraft{Body: []byte(body), Base: 3, Revision: revision, User: "ann", At: Time}
		return db.SaveDraft(ctx, org, "dlp", "mock", d, Event("dlp.draft"))
	}
	for n, body := range []string{"one", "two"} {
		revision, err := save(body, int64(n))
		ok(t, err)
		if revision != int64(n)+1 {
			t.Errorf("the revision is %d, want %d", revision, n+1)
		}
	}
	unchanged(t, db, org, func() {
		for _, late := range []int64{0, 1, 3} {
			_, err := save("late", late)
			fails(t, err, sallyport.Conflict)
		}
	})
	got, err := db.Draft(ctx, org, "dlp", "mock")
	ok(t, err)
	if want := (sallyport.PolicyDraft{Body: []byte("two"), Base: 3, Revision: 2, User: "ann", At: Time}); !reflect.DeepEqual(got, want) {
		t.Errorf("the draft is %+v, want %+v", got, want)
	}
	if all, err := db.Drafts(ctx, org, "dlp"); err != nil || len(all) != 1 || all[0] != "mock" {
		t.Errorf("the drafts are %q, %v", all, err)
	}
	_, err = db.Draft(ctx, other, "dlp", "mock")
	fails(t, err, sallyport.NotFound)
	fails(t, db.DropDraft(ctx, other, "dlp", "mock", Event("dlp.drop")), sallyport.NotFound)
	// What is published is no draft any more; drafts of others stay.
	_, err = save("three", 2)
	ok(t, err)
	_, err = db.PublishPolicy(ctx, org, "dlp", "", sallyport.PolicyVersion{Body: []byte("x")}, 0, Event("dlp.publish"))
	ok(t, err)
	_, err = db.Draft(ctx, org, "dlp", "mock")
	ok(t, err)
	_, err = db.PublishPolicy(ctx, org, "dlp", "mock", sallyport.PolicyVersion{Body: []byte("x")}, 0, Event("dlp.publish"))
	ok(t, err)
	_, err = db.Draft(ctx, org, "dlp", "mock")
	fails(t, err, sallyport.NotFound)
	_, err = save("new", 0)
	ok(t, err)
	ok(t, db.DropDraft(ctx, org, "dlp", "mock", Event("dlp.drop")))
	fails(t, db.DropDraft(ctx, org, "dlp", "mock", Event("dlp.drop")), sallyport.NotFound)
}
