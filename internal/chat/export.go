package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

// Export is a conversation that is to be handed out, piece by piece.
type Export struct {
	chats        *Chats
	who          sallyport.Principal
	conversation Conversation
}

// The forms of an export.
const (
	ExportMarkdown = "markdown" // the branch that is shown, to read
	ExportJSON     = "json"     // all branches, for programs
)

// Export prepares to hand out a conversation of the person.
func (c *Chats) Export(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID) (*Export, error) {
	conversation, err := c.Get(ctx, who, id)
	if err != nil {
		return nil, err
	}
	return &Export{chats: c, who: who, conversation: conversation}, nil
}

// exportBatch is how many messages are in memory at a time.
const exportBatch = 100

// Write writes the export. What broke off is no whole JSON, and Markdown without
// its last line.
func (e *Export) Write(ctx context.Context, form string, w io.Writer) error {
	if form == ExportJSON {
		return e.json(ctx, w)
	}
	return e.markdown(ctx, w)
}

func (e *Export) json(ctx context.Context, w io.Writer) error {
	head, err := json.Marshal(e.conversation)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, `{"conversation":%s,"messages":[`, head); err != nil {
		return err
	}
	between := ""
	for after := sallyport.MessageID(""); ; {
		batch, err := e.chats.Store.Messages(ctx, e.who.Org, e.conversation.ID, after, exportBatch)
		if err != nil {
			return err
		}
		for _, m := range batch {
			v, err := e.chats.view(ctx, m, nil)
			if err != nil {
				return err
			}
			text, err := json.Marshal(v)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%s\n%s", between, text); err != nil {
				return err
			}
			between, after = ",", m.ID
		}
		if len(batch) < exportBatch {
			_, err := io.WriteString(w, "\n]}\n")
			return err
		}
	}
}

func (e *Export) markdown(ctx context.Context, w io.Writer) error {
	if _, err := fmt.Fprintf(w, "# %s\n", oneLine(e.conversation.Title)); err != nil {
		return err
	}
	// Paths are read upwards, so the ids come first, which are small, and then the
	// messages in parts, from the root down.
	ids, err := e.chats.Store.PathIDs(ctx, e.who.Org, e.conversation.ID, e.conversation.Leaf)
	if err != nil {
		return err
	}
	for above := len(ids); above > 0; {
		lowest := max(above-exportBatch, 0)
		part, err := e.chats.Store.Path(ctx, e.who.Org, e.conversation.ID, ids[lowest], above-lowest)
		if err != nil {
			return err
		}
		if len(part) == 0 {
			return sallyport.NewError(sallyport.NotFound, "The conversation was erased meanwhile.")
		}
		for _, m := range slices.Backward(part) {
			v, err := e.chats.view(ctx, m, nil)
			if err != nil {
				return err
			}
			if _, err := io.WriteString(w, markdownOf(v)); err != nil {
				return err
			}
		}
		above = lowest
	}
	_, err = fmt.Fprintf(w, "\n---\n\n%d messages, exported %s\n", len(ids), e.chats.Now().UTC().Format("2006-01-02 15:04 UTC"))
	return err
}

// markdownOf writes one message. Its text is Markdown already.
func markdownOf(m Message) string {
	var b strings.Builder
	at := m.CreatedAt.UTC().Format("2006-01-02 15:04 UTC")
	switch m.Role {
	case sallyport.MessageUser:
		fmt.Fprintf(&b, "\n## You, %s\n", at)
	case sallyport.MessageRun:
		fmt.Fprintf(&b, "\n## Run %s, %s\n", m.Run, at)
	default:
		fmt.Fprintf(&b, "\n## %s, %s\n", oneLine(m.Model), at)
	}
	if m.Text != "" {
		b.WriteString("\n" + strings.TrimRight(m.Text, "\n") + "\n")
	}
	for _, t := range m.ToolCalls {
		fmt.Fprintf(&b, "\nTool: %s\n\n    %s\n", oneLine(t.Name), strings.ReplaceAll(t.Arguments, "\n", "\n    "))
	}
	for _, f := range m.Attachments {
		fmt.Fprintf(&b, "\nFile: %s (%s, %d bytes)\n", oneLine(f.Name), f.Type, f.Size)
	}
	if m.State != sallyport.MessageDone {
		fmt.Fprintf(&b, "\n*This message is not whole: %s.*\n", m.State)
	}
	return b.String()
}

func oneLine(s string) string {
	if s = strings.Join(strings.Fields(s), " "); s == "" {
		return "Conversation"
	}
	return s
}
