package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// plain seals nothing.
type plain struct{ Sealer }

func (plain) Unseal(_ context.Context, _ sallyport.OrgID, _ secret.Purpose, sealed, _ []byte) ([]byte, error) {
	return sealed, nil
}

// long is a store with conversations that have many messages.
type long struct {
	Store
	conversations []sallyport.Conversation
	messages      map[sallyport.ConversationID][]sallyport.Message
	opened        int
}

func (s *long) Conversation(_ context.Context, _ sallyport.OrgID, _ sallyport.UserID, id sallyport.ConversationID) (sallyport.Conversation, error) {
	for _, c := range s.conversations {
		if c.ID == id {
			return c, nil
		}
	}
	return sallyport.Conversation{}, sallyport.NewError(sallyport.NotFound, "none")
}

func (s *long) Conversations(_ context.Context, _ sallyport.OrgID, _ sallyport.UserID, q sallyport.ConversationQuery) ([]sallyport.Conversation, error) {
	for i, c := range s.conversations {
		if q.After != nil && c.ID == q.After.ID {
			return s.conversations[i+1:], nil
		}
	}
	return s.conversations, nil
}

func (s *long) Messages(_ context.Context, _ sallyport.OrgID, id sallyport.ConversationID, after sallyport.MessageID, limit int) (batch []sallyport.Message, err error) {
	for _, m := range s.messages[id] {
		if m.ID > after && len(batch) < limit {
			batch = append(batch, m)
		}
	}
	s.opened += len(batch)
	return batch, nil
}

// A search does a bounded piece of its work at a time, and goes on where it broke
// off, also in the middle of a conversation. It finds each conversation once.
func TestSearchInPieces(t *testing.T) {
	s := &long{messages: map[sallyport.ConversationID][]sallyport.Message{}}
	title, _ := json.Marshal("title")
	for i := range 3 {
		c := sallyport.Conversation{ID: sallyport.ConversationID(fmt.Sprint("c", i)), Title: title, UpdatedAt: time.Unix(int64(100-i), 0)}
		s.conversations = append(s.conversations, c)
		for n := range searchMessages + 500 {
			said, _ := json.Marshal(content{Text: fmt.Sprint("number ", n)})
			s.messages[c.ID] = append(s.messages[c.ID], sallyport.Message{ID: sallyport.MessageID(fmt.Sprintf("m%06d", n)), State: sallyport.MessageDone, Content: said})
		}
	}
	c := &Chats{Parts: Parts{Store: s, Sealer: plain{}}}
	found, at, pages := []Conversation{}, "", 0
	for ; pages == 0 || at != ""; pages++ {
		s.opened = 0
		p, err := c.List(t.Context(), sallyport.Principal{}, Query{Text: fmt.Sprint("number ", searchMessages+400), Cursor: at})
		if err != nil {
			t.Fatal(err)
		}
		if s.opened > searchMessages+searchBatch {
			t.Errorf("one request opened %d messages", s.opened)
		}
		found = append(found, p.Conversations...)
		if at = p.Next; pages > 20 {
			t.Fatal("it comes to no end")
		}
	}
	if pages < 4 || len(found) != 3 {
		t.Fatalf("in %d pages it found %+v", pages, found)
	}
	for i, f := range found {
		if f.ID != s.conversations[i].ID || f.Hit == nil || f.Hit.Match != fmt.Sprint("number ", searchMessages+400) {
			t.Errorf("it found %+v", f)
		}
	}
}
