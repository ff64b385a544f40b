package server

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/policy"
)

// AuditStore keeps what is beside the trail's records; *store.DB is the real one.
type AuditStore interface {
	Tombstones(ctx context.Context, org sallyport.OrgID) ([]sallyport.Tombstone, error)
}

type auditPolicyView struct {
	RetentionDays int64                             `json:"retention_days" doc:"0: for ever"`
	Content       sallyport.ContentLevel            `json:"content" doc:"What is kept of what calls say: metadata (nothing), request, answer (both)"`
	ContentDays   int64                             `json:"content_days" doc:"0: as long as its record"`
	Actions       map[string]sallyport.ContentLevel `json:"actions,omitempty" doc:"Where calls of one action have a level of their own"`
	Readers       []sallyport.UserID                `json:"readers" doc:"Who may read kept content"`
	Hold          *holdView                         `json:"legal_hold,omitempty"`
}

type holdView struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitempty"`
}

type retentionRequest struct {
	Body struct {
		Days int64 `json:"days" minimum:"0" maximum:"36500" doc:"0: for ever"`
	}
}

type contentRequest struct {
	Action string `query:"action" doc:"Such as chat.completions; absent: all calls"`
	Body   struct {
		Level string `json:"level" enum:"metadata,request,answer"`
		Days  *int64 `json:"days,omitempty" minimum:"0" maximum:"36500" doc:"0: as long as its record; absent: as the operator says"`
	}
}

type actionQuery struct {
	Action string `query:"action" doc:"Such as chat.completions; absent: all calls"`
}

type readersRequest struct {
	Body struct {
		Users []sallyport.UserID `json:"users" maxItems:"1000" doc:"Ids of members, who replace those named before"`
	}
}

type holdRequest struct {
	Body struct {
		On     bool   `json:"on"`
		Reason string `json:"reason,omitempty" maxLength:"500" doc:"Not written into the trail"`
	}
}

// controlAuditPolicy decides for how long the trail is kept.
func (s *Server) controlAuditPolicy(api huma.API) {
	huma.Register(api, operation("getAuditPolicy", "audit.policy", http.MethodGet, "/audit/policy", "For how long the trail is kept, and what is kept of what calls say"),
		func(ctx context.Context, _ *struct{}) (*body[auditPolicyView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (auditPolicyView, error) { return s.auditPolicy(ctx, p.Org) }))
		})
	set := func(id, method, path, summary string) huma.Operation {
		return operation(id, "policies.set", method, "/audit/policy/"+path, summary)
	}
	huma.Register(api, set("setRetention", http.MethodPut, "retention", "Decide for how many days records are kept"),
		func(ctx context.Context, in *retentionRequest) (*struct{}, error) {
			return nil, s.setAudit(ctx, policy.AuditRetention, policy.Retention{Days: in.Body.Days})
		})
	huma.Register(api, set("resetRetention", http.MethodDelete, "retention", "Keep records as the operator says"),
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			return nil, s.setAudit(ctx, policy.AuditRetention, nil)
		})
	huma.Register(api, set("setContent", http.MethodPut, "content", "Decide what is kept of what calls say"),
		func(ctx context.Context, in *contentRequest) (*struct{}, error) {
			c := policy.Content{Level: sallyport.ContentLevel(in.Body.Level), Days: in.Body.Days}
			return nil, s.setAudit(ctx, policy.ContentSubject(in.Action), c)
		})
	huma.Register(api, set("resetContent", http.MethodDelete, "content", "Keep of what calls say what the operator says"),
		func(ctx context.Context, in *actionQuery) (*struct{}, error) {
			return nil, s.setAudit(ctx, policy.ContentSubject(in.Action), nil)
		})
	huma.Register(api, set("setContentReaders", http.MethodPut, "readers", "Decide who may read kept content"),
		func(ctx context.Context, in *readersRequest) (*struct{}, error) {
			return nil, s.setAudit(ctx, policy.AuditReaders, policy.Readers{Users: append([]sallyport.UserID{}, in.Body.Users...)})
		})
	huma.Register(api, operation("setLegalHold", "audit.hold", http.MethodPut, "/audit/hold", "Keep everything of the trail, or end that"),
		func(ctx context.Context, in *holdRequest) (*struct{}, error) {
			var hold any
			if in.Body.On {
				hold = policy.Hold{Since: s.parts.Now().UTC().Truncate(time.Second), Reason: in.Body.Reason}
			}
			return nil, s.setAudit(ctx, sallyport.LegalHold, hold)
		})
	huma.Register(api, operation("listTombstones", "audit.tombstones", http.MethodGet, "/audit/tombstones", "What retention has removed"),
		func(ctx context.Context, _ *struct{}) (*body[[]json.RawMessage], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]json.RawMessage, error) {
				stones, err := s.parts.Control.Tombstones(ctx, p.Org)
				views := make([]json.RawMessage, 0, len(stones))
				for _, stone := range stones {
					views = append(views, stone.Body)
				}
				return views, err
			}))
		})
}

func (s *Server) auditPolicy(ctx context.Context, org sallyport.OrgID) (auditPolicyView, error) {
	p, err := s.parts.Policies.Audit(ctx, org)
	if err != nil {
		return auditPolicyView{}, err
	}
	v := auditPolicyView{
		RetentionDays: p.Retention.Days, Content: p.Content.Level, Actions: p.Actions,
		Readers: append([]sallyport.UserID{}, p.Readers.Users...),
	}
	if p.Content.Days != nil {
		v.ContentDays = *p.Content.Days
	}
	if p.Hold != nil {
		v.Hold = &holdView{p.Hold.Since, p.Hold.Reason}
	}
	return v, nil
}

// setAudit decides on one subject; nil: the operator does.
func (s *Server) setAudit(ctx context.Context, subject string, decided any) error {
	_, err := change(s, ctx, func(p sallyport.Principal) (struct{}, error) {
		var stored []byte
		if decided != nil {
			var err error
			if stored, err = json.Marshal(decided); err != nil {
				return struct{}{}, err
			}
			if _, err := policy.ReadAudit(map[string][]byte{subject: stored}, policy.Audit{}); err != nil {
				return struct{}{}, sallyport.WrapError(sallyport.InvalidBody, err.Error(), err)
			}
		}
		if readers, named := decided.(policy.Readers); named {
			if err := s.checkMembers(ctx, p.Org, readers.Users); err != nil {
				return struct{}{}, err
			}
		}
		rec := s.event(ctx, "policy/audit/"+subject, json.RawMessage(policy.AuditChange(subject, stored)))
		return struct{}{}, s.parts.Control.SetPolicy(ctx, p.Org, sallyport.KindAudit, subject, stored, rec)
	})
	return err
}

// checkMembers refuses ids of nobody: a mistyped one would look like a right and be none.
func (s *Server) checkMembers(ctx context.Context, org sallyport.OrgID, users []sallyport.UserID) error {
	for _, user := range users {
		if err := s.checkSubject(ctx, org, "user", string(user)); err != nil {
			return err
		}
	}
	return nil
}
