package store

import (
	"context"
	"database/sql"

	"github.com/sallyport-ai/sallyport"
)

func insertAttachment(ctx context.Context, tx *sql.Tx, a sallyport.Attachment) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO attachments (org_id, id, conversation_id, message_id, sealed) VALUES ($1, $2, $3, $4, $5)`,
		a.Org, a.ID, a.Conversation, a.Message, a.Sealed)
	return err
}

// Attachment returns a file of a conversation of the person.
func (db *DB) Attachment(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID, file sallyport.AttachmentID) (sallyport.Attachment, error) {
	a := sallyport.Attachment{Org: org, ID: file, Conversation: id}
	err := db.read.QueryRowContext(ctx, `
		SELECT a.message_id, a.sealed
		FROM attachments a JOIN conversations c ON c.org_id = a.org_id AND c.id = a.conversation_id
		WHERE`+ofConversation+` AND a.id = $4`, org, user, id, file).Scan(&a.Message, &a.Sealed)
	return a, orNotFound(err, "file")
}

// AttachmentsOf lists the files of a message.
func (db *DB) AttachmentsOf(ctx context.Context, org sallyport.OrgID, message sallyport.MessageID) ([]sallyport.Attachment, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (sallyport.Attachment, error) {
		a := sallyport.Attachment{Org: org, Message: message}
		return a, rows.Scan(&a.ID, &a.Conversation, &a.Sealed)
	}, `SELECT id, conversation_id, sealed FROM attachments WHERE org_id = $1 AND message_id = $2 ORDER BY id`, org, message)
}
