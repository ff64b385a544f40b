package chat

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// failing is a store that takes no message.
type failing struct{ shelf }

func (*failing) TurnOnce(context.Context, sallyport.OrgID, sallyport.ConversationID, []byte) (*sallyport.TurnOnce, error) {
	return nil, nil
}

func (*failing) AddTurn(context.Context, sallyport.OrgID, sallyport.UserID, sallyport.ConversationID, sallyport.Turn, sallyport.Record) (*sallyport.TurnOnce, error) {
	return nil, errors.New("no database")
}

func (open) MAC(_ context.Context, _ sallyport.OrgID, _ secret.Purpose, data []byte) ([]byte, error) {
	return data, nil
}

// A repeat of what left a run without a message begins no other run.
func TestAddRun_repeated(t *testing.T) {
	t.Parallel()
	event := func(context.Context, sallyport.Principal, string, string, any) sallyport.Record {
		return sallyport.Record{}
	}
	c := &Chats{Parts: Parts{Store: &failing{}, Sealer: open{}, Now: time.Now, Event: event}}
	begun := func(order, key string) (id sallyport.RunID) {
		t.Helper()
		_, err := c.AddRun(t.Context(), sallyport.Principal{Org: "o", User: "u"}, "c", order, Asked{Key: key},
			func(named sallyport.RunID) (sallyport.Run, error) {
				id = named
				return sallyport.Run{ID: named}, nil
			})
		if err == nil {
			t.Error("a message was added")
		}
		return id
	}
	first := begun("this", "key")
	if again := begun("this", "key"); again != first || first == "" {
		t.Errorf("the run is %q, again %q", first, again)
	}
	if begun("that", "key") == first || begun("this", "other") == first || begun("this", "") != "" {
		t.Error("another request begins the same run")
	}
}
