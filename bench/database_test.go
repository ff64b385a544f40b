package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// stageAt is a stage without targets.
func stageAt(t *testing.T, folder string) *stage {
	t.Helper()
	s := &stage{folder: folder, targets: make(map[string]*target)}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// The bench reads what the store writes, on both databases.
func TestTrailCounts(t *testing.T) {
	t.Parallel()
	for which, url := range map[string]string{sqlite: storetest.SQLiteURL(t), postgres: storetest.PostgresURL(t)} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t, url)
			org, other := storetest.NewOrg(t, db), storetest.NewOrg(t, db)
			commit := func(entries ...journal.Entry) {
				t.Helper()
				if _, err := db.CommitBatch(t.Context(), journal.BatchID(storetest.NewID()), entries); err != nil {
					t.Fatal(err)
				}
			}
			commit(storetest.Intent(org, "before", 0))
			trail, err := stageAt(t, t.TempDir()).openTrail(t.Context(), which, strings.TrimPrefix(url, "sqlite://"), string(org))
			if err != nil {
				t.Fatal(err)
			}
			want := func(intents, outcomes int) {
				t.Helper()
				i, o, err := trail.count(t.Context())
				if err != nil || i != intents || o != outcomes {
					t.Errorf("%d intents and %d outcomes, %v, want %d and %d", i, o, err, intents, outcomes)
				}
			}
			want(0, 0)
			failed := storetest.Outcome(org, "c", 0)
			failed.Record.Outcome = sallyport.OutcomeFailure
			commit(storetest.Intent(org, "a", 0), storetest.Intent(org, "b", 0), storetest.Intent(org, "c", 0),
				storetest.Outcome(org, "a", 0), failed, storetest.Intent(other, "d", 0),
				storetest.Intent(org, "refused", sallyport.Credit*1_000_000_000))
			want(3, 1)
			commit(storetest.Outcome(org, "b", 0))
			want(0, 1)
			want(0, 0)
		})
	}
}

func TestCommits(t *testing.T) {
	t.Parallel()
	s := stageAt(t, t.TempDir())
	s.targets[sqliteStrict] = &target{database: sqlite}
	s.targets[sqliteRelaxed] = &target{database: sqlite}
	if err := s.openCommitters(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(s.commits) != 1 {
		t.Fatalf("%d kinds of databases, want 1", len(s.commits))
	}
	got, err := s.commits[0].measure(t.Context())
	if err != nil || got.database != sqlite || got.p50 <= 0 || got.p99 < got.p50 {
		t.Errorf("measured %+v, %v", got, err)
	}
	db, err := s.open(sqlite, filepath.Join(s.folder, "commits.db"), "")
	if err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := db.QueryRow("SELECT COUNT(*) FROM commits").Scan(&rows); err != nil || rows == 0 || rows > commitsMost {
		t.Errorf("%d rows, %v, want some, at most %d", rows, err, commitsMost)
	}
}
