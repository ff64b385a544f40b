package chat

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
)

// shelf is a store with one conversation of one question that has files.
type shelf struct {
	Store
	files []sallyport.Attachment
	asked int // how often for the files
	paths int
}

func (s *shelf) Conversation(context.Context, sallyport.OrgID, sallyport.UserID, sallyport.ConversationID) (sallyport.Conversation, error) {
	return sallyport.Conversation{ID: "c"}, nil
}

func (s *shelf) Path(_ context.Context, _ sallyport.OrgID, _ sallyport.ConversationID, from sallyport.MessageID, _ int) ([]sallyport.Message, error) {
	s.paths++
	said := content{}
	for _, f := range s.files {
		said.Files = append(said.Files, File{ID: f.ID, Name: string(f.ID), Type: textType})
	}
	sealed, err := json.Marshal(said)
	return []sallyport.Message{{ID: from, Role: sallyport.MessageUser, State: sallyport.MessageDone, Content: sealed}}, err
}

func (s *shelf) AttachmentsOf(context.Context, sallyport.OrgID, sallyport.MessageID) ([]sallyport.Attachment, error) {
	s.asked++
	return s.files, nil
}

// The files of a message are read once, however many they are.
func TestPrompt_files(t *testing.T) {
	t.Parallel()
	s := &shelf{files: []sallyport.Attachment{{ID: "one", Sealed: []byte("first")}, {ID: "two", Sealed: []byte("second")}}}
	c := &Chats{Parts: Parts{Store: s, Sealer: open{}}}
	p, err := c.prompt(t.Context(), "o", "c", sallyport.Model{ID: "m"}, question{parent: "q"})
	if err != nil {
		t.Fatal(err)
	}
	if s.asked != 1 {
		t.Errorf("the files were read %d times", s.asked)
	}
	var said []string
	for _, part := range p.request.Messages[0].Parts {
		said = append(said, part.Text.Text())
	}
	if got := strings.Join(said, "|"); !strings.Contains(got, "first") || !strings.Contains(got, "second") {
		t.Errorf("the model is shown %q", got)
	}
}

// known is a gateway that has every model.
type known struct{ Gateway }

func (known) Model(_ context.Context, _ sallyport.Principal, id string) (sallyport.Model, error) {
	return sallyport.Model{ID: id}, nil
}

// Who has too many answers under way is refused before anything is read for another.
func TestAsk_busy(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	who := sallyport.Principal{Org: "o", User: "u"}
	c := &Chats{Parts: Parts{Store: s, Gateway: known{}, Sealer: open{}}, ofPerson: map[person]int{{"o", "u"}: AnswersOfPersonMax}}
	_, err := c.ask(t.Context(), who, "c", question{parent: "q", model: "m"}, Asked{})
	if sallyport.CodeOf(err) != sallyport.RateLimited || s.paths > 0 {
		t.Errorf("got %v after %d reads of the path", err, s.paths)
	}
}
