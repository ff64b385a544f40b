package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
	"github.com/sallyport-ai/sallyport/internal/chat"
)

type conversationPath struct {
	ID sallyport.ConversationID `path:"id"`
}

type conversationsQuery struct {
	Text     string `query:"q" maxLength:"800" doc:"Search titles and texts of all branches for this; upper and lower case are one"`
	Archived bool   `query:"archived"`
	Cursor   string `query:"cursor" maxLength:"500"`
	Limit    int    `query:"limit" minimum:"0" maximum:"200"`
}

type newConversation struct {
	Body struct {
		Model string `json:"model"`
		Title string `json:"title,omitempty"`
	}
}

type conversationChange struct {
	ID   sallyport.ConversationID `path:"id"`
	Body chat.Change
}

type chatRunRequest struct {
	Key  string                   `header:"Idempotency-Key" doc:"A repeat with the same key and body gets the first run's message"`
	ID   sallyport.ConversationID `path:"id"`
	Body struct {
		Agent  sallyport.AgentID `json:"agent"`
		Inputs map[string]string `json:"inputs,omitempty" doc:"By name"`
	}
}

type forkRequest struct {
	ID   sallyport.ConversationID `path:"id"`
	Body struct {
		Message sallyport.MessageID `json:"message" doc:"The last one that the new conversation has"`
	}
}

type chatRun struct {
	Message chat.Message `json:"message"`
}

// controlConversations: everybody has conversations of their own, and nobody
// sees anybody else's.
func (s *Server) controlConversations(api huma.API) {
	huma.Register(api, operation("listConversations", "conversations.list", http.MethodGet, "/conversations", "List or search your conversations"),
		func(ctx context.Context, in *conversationsQuery) (*body[chat.Page], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (chat.Page, error) {
				return s.parts.Chats.List(ctx, p, chat.Query{Text: in.Text, Archived: in.Archived, Cursor: in.Cursor, Limit: in.Limit})
			}))
		})
	huma.Register(api, operation("createConversation", "conversations.create", http.MethodPost, "/conversations", "Begin a conversation"),
		func(ctx context.Context, in *newConversation) (*body[chat.Conversation], error) {
			return reply(attempt(s, ctx, func(p sallyport.Principal) (chat.Conversation, error) {
				return s.parts.Chats.Create(ctx, p, in.Body.Model, in.Body.Title)
			}))
		})
	huma.Register(api, operation("getConversation", "conversations.get", http.MethodGet, "/conversations/{id}", "Read one of your conversations"),
		func(ctx context.Context, in *conversationPath) (*body[chat.Conversation], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (chat.Conversation, error) { return s.parts.Chats.Get(ctx, p, in.ID) }))
		})
	huma.Register(api, operation("changeConversation", "conversations.update", http.MethodPatch, "/conversations/{id}", "Rename, pin, archive or file a conversation, or choose its model or branch"),
		func(ctx context.Context, in *conversationChange) (*body[chat.Conversation], error) {
			return reply(attempt(s, ctx, func(p sallyport.Principal) (chat.Conversation, error) {
				return s.parts.Chats.Change(ctx, p, in.ID, in.Body)
			}))
		})
	huma.Register(api, operation("deleteConversation", "conversations.delete", http.MethodDelete, "/conversations/{id}", "Delete a conversation with its shares; for an hour it can be restored, then it is erased"),
		func(ctx context.Context, in *conversationPath) (*struct{}, error) {
			return attempt(s, ctx, func(p sallyport.Principal) (*struct{}, error) { return nil, s.parts.Chats.Delete(ctx, p, in.ID) })
		})
	huma.Register(api, operation("restoreConversation", "conversations.restore", http.MethodPost, "/conversations/{id}/restore", "Restore a conversation that was deleted less than an hour ago"),
		func(ctx context.Context, in *conversationPath) (*body[chat.Conversation], error) {
			return reply(attempt(s, ctx, func(p sallyport.Principal) (chat.Conversation, error) {
				return s.parts.Chats.Restore(ctx, p, in.ID)
			}))
		})
	huma.Register(api, operation("forkConversation", "conversations.fork", http.MethodPost, "/conversations/{id}/fork", "Make a new conversation of the path to a message"),
		func(ctx context.Context, in *forkRequest) (*body[chat.Conversation], error) {
			return reply(attempt(s, ctx, func(p sallyport.Principal) (chat.Conversation, error) {
				return s.parts.Chats.Fork(ctx, p, in.ID, in.Body.Message)
			}))
		})
	huma.Register(api, acceptedOperation("startConversationRun", "conversations.run", "/conversations/{id}/runs", "Start an agent, and add its run to the conversation"),
		func(ctx context.Context, in *chatRunRequest) (*goingOn[chatRun], error) {
			return replyAccepted(attempt(s, ctx, func(p sallyport.Principal) (chatRun, error) {
				m, err := s.parts.Chats.AddRun(ctx, p, in.ID, in.Body, asked(ctx, in.Key), func(id sallyport.RunID) (sallyport.Run, error) {
					return s.beginOf(ctx, p, agent.Order{Agent: in.Body.Agent, Inputs: in.Body.Inputs, Kind: sallyport.StartChat, ID: id})
				})
				return chatRun{m}, err
			}))
		})
}
