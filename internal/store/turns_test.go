package store_test

import (
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// A turn whose key could not be looked up was not added, and is no repeat.
func TestTurnOnceUnreadable(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	org := storetest.NewOrg(t, db)
	c := storetest.NewConversation(t, db, org, storetest.NewMember(t, db, org))
	write, _ := db.Pools()
	if _, err := write.ExecContext(t.Context(), `DROP TABLE turns_once`); err != nil {
		t.Fatal(err)
	}
	turn := storetest.NewTurn("")
	turn.Once = &sallyport.TurnOnce{Name: []byte("name")}
	before, err := db.AddTurn(t.Context(), org, c.User, c.ID, turn, storetest.Event("x"))
	if before != nil || err == nil || sallyport.CodeOf(err) == sallyport.Conflict {
		t.Errorf("got %+v, %v, want the database's error", before, err)
	}
}
