package store_test

import (
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// What is removed of a trail is removed of its index.
func TestIndexForgets(t *testing.T) {
	t.Parallel()
	for name, newURL := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t, newURL(t))
			org := withLogins(t, db)
			_, read := db.Pools()
			rows := func() (terms, blocks int) {
				t.Helper()
				err := read.QueryRowContext(t.Context(), `
					SELECT (SELECT COUNT(*) FROM record_terms), (SELECT COUNT(*) FROM record_blocks)`).Scan(&terms, &blocks)
				if err != nil {
					t.Fatal(err)
				}
				return terms, blocks
			}
			if terms, blocks := rows(); terms < 6 || blocks != 2 {
				t.Fatalf("%d terms in %d blocks are indexed, want 3 or more in each of 2", terms, blocks)
			}
			bury(t, db, org, 601)
			untilDone(t, func() (bool, error) { return db.RemoveRecords(t.Context(), org) })
			if terms, blocks := rows(); terms != 0 || blocks != 1 { // the last one, to go on from
				t.Errorf("%d terms in %d blocks are left of what is removed", terms, blocks)
			}
		})
	}
}

// A page whose records were removed while they were looked for is begun anew, and
// gets on.
func TestSearchWhileShortened(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	org := withLogins(t, db)
	f := sallyport.RecordFilter{Action: "login", Before: 513, Limit: 1000, ScanMax: 100}
	found, err := store.SearchWhile(t.Context(), db, org, f, func() {
		bury(t, db, org, 100)
		untilDone(t, func() (bool, error) { return db.RemoveRecords(t.Context(), org) })
	})
	if n := len(found.Records); err != nil || n != 100 || found.Searched != 413 || found.Records[n-1].Seq != 413 {
		t.Errorf("%d records were found down to %d, %v, want the 100 down to 413", n, found.Searched, err)
	}
}

// withLogins returns an organisation whose trail has 600 logins, and is indexed.
func withLogins(t *testing.T, db *store.DB) sallyport.OrgID {
	t.Helper()
	org := storetest.NewOrg(t, db)
	entries := make([]journal.Entry, 600)
	for i := range entries {
		entries[i] = journal.Entry{Org: org, Record: storetest.Event("login")}
	}
	if _, err := db.CommitBatch(t.Context(), "b", entries); err != nil {
		t.Fatal(err)
	}
	untilDone(t, func() (bool, error) { return db.IndexRecords(t.Context()) })
	return org
}

func untilDone(t *testing.T, step func() (more bool, err error)) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = step(); err != nil {
			t.Fatal(err)
		}
	}
}

// A search by the numbers of rows finds the same after these have changed, as VACUUM
// may change them: here each became that of its neighbour.
func TestSearchByRows(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	org := withLogins(t, db)
	wantPage := func(when string) {
		t.Helper()
		found, err := db.SearchRecords(t.Context(), org, sallyport.RecordFilter{Action: "login", Before: 400, Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range found.Records {
			if want := int64(399 - i); r.Seq != want {
				t.Fatalf("%s: record %d of the page is %d, want %d", when, i, r.Seq, want)
			}
		}
		if len(found.Records) != 50 {
			t.Fatalf("%s: the page has %d records, want 50", when, len(found.Records))
		}
	}
	wantPage("by the index")
	if !store.RowsKnown(db, org, 375) {
		t.Fatal("the rows of the records that were read are not known")
	}
	wantPage("by rows")
	write, _ := db.Pools()
	for _, statement := range []string{`UPDATE records SET rowid = rowid + 100000`, `UPDATE records SET rowid = rowid - 99999`} {
		if _, err := write.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	wantPage("numbered anew")
	wantPage("by new rows")
}
