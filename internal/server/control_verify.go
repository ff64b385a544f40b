package server

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
)

// VerificationStore keeps verifications that were asked for; *store.DB is the real
// one. audit.Verifications works on them.
type VerificationStore interface {
	// StartVerification is Conflict while another of the organisation has not ended.
	StartVerification(ctx context.Context, v sallyport.Verification, rec sallyport.Record) error
	Verifications(ctx context.Context, org sallyport.OrgID) ([]sallyport.Verification, error)
}

type verificationView struct {
	ID        string           `json:"id"`
	State     string           `json:"state" enum:"waiting,running,done"`
	UserID    sallyport.UserID `json:"user_id,omitempty"`
	CreatedAt time.Time        `json:"created_at"`
	EndedAt   *time.Time       `json:"ended_at,omitempty"`
	Records   int64            `json:"records" doc:"So many were read"`
	Head      int64            `json:"head" doc:"The number of the last record, while it is running"`
	Verdict   *audit.Verdict   `json:"verdict,omitempty" doc:"Once it is done"`
}

// controlVerify verifies trails in the background.
func (s *Server) controlVerify(api huma.API) {
	huma.Register(api, operation("verifyTrail", audit.ActionVerify, http.MethodPost, "/audit/verifications", "Begin to verify the trail, from its first record to its head"),
		func(ctx context.Context, _ *struct{}) (*body[verificationView], error) {
			return reply(attempt(s, ctx, func(p sallyport.Principal) (verificationView, error) {
				v := sallyport.Verification{Org: p.Org, ID: uuid.Must(uuid.NewV7()).String(), User: p.User, CreatedAt: s.parts.Now()}
				err := s.parts.Control.StartVerification(ctx, v, s.event(ctx, "verification/"+v.ID, nil))
				return viewVerification(v), err
			}))
		})
	huma.Register(api, operation("listVerifications", "audit.verifications", http.MethodGet, "/audit/verifications", "The last verifications of the trail, newest first"),
		func(ctx context.Context, _ *struct{}) (*body[[]verificationView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]verificationView, error) { return s.verifications(ctx, p.Org) }))
		})
}

func (s *Server) verifications(ctx context.Context, org sallyport.OrgID) ([]verificationView, error) {
	all, err := s.parts.Control.Verifications(ctx, org)
	views := make([]verificationView, 0, len(all))
	for _, v := range all {
		views = append(views, viewVerification(v))
	}
	return views, err
}

func viewVerification(v sallyport.Verification) verificationView {
	view := verificationView{
		ID: v.ID, State: "waiting", UserID: v.User, CreatedAt: v.CreatedAt.UTC(), EndedAt: timeOrNil(v.EndedAt),
		Records: v.Records, Head: v.Head,
	}
	var verdict audit.Verdict
	switch {
	case !v.EndedAt.IsZero() && json.Unmarshal(v.Verdict, &verdict) == nil:
		view.State, view.Verdict = "done", &verdict
	case v.Head > 0:
		view.State = "running"
	}
	return view
}
