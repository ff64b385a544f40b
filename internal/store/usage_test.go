package store_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// A program that knows no groups rolls up the usual sums and moves their cursor.
// The sums of groups are made all the same, from their own cursor.
func TestUsageRolledUpByOlderProgram(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ url, driver string }{
		"sqlite":   {storetest.SQLiteURL(t), "sqlite"},
		"postgres": {storetest.NewPostgres(t), "pgx"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			db := storetest.Open(t, c.url)
			org := storetest.NewOrg(t, db)
			group := storetest.NewGroup(t, db, org, "Red")
			open := storetest.Intent(org, "c-1", 0)
			open.Open.Groups = []sallyport.GroupID{group}
			for _, e := range []journal.Entry{open, storetest.Outcome(org, "c-1", 7)} {
				if _, err := db.CommitBatch(ctx, journal.BatchID(storetest.NewID()), []journal.Entry{e}); err != nil {
					t.Fatal(err)
				}
			}
			raw, err := sql.Open(c.driver, strings.TrimPrefix(c.url, "sqlite://"))
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			for _, statement := range []string{
				`INSERT INTO usage_cursors (org_id, seq) SELECT org_id, ledger_seq FROM accounts`,
				`INSERT INTO usage_days SELECT l.org_id, l.at / 86400000000, l.model, 'u1', 'k1', '', 1, 100, 0, 0, 20, 0, 7, 0, 0 FROM ledger l`,
			} {
				if _, err := raw.ExecContext(ctx, statement); err != nil {
					t.Fatalf("%s: %v", statement, err)
				}
			}
			behind, err := db.UsageBehind(ctx)
			if err != nil || len(behind) != 1 || behind[0] != org {
				t.Errorf("behind are %v, %v, want the organisation", behind, err)
			}
			if _, err := db.RollUpUsage(ctx, org); err != nil {
				t.Error(err)
			}
			if behind, err := db.UsageBehind(ctx); err != nil || len(behind) != 0 {
				t.Errorf("behind are %v, %v, want nobody", behind, err)
			}
			for _, by := range []sallyport.UsageBy{sallyport.UsageByGroup, sallyport.UsageByUser} {
				rows, err := db.Usage(ctx, org, sallyport.UsageQuery{By: by})
				if err != nil || len(rows) != 1 || rows[0].Charge != 7 || rows[0].Calls != 1 {
					t.Errorf("usage by %s is %+v, %v, want one call for 7", by, rows, err)
				}
			}
		})
	}
}
