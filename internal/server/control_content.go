package server

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// ContentStore keeps what calls say, where an organisation wants that; *store.DB
// is the real one.
type ContentStore interface {
	// LookAtContent returns what is kept of a call, or of the call that record seq
	// tells of, with that record, and appends rec, which tells who looked.
	LookAtContent(ctx context.Context, org sallyport.OrgID, call sallyport.CallID, seq int64, rec sallyport.Record) (sallyport.Content, sallyport.StoredRecord, error)
	audit.ErasureStore
}

type contentPath struct {
	Call string `path:"call" doc:"A call's id, or the number of the record of its outcome"`
}

type contentView struct {
	CallID  sallyport.CallID  `json:"call_id"`
	Seq     int64             `json:"seq" doc:"Of the record that the content is bound to"`
	UserID  sallyport.UserID  `json:"user_id"`
	At      time.Time         `json:"at"`
	Request audit.KeptRequest `json:"request"`
	Answer  *audit.KeptAnswer `json:"answer,omitempty"`
}

type eraseRequest struct {
	Body struct {
		What   string           `json:"what" enum:"content,addresses,conversations,files"`
		Call   sallyport.CallID `json:"call_id,omitempty"`
		User   sallyport.UserID `json:"user_id,omitempty" doc:"Who made the calls, or whose the conversations are"`
		Before time.Time        `json:"before,omitzero" doc:"Only what happened before; conversations that were last written in before"`
	}
}

type erasedView struct {
	Erased int64 `json:"erased" doc:"Of conversations: how many messages"`
	More   bool  `json:"more" doc:"There is more to erase: ask again"`
}

// eraseSteps bounds how much one request erases: 10,000 contents or
// messages, or the addresses of 50,000 records.
const eraseSteps = 100

// controlContent reads what is kept of calls, and erases.
func (s *Server) controlContent(api huma.API) {
	// Who may read content is no matter of roles.
	huma.Register(api, operation("getContent", "audit.content", http.MethodGet, "/audit/content/{call}", "Read what is kept of a call; for those whom an administrator has named"),
		func(ctx context.Context, in *contentPath) (*body[contentView], error) {
			return reply(attempt(s, ctx, func(p sallyport.Principal) (contentView, error) { return s.content(ctx, p, in.Call) }))
		})
	huma.Register(api, operation("erase", "audit.erase", http.MethodPost, "/audit/erasures", "Erase content, or addresses and user agents, of a call, of a user, or before a time; or conversations or files of a user or before a time"),
		func(ctx context.Context, in *eraseRequest) (*body[erasedView], error) {
			return reply(attempt(s, ctx, func(p sallyport.Principal) (erasedView, error) {
				f := sallyport.Erasure{Call: in.Body.Call, User: in.Body.User, Before: in.Body.Before}
				erased, more, err := audit.Erase(ctx, s.parts.Control, p.Org, in.Body.What, f, eraseSteps,
					func(change any) sallyport.Record { return s.event(ctx, in.Body.What, change) })
				return erasedView{erased, more}, err
			}))
		})
}

// content reads what is kept of a call. That the caller looked is in the trail
// before anything is answered.
func (s *Server) content(ctx context.Context, p sallyport.Principal, call string) (contentView, error) {
	rules, err := s.parts.Policies.Audit(ctx, p.Org)
	if err != nil {
		return contentView{}, err
	}
	if p.User == "" || !slices.Contains(rules.Readers.Users, p.User) {
		return contentView{}, sallyport.NewError(sallyport.Forbidden, "this needs the right to read content, which an administrator gives (PUT /api/v1/audit/policy/readers)")
	}
	seq, _ := strconv.ParseInt(call, 10, 64) // 0: it is an id
	c, record, err := s.parts.Control.LookAtContent(ctx, p.Org, sallyport.CallID(call), seq, s.event(ctx, "", nil))
	if err != nil {
		return contentView{}, err
	}
	kept, err := audit.OpenContent(c, record.Body, func(sealed, associated []byte) ([]byte, error) {
		return s.parts.Sealer.Unseal(ctx, p.Org, secret.Content, sealed, associated)
	})
	return contentView{c.Call, c.Seq, c.User, c.At, kept.Request, kept.Answer}, err
}
