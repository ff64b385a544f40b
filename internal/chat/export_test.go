package chat

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// branch is a store with one conversation of one branch.
type branch struct {
	Store
	messages []sallyport.Message // the first said first
	read     int
}

func (s *branch) PathIDs(context.Context, sallyport.OrgID, sallyport.ConversationID, sallyport.MessageID) (ids []sallyport.MessageID, err error) {
	for _, m := range slices.Backward(s.messages) {
		ids = append(ids, m.ID)
	}
	return ids, nil
}

func (s *branch) Path(_ context.Context, _ sallyport.OrgID, _ sallyport.ConversationID, from sallyport.MessageID, limit int) (path []sallyport.Message, err error) {
	for _, m := range slices.Backward(s.messages) {
		if (m.ID == from || len(path) > 0) && len(path) < limit {
			path = append(path, m)
		}
	}
	s.read += len(path)
	return path, nil
}

// A long branch is written in its order, and each message is read once.
func TestExport_long(t *testing.T) {
	t.Parallel()
	s := &branch{}
	for n := range 2*exportBatch + 10 {
		s.messages = append(s.messages, sallyport.Message{
			ID: sallyport.MessageID(fmt.Sprintf("m%03d", n)), Role: sallyport.MessageUser, State: sallyport.MessageDone,
			Content: fmt.Appendf(nil, `{"text": "said %d."}`, n),
		})
	}
	e := &Export{chats: &Chats{Parts: Parts{Store: s, Sealer: plain{}, Now: time.Now}}}
	var out bytes.Buffer
	if err := e.Write(t.Context(), ExportMarkdown, &out); err != nil {
		t.Fatal(err)
	}
	at := 0
	for n := range s.messages {
		next := strings.Index(out.String()[at:], fmt.Sprintf("said %d.", n))
		if next < 0 {
			t.Fatalf("message %d does not follow the one before", n)
		}
		at += next
	}
	if s.read != len(s.messages) {
		t.Errorf("%d messages were read, want %d", s.read, len(s.messages))
	}
}
