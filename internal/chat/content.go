package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// content is what a message says, sealed in its row. Stored messages are read by
// later versions: fields are only ever added.
type content struct {
	Text        string     `json:"text,omitempty"`
	Reasoning   string     `json:"reasoning,omitempty"`
	Tools       []ToolCall `json:"tools,omitempty"`
	Files       []File     `json:"files,omitempty"`
	Failure     string     `json:"failure,omitempty"` // why an answer failed, for the person
	Upstream    int        `json:"upstream,omitempty"`
	Runs        []run      `json:"runs,omitempty"` // in which order an answer came
	ContinuesAt bool       `json:"continues,omitempty"`
}

// The sealed parts. A ciphertext opens only in its own place.
const (
	titlePart    = "title"
	folderPart   = "folder"
	contentPart  = "content"
	maskedPart   = "masked"
	snapshotPart = "snapshot"
)

func ofConversation(id sallyport.ConversationID, part string) []byte {
	return []byte("conversation/" + string(id) + "/" + part)
}

func ofMessage(id sallyport.MessageID, part string) []byte {
	return []byte("message/" + string(id) + "/" + part)
}

func ofStep(id sallyport.MessageID, begin int64) []byte {
	return fmt.Appendf(nil, "message/%s/step/%d", id, begin)
}

func ofAttachment(id sallyport.AttachmentID) []byte { return []byte("attachment/" + string(id)) }

func ofShare(id sallyport.ShareID, part string) []byte {
	return []byte("share/" + string(id) + "/" + part)
}

func (c *Chats) seal(ctx context.Context, org sallyport.OrgID, place []byte, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", place, err)
	}
	return c.Sealer.Seal(ctx, org, secret.Content, plain, place)
}

// unseal leaves into as it is when nothing was sealed.
func (c *Chats) unseal(ctx context.Context, org sallyport.OrgID, place, sealed []byte, into any) error {
	if len(sealed) == 0 {
		return nil
	}
	plain, err := c.Sealer.Unseal(ctx, org, secret.Content, sealed, place)
	if err != nil {
		return fmt.Errorf("open %s: %w", place, err)
	}
	if err := json.Unmarshal(plain, into); err != nil {
		return fmt.Errorf("read %s: %w", place, err)
	}
	return nil
}

func (c *Chats) content(ctx context.Context, m sallyport.Message) (content, error) {
	var said content
	return said, c.unseal(ctx, m.Org, ofMessage(m.ID, contentPart), m.Content, &said)
}

// marshal is json.Marshal that leaves <, > and & as they are.
func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}
