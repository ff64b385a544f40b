package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
	"github.com/sallyport-ai/sallyport/internal/chat"
)

type messagePath struct {
	ID      sallyport.ConversationID `path:"id"`
	Message sallyport.MessageID      `path:"message"`
}

type messagesQuery struct {
	ID     sallyport.ConversationID `path:"id"`
	Leaf   sallyport.MessageID      `query:"leaf" doc:"Any message of the branch, which goes on to its newest end; empty: what the conversation shows"`
	Before sallyport.MessageID      `query:"before" doc:"What stands above this message"`
	Limit  int                      `query:"limit" minimum:"0" maximum:"50"`
}

type sendRequest struct {
	Key  string                   `header:"Idempotency-Key" doc:"A repeat with the same key and body gets what the first request made"`
	ID   sallyport.ConversationID `path:"id"`
	Body struct {
		Parent      sallyport.MessageID `json:"parent" doc:"The message that this one answers; empty: it begins the conversation. To edit a message, name its parent"`
		Text        string              `json:"text"`
		Model       string              `json:"model,omitempty" doc:"Empty: the conversation's"`
		Attachments []uploadView        `json:"attachments,omitempty" maxItems:"10"`
	}
}

type uploadView struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty" doc:"Not believed: the bytes tell"`
	Data []byte `json:"data" doc:"Base64"`
}

type regenerateRequest struct {
	Key     string                   `header:"Idempotency-Key" doc:"A repeat with the same key and body gets what the first request made"`
	ID      sallyport.ConversationID `path:"id"`
	Message sallyport.MessageID      `path:"message"`
	Body    *struct {
		Model string `json:"model,omitempty" doc:"Empty: the conversation's"`
	}
}

type continueRequest struct {
	Key     string                   `header:"Idempotency-Key" doc:"A repeat with the same key and body gets what the first request made"`
	ID      sallyport.ConversationID `path:"id"`
	Message sallyport.MessageID      `path:"message"`
}

type ratingRequest struct {
	ID      sallyport.ConversationID `path:"id"`
	Message sallyport.MessageID      `path:"message"`
	Body    struct {
		Value int `json:"value" minimum:"-1" maximum:"1"`
	}
}

// goingOn is an answer that goes on after it.
type goingOn[T any] struct {
	Status int
	Body   T
}

func replyAccepted[T any](v T, err error) (*goingOn[T], error) {
	if err != nil {
		return nil, err
	}
	return &goingOn[T]{http.StatusAccepted, v}, nil
}

// sendBodyMax bounds a message with its files, in base64.
const sendBodyMax = 32 << 20

func acceptedOperation(id, action, path, summary string) huma.Operation {
	op := operation(id, action, http.MethodPost, path, summary)
	op.DefaultStatus = http.StatusAccepted
	op.Errors = append(op.Errors, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests)
	return op
}

// asked is the request of ctx, as the trail tells of it.
func asked(ctx context.Context, key string) chat.Asked {
	call := CallOf(ctx)
	return chat.Asked{RequestID: call.RequestID, Route: call.Route, Source: call.Source, Key: key}
}

// controlMessages: the answers themselves are calls, which the gateway records.
func (s *Server) controlMessages(api huma.API) {
	huma.Register(api, operation("listMessages", "conversations.messages", http.MethodGet, "/conversations/{id}/messages", "Read a page of a branch, from its end upwards"),
		func(ctx context.Context, in *messagesQuery) (*body[chat.MessagesPage], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (chat.MessagesPage, error) {
				return s.parts.Chats.Messages(ctx, p, in.ID, in.Leaf, in.Before, in.Limit)
			}))
		})
	send := acceptedOperation("sendMessage", "conversations.send", "/conversations/{id}/messages", "Say something; the answer goes on by itself")
	send.MaxBodyBytes = sendBodyMax
	huma.Register(api, send, func(ctx context.Context, in *sendRequest) (*goingOn[chat.Sent], error) {
		said := chat.Said{Parent: in.Body.Parent, Text: in.Body.Text, Model: in.Body.Model}
		for _, f := range in.Body.Attachments {
			said.Files = append(said.Files, chat.Upload{Name: f.Name, Data: f.Data})
		}
		return replyAccepted(attempt(s, ctx, func(p sallyport.Principal) (chat.Sent, error) {
			if len(said.Files) > 0 {
				if err := s.may(ctx, p, access.UploadFile); err != nil {
					return chat.Sent{}, err
				}
			}
			return s.parts.Chats.Send(ctx, p, in.ID, said, asked(ctx, in.Key))
		}))
	})
	huma.Register(api, acceptedOperation("regenerateMessage", "conversations.regenerate", "/conversations/{id}/messages/{message}/regenerate", "Ask for another answer beside this one"),
		func(ctx context.Context, in *regenerateRequest) (*goingOn[chat.Sent], error) {
			model := ""
			if in.Body != nil {
				model = in.Body.Model
			}
			return replyAccepted(attempt(s, ctx, func(p sallyport.Principal) (chat.Sent, error) {
				return s.parts.Chats.Regenerate(ctx, p, in.ID, in.Message, model, asked(ctx, in.Key))
			}))
		})
	huma.Register(api, acceptedOperation("continueMessage", "conversations.continue", "/conversations/{id}/messages/{message}/continue", "Ask for an answer that goes on from one that was stopped or cut"),
		func(ctx context.Context, in *continueRequest) (*goingOn[chat.Sent], error) {
			return replyAccepted(attempt(s, ctx, func(p sallyport.Principal) (chat.Sent, error) {
				return s.parts.Chats.Continue(ctx, p, in.ID, in.Message, asked(ctx, in.Key))
			}))
		})
	huma.Register(api, operation("stopMessage", "conversations.stop", http.MethodPost, "/conversations/{id}/messages/{message}/stop", "Stop an answer; what came of it stays"),
		func(ctx context.Context, in *messagePath) (*body[chat.Message], error) {
			return reply(attempt(s, ctx, func(p sallyport.Principal) (chat.Message, error) {
				return s.parts.Chats.StopAnswer(ctx, p, in.ID, in.Message)
			}))
		})
	huma.Register(api, operation("rateMessage", "conversations.rate", http.MethodPut, "/conversations/{id}/messages/{message}/rating", "Rate an answer"),
		func(ctx context.Context, in *ratingRequest) (*struct{}, error) {
			return attempt(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.parts.Chats.Rate(ctx, p, in.ID, in.Message, in.Body.Value)
			})
		})
}
