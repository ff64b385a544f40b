package store_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// BenchmarkCommitBatch measures what the journal can write: half of the entries
// are intents with a hold, half are the outcomes that settle them.
func BenchmarkCommitBatch(b *testing.B) {
	for _, database := range []struct {
		name string
		open func(testing.TB) *store.DB
	}{{"sqlite", storetest.SQLite}, {"postgres", storetest.Postgres}} {
		for _, size := range []int{1, 8, 64, 256} {
			b.Run(fmt.Sprintf("%s/%d", database.name, size), func(b *testing.B) {
				db := database.open(b)
				org := storetest.NewOrg(b, db)
				if _, err := db.Grant(b.Context(), org, 1_000_000*sallyport.Credit, "", storetest.Event("credit.grant")); err != nil {
					b.Fatal(err)
				}
				b.ResetTimer()
				written := 0
				var open []*journal.Open
				for b.Loop() {
					entries := make([]journal.Entry, 0, size)
					for range size {
						if len(open) > 0 && (len(entries) >= size/2) {
							outcome := storetest.Outcome(org, open[0].Call, sallyport.Credit/100)
							outcome.Close.Opened = open[0]
							entries, open = append(entries, outcome), open[1:]
							continue
						}
						call := sallyport.CallID(uuid.Must(uuid.NewV7()).String())
						intent := storetest.Intent(org, call, sallyport.Credit/100)
						entries, open = append(entries, intent), append(open, intent.Open)
					}
					id := journal.BatchID(uuid.NewString())
					if _, err := db.CommitBatch(b.Context(), id, entries); err != nil {
						b.Fatal(err)
					}
					written += size
				}
				b.ReportMetric(float64(written)/b.Elapsed().Seconds(), "entries/s")
			})
		}
	}
}
