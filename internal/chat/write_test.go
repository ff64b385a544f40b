package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// open seals nothing either way.
type open struct{ plain }

func (open) Seal(_ context.Context, _ sallyport.OrgID, _ secret.Purpose, text, _ []byte) ([]byte, error) {
	return text, nil
}

// blind is a store that takes an answer's end once, and then tells nothing of it.
type blind struct {
	Store
	ends []sallyport.MessageState
}

func (s *blind) FinishAnswer(_ context.Context, m sallyport.Message, _ []byte) error {
	s.ends = append(s.ends, m.State)
	if len(s.ends) > 1 {
		return sallyport.NewError(sallyport.Conflict, "The answer has ended.")
	}
	return nil
}

func (s *blind) Siblings(context.Context, sallyport.OrgID, sallyport.ConversationID, []sallyport.Message) (map[sallyport.MessageID][]sallyport.MessageID, error) {
	return nil, errors.New("no database")
}

// An answer that was written and cannot be read again is not told to be lost.
func TestFinish_notRead(t *testing.T) {
	t.Parallel()
	var told bytes.Buffer
	s := &blind{}
	c := &Chats{Parts: Parts{Store: s, Sealer: open{}, Now: time.Now, Log: slog.New(slog.NewTextHandler(&told, nil))}}
	l, _ := newLive(sallyport.Message{ID: "m"}, func() {})
	c.finish(l, &gateway.Call{}, prompt{}, nil)
	if len(s.ends) != 1 || s.ends[0] != sallyport.MessageDone {
		t.Errorf("the end was written as %q, want once as done", s.ends)
	}
	if strings.Contains(told.String(), "could not be written") || !strings.Contains(told.String(), "was written") {
		t.Errorf("the log says %s", &told)
	}
	if l.final != nil {
		t.Errorf("readers are told %+v", l.final)
	}
}

// What a provider says is cut between characters.
func TestFailure_longWords(t *testing.T) {
	t.Parallel()
	words := "x" + strings.Repeat("é", failureMax)
	body, err := json.Marshal(map[string]any{"error": map[string]string{"message": words}})
	if err != nil {
		t.Fatal(err)
	}
	_, message, _ := failure(sallyport.WrapError(sallyport.UpstreamInvalid, "It failed.", &llm.UpstreamError{Status: 400, Body: body}))
	said, found := strings.CutPrefix(message, "It failed.: ")
	if !found || !utf8.ValidString(said) || !strings.HasPrefix(words, said) || len(said) < failureMax-utf8.UTFMax {
		t.Errorf("got %d bytes, %q…%q", len(said), message[:20], message[len(message)-4:])
	}
}
