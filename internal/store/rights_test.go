package store_test

import (
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// Groups that were made before they decided on rights go on to let their
// members create agents.
func TestGroupRightsMigration(t *testing.T) {
	t.Parallel()
	for name, newURL := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := newURL(t)
			const before = 52
			db, err := store.OpenUpTo(t.Context(), store.Options{URL: url, Now: time.Now}, before)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			write, _ := db.Pools()
			for _, sql := range []string{
				`INSERT INTO organisations (id, name, created) VALUES ('o', 'Acme', 0)`,
				`INSERT INTO groups (org_id, id, name, created) VALUES ('o', 'g', 'Red', 0)`,
			} {
				if _, err := write.ExecContext(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
			stored, err := storetest.Open(t, url).Policies(t.Context(), "o", "rights")
			if got := string(stored["group/g/features"]); err != nil || len(stored) != 1 || got != `{"agent_creation":"on"}` {
				t.Errorf("got %q, %v", stored, err)
			}
		})
	}
}
