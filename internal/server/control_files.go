package server

import (
	"context"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/chat"
)

type filePath struct {
	ID   sallyport.ConversationID `path:"id"`
	File sallyport.AttachmentID   `path:"file"`
}

type fileView struct {
	Type        string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	NoSniff     string `header:"X-Content-Type-Options"`
	Policy      string `header:"Content-Security-Policy"`
	Cache       string `header:"Cache-Control"`
	Body        []byte
}

type chatExportQuery struct {
	ID     sallyport.ConversationID `path:"id"`
	Format string                   `query:"format" enum:"markdown,json" default:"markdown"`
}

// chatLimits are the bounds that a page shows before it sends anything.
type chatLimits struct {
	Text       int64    `json:"text" doc:"Bytes of a message"`
	Files      int64    `json:"files" doc:"Of one message"`
	Image      int64    `json:"image" doc:"Bytes of one"`
	TextFile   int64    `json:"text_file" doc:"Bytes of one"`
	FilesTotal int64    `json:"files_total" doc:"Bytes of all of one message"`
	Types      []string `json:"types" doc:"What files may be. Their bytes tell, not their names"`
	Answers    int64    `json:"answers" doc:"Under way at once, of one person"`
}

// controlFiles: what goes out of conversations as files.
func (s *Server) controlFiles(api huma.API) {
	huma.Register(api, operation("getConversationLimits", "conversations.limits", http.MethodGet, "/conversations/limits", "Read the bounds of messages and their files"),
		func(ctx context.Context, _ *struct{}) (*body[chatLimits], error) {
			return reply(look(s, ctx, func(sallyport.Principal) (chatLimits, error) {
				return chatLimits{
					chat.MessageTextMax, chat.FilesMax, chat.ImageMax, chat.TextFileMax, chat.FilesTotalMax, chat.FileTypes(), chat.AnswersOfPersonMax,
				}, nil
			}))
		})
	huma.Register(api, operation("getAttachment", "conversations.attachment", http.MethodGet, "/conversations/{id}/attachments/{file}", "Download a file of one of your messages"),
		func(ctx context.Context, in *filePath) (*fileView, error) {
			return look(s, ctx, func(p sallyport.Principal) (*fileView, error) {
				file, data, err := s.parts.Chats.Attachment(ctx, p, in.ID, in.File)
				if err != nil {
					return nil, err
				}
				return viewFile(file, data), nil
			})
		})
	huma.Register(api, operation("exportConversation", "conversations.export", http.MethodGet, "/conversations/{id}/export", "Download a conversation: the branch that is shown as Markdown, or all branches as JSON"), s.exportConversation)
}

// viewFile lets no browser take a file for a page: it is saved, and what it is
// was found out when it came.
func viewFile(f chat.File, data []byte) *fileView {
	kind := f.Type
	if kind == "text/plain" {
		kind += "; charset=utf-8"
	}
	return &fileView{
		Type: kind, Disposition: attachment(f.Name), NoSniff: "nosniff",
		Policy: "default-src 'none'; sandbox", Cache: "private, no-store", Body: data,
	}
}

// exportConversation streams. It is recorded before the first byte goes out.
func (s *Server) exportConversation(ctx context.Context, in *chatExportQuery) (*huma.StreamResponse, error) {
	export, err := look(s, ctx, func(p sallyport.Principal) (*chat.Export, error) { return s.parts.Chats.Export(ctx, p, in.ID) })
	if err != nil {
		return nil, err
	}
	kind, name := "text/markdown; charset=utf-8", "conversation.md"
	if in.Format == chat.ExportJSON {
		kind, name = jsonAnswer, "conversation.json"
	}
	return download(kind, name, func(w io.Writer) error { return export.Write(ctx, in.Format, w) }), nil
}
