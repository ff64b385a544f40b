package storetest

import (
	"fmt"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func testNames(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	ann, stranger := NewMember(t, db, org), NewMember(t, db, other)
	red := NewGroup(t, db, org, "Red")
	key := sallyport.Key{Org: org, ID: sallyport.KeyID(NewID()), User: ann, Name: "ci", Prefix: "sp-ci", Hash: []byte(NewID()), CreatedAt: Time}
	ok(t, db.CreateKey(ctx, key, sallyport.KeyBounds{}, Event("keys.create")))
	m, err := db.Member(ctx, org, ann)
	ok(t, err)
	of := []string{"user/" + string(ann), "user/" + string(ann), "key/" + string(key.ID), "group/" + string(red),
		"user/" + string(stranger), "group/none", "policy/dlp", "key", "key/", "", "user/'; DROP TABLE users"}
	for n := range 300 {
		of = append(of, fmt.Sprint("key/none-", n))
	}
	want := map[string]sallyport.Name{
		"user/" + string(ann):   {Name: m.User.Name, Detail: m.User.Email},
		"key/" + string(key.ID): {Name: "ci", Detail: "sp-ci"},
		"group/" + string(red):  {Name: "Red"},
	}
	for _, asked := range []string{"first", "again"} { // then the key's is in memory
		names, err := db.Names(ctx, org, of)
		ok(t, err)
		if fmt.Sprint(names) != fmt.Sprint(want) {
			t.Errorf("asked %s, the names are %v, want %v", asked, names, want)
		}
	}
	if names, err := db.Names(ctx, other, []string{"key/" + string(key.ID)}); err != nil || len(names) > 0 {
		t.Errorf("another organisation is told the names %v, %v", names, err)
	}
}
