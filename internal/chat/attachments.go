package chat

import (
	"context"
	"net/http"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// Bounds of the files of one message.
const (
	FilesMax      = 10
	ImageMax      = 8 << 20  // bytes of one
	TextFileMax   = 1 << 20  // bytes of one
	FilesTotalMax = 16 << 20 // bytes of all
	fileNameMax   = 200      // characters
)

// Upload is a file as it is sent. What it is, its bytes tell; its name does not count.
type Upload struct {
	Name string
	Data []byte
}

// upload is a file that was looked at.
type upload struct {
	File
	data []byte
}

// The types of files. Anything else is refused.
const textType = "text/plain"

var imageTypes = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// checkFiles looks at the files of a message.
func checkFiles(files []Upload) ([]upload, error) {
	if len(files) > FilesMax {
		return nil, invalid("A message has at most %d files.", FilesMax)
	}
	checked := make([]upload, 0, len(files))
	total := 0
	for i, f := range files {
		kind, most := sniff(f.Data)
		switch {
		case kind == "":
			return nil, invalid("File %d is neither a text in UTF-8 nor a PNG, JPEG, GIF or WebP image.", i+1)
		case len(f.Data) > most:
			return nil, sallyport.NewError(sallyport.BodyTooLarge, "A file is too large: images may have 8 MiB, texts 1 MiB.")
		}
		if total += len(f.Data); total > FilesTotalMax {
			return nil, sallyport.NewError(sallyport.BodyTooLarge, "The files of a message may have 16 MiB together.")
		}
		checked = append(checked, upload{File{
			ID: sallyport.AttachmentID(newID()), Name: FileName(f.Name), Type: kind, Size: int64(len(f.Data)),
		}, f.Data})
	}
	return checked, nil
}

// sniff tells the type of a file and how large one may be; "": it is none that we take.
func sniff(data []byte) (kind string, most int) {
	if kind := http.DetectContentType(data); slices.Contains(imageTypes, kind) {
		return kind, ImageMax
	}
	binary := func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\n\r\f", r) }
	if len(data) == 0 || len(data) <= TextFileMax && (!utf8.Valid(data) || strings.ContainsFunc(string(data), binary)) {
		return "", 0
	}
	return textType, TextFileMax
}

// FileName is what is kept of a name: no folders, nothing that is not seen.
func FileName(name string) string {
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(name, ""), `\`, "/"))
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, name))
	if name == "" || name == "." || name == ".." || name == "/" {
		return "file"
	}
	if runes := []rune(name); len(runes) > fileNameMax {
		name = string(runes[:fileNameMax])
	}
	return name
}

// attach seals the files of a message.
func (c *Chats) attach(ctx context.Context, org sallyport.OrgID, id sallyport.ConversationID, message sallyport.MessageID, files []upload) (rows []sallyport.Attachment, told []File, err error) {
	for _, f := range files {
		sealed, err := c.Sealer.Seal(ctx, org, secret.Content, f.data, ofAttachment(f.ID))
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, sallyport.Attachment{Org: org, Conversation: id, Message: message, ID: f.ID, Sealed: sealed})
		told = append(told, f.File)
	}
	return rows, told, nil
}

// filesOf returns the bytes of all files of a message.
func (c *Chats) filesOf(ctx context.Context, m sallyport.Message) (map[sallyport.AttachmentID][]byte, error) {
	rows, err := c.Store.AttachmentsOf(ctx, m.Org, m.ID)
	files := make(map[sallyport.AttachmentID][]byte, len(rows))
	for _, row := range rows {
		if err == nil {
			files[row.ID], err = c.Sealer.Unseal(ctx, m.Org, secret.Content, row.Sealed, ofAttachment(row.ID))
		}
	}
	return files, err
}

// Attachment returns a file of the person's, and its bytes.
func (c *Chats) Attachment(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, file sallyport.AttachmentID) (File, []byte, error) {
	row, err := c.Store.Attachment(ctx, who.Org, who.User, id, file)
	if err != nil {
		return File{}, nil, err
	}
	message, err := c.Message(ctx, who, id, row.Message)
	if err != nil {
		return File{}, nil, err
	}
	at := slices.IndexFunc(message.Attachments, func(f File) bool { return f.ID == file })
	if at < 0 {
		return File{}, nil, sallyport.NewError(sallyport.NotFound, "There is no such file.")
	}
	data, err := c.Sealer.Unseal(ctx, who.Org, secret.Content, row.Sealed, ofAttachment(file))
	return message.Attachments[at], data, err
}

// FileTypes are the types of files that are taken.
func FileTypes() []string { return append([]string{textType}, imageTypes...) }
