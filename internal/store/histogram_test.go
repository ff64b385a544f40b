package store_test

import (
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// Of a trail that is too long to count every so manieth block is, and the answer says so.
func TestHistogramOfSome(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	org := storetest.NewOrg(t, db)
	const records = 6000
	for n := 0; n < records; n += 500 {
		entries := make([]journal.Entry, 500)
		for i := range entries {
			entries[i] = journal.Entry{Org: org, Record: storetest.Event([]string{"login", "other"}[i%2])}
		}
		if _, err := db.CommitBatch(t.Context(), journal.BatchID(storetest.NewID()), entries); err != nil {
			t.Fatal(err)
		}
	}
	for more := true; more; {
		var err error
		if more, err = db.IndexRecords(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		blocks      int64
		least, most int64
		estimated   bool
	}{
		{100, records / 2, records / 2, false},
		{8, records / 3, records * 2 / 3, true},
	} {
		h, err := store.HistogramOfSome(t.Context(), db, org, sallyport.RecordFilter{Action: "login"}, test.blocks)
		if err != nil {
			t.Fatal(err)
		}
		counted := int64(0)
		for _, n := range h.Bars {
			counted += n
		}
		if h.Estimated != test.estimated || counted < test.least || counted > test.most {
			t.Errorf("of %d blocks at most: %+v, want %d to %d records", test.blocks, h, test.least, test.most)
		}
	}
}
