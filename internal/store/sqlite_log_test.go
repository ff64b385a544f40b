package store_test

import (
	"bytes"
	"database/sql"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// A log that grew long is copied while nobody commits.
func TestLogIsCopied(t *testing.T) {
	t.Parallel()
	url := storetest.SQLiteURL(t)
	db := storetest.Open(t, url)
	org := storetest.NewOrg(t, db)
	raw, err := sql.Open("sqlite", strings.TrimPrefix(url, "sqlite://"))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	commit := func(n int) {
		t.Helper()
		call := sallyport.CallID(storetest.NewID())
		outcome := storetest.Outcome(org, call, 0)
		outcome.Content = &sallyport.Content{Call: call, Salt: []byte("salt"), Sealed: bytes.Repeat([]byte{byte(n)}, 1<<18)}
		if _, err := db.CommitBatch(t.Context(), journal.BatchID(strconv.Itoa(n)), []journal.Entry{storetest.Intent(org, call, 0), outcome}); err != nil {
			t.Fatal(err)
		}
	}
	const left = 5000    // pages: a little more than those at which it is copied
	for n := range 100 { // 7,000 pages
		commit(n)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		var busy, pages, copied int64
		if err := raw.QueryRow("PRAGMA wal_checkpoint(NOOP)").Scan(&busy, &pages, &copied); err != nil {
			t.Fatal(err)
		}
		if pages-copied < left {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("of %d pages %d are copied", pages, copied)
		}
	}
}
