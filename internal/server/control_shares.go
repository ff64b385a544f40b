package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/chat"
)

type sharePath struct {
	ID sallyport.ShareID `path:"id"`
}

type shareRequest struct {
	ID   sallyport.ConversationID `path:"id"`
	Body *struct {
		Leaf sallyport.MessageID `json:"leaf,omitempty" doc:"Empty: what the conversation shows"`
	}
}

// controlShares: a share is read by members of the organisation alone.
func (s *Server) controlShares(api huma.API) {
	huma.Register(api, operation("shareConversation", "conversations.share", http.MethodPost, "/conversations/{id}/share", "Share a snapshot of a branch inside the organisation"),
		func(ctx context.Context, in *shareRequest) (*body[chat.Shared], error) {
			leaf := sallyport.MessageID("")
			if in.Body != nil {
				leaf = in.Body.Leaf
			}
			return reply(attempt(s, ctx, func(p sallyport.Principal) (chat.Shared, error) {
				return s.parts.Chats.Share(ctx, p, in.ID, leaf)
			}))
		})
	huma.Register(api, operation("listShares", "shares.list", http.MethodGet, "/shares", "List what you shared"),
		func(ctx context.Context, _ *struct{}) (*body[[]chat.Shared], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]chat.Shared, error) { return s.parts.Chats.Shares(ctx, p) }))
		})
	huma.Register(api, operation("getShare", "shares.get", http.MethodGet, "/shares/{id}", "Read a snapshot that a member of the organisation shared"),
		func(ctx context.Context, in *sharePath) (*body[chat.Snapshot], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (chat.Snapshot, error) { return s.parts.Chats.Shared(ctx, p, in.ID) }))
		})
	huma.Register(api, operation("revokeShare", "shares.delete", http.MethodDelete, "/shares/{id}", "Revoke a share of yours; administrators any"),
		func(ctx context.Context, in *sharePath) (*struct{}, error) {
			return attempt(s, ctx, func(p sallyport.Principal) (*struct{}, error) { return nil, s.parts.Chats.Revoke(ctx, p, in.ID) })
		})
}
