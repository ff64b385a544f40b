package storetest

import (
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func testProviderLists(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	want := func(org sallyport.OrgID, want ...sallyport.ProviderList) {
		t.Helper()
		got, err := db.ProviderLists(ctx, org)
		ok(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("ProviderLists are %+v, want %+v", got, want)
		}
	}
	claim := func(at, before time.Time) bool {
		t.Helper()
		mine, err := db.ClaimProviderList(ctx, org, "local", at, before)
		ok(t, err)
		return mine
	}

	// Of many who would ask, one does, and then for a while nobody.
	var won atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if claim(Time, Time.Add(-time.Hour)) {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 8 may ask, want one", won.Load())
	}
	l := sallyport.ProviderList{Org: org, Provider: "local", AskedAt: Time}
	want(org, l)
	if claim(Time.Add(time.Minute), Time.Add(time.Minute-time.Hour)) {
		t.Error("it may be asked again after a minute")
	}
	if !claim(Time.Add(time.Hour), Time) {
		t.Error("it may not be asked again after an hour")
	}

	l.AskedAt, l.ListedAt, l.Partial = Time.Add(time.Hour), Time.Add(time.Hour), true
	l.Models = []sallyport.ModelOffer{
		{Target: "a", DisplayName: "A", Type: sallyport.ChatModel, ContextWindow: 1, OutputMax: 2, Abilities: []sallyport.Ability{sallyport.Tools}}, {Target: "b"},
	}
	ok(t, db.SaveProviderList(ctx, l, org, Event("providers.refresh")))
	want(org, l)
	unchanged(t, db, org, func() {
		l.AskedAt, l.Failure = Time.Add(2*time.Hour), "tls"
		ok(t, db.NoteProviderList(ctx, l))
		want(org, l)
		l.Models = l.Models[:1]
		ok(t, db.SaveProviderList(ctx, l, "", sallyport.Record{}))
		want(org, l)
	})
	want(other)

	// The operator's belong to the instance; the record to who asked.
	operators := sallyport.ProviderList{Org: sallyport.InstanceOrg, Provider: "operators-" + string(org), AskedAt: Time}
	ok(t, db.SaveProviderList(ctx, operators, other, Event("providers.refresh")))
	want(other)

	// With the provider its list goes.
	ok(t, db.SaveProvider(ctx, sallyport.ProviderSettings{Org: org, Name: "local", CreatedAt: Time}, Event("providers.save")))
	ok(t, db.DeleteProvider(ctx, org, "local", Event("providers.delete")))
	want(org)
	VerifyChain(t, db, org)
	VerifyChain(t, db, other)
}
