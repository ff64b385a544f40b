package store_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// BenchmarkBudgets measures what budgets add to batches of 100 entries, which
// open and settle 50 calls.
func BenchmarkBudgets(b *testing.B) {
	const calls = 50
	for _, budgets := range []int{0, 1, 3} {
		b.Run(fmt.Sprint(budgets), func(b *testing.B) {
			db := storetest.SQLite(b)
			org := storetest.NewOrg(b, db)
			if _, err := db.Grant(b.Context(), org, 1_000_000*sallyport.Credit, "", storetest.Event("credit.grant")); err != nil {
				b.Fatal(err)
			}
			for _, id := range []sallyport.BudgetID{
				{Scope: sallyport.BudgetOrganisation, Period: sallyport.PeriodMonth},
				{Scope: sallyport.BudgetUser, Subject: "u1", Period: sallyport.PeriodDay},
				{Scope: sallyport.BudgetKey, Subject: "k1", Period: sallyport.PeriodTotal},
			}[:budgets] {
				if _, err := db.SetBudget(b.Context(), org, id, 1_000_000*sallyport.Credit, storetest.Event("budgets.set")); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				var entries []journal.Entry
				for range calls {
					call := sallyport.CallID(storetest.NewID())
					entries = append(entries, storetest.Intent(org, call, sallyport.Credit/100), storetest.Outcome(org, call, sallyport.Credit/100))
				}
				if _, err := db.CommitBatch(b.Context(), journal.BatchID(uuid.NewString()), entries); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
