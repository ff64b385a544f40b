package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
)

// SetupRoute stands in the records of what a set-up makes.
const SetupRoute = "POST " + controlPath + "/setup"

// Setup sets up an installation that has no person yet.
type Setup interface {
	// Needed says whether there is no person at all.
	Needed(ctx context.Context) (bool, error)
	// Make makes the organisation and its administrator. It is NotFound when
	// somebody was there before, and when the token is wrong.
	Make(ctx context.Context, in sallyport.FirstSetup) (sallyport.Membership, error)
}

type setupView struct {
	Needed bool `json:"needed"`
}

type setupRequest struct {
	Body struct {
		Token        string `json:"token" minLength:"1" maxLength:"200" doc:"The one that the server printed when it started"`
		Organisation string `json:"organisation" minLength:"1" maxLength:"100"`
		Name         string `json:"name" minLength:"1" maxLength:"100"`
		Email        string `json:"email" minLength:"3" maxLength:"320"`
		Password     string `json:"password" minLength:"1" maxLength:"1024"`
	}
}

// controlSetup has the first start by the browser. Whether it is needed is told
// to anybody, and tells nothing about anyone.
func (s *Server) controlSetup(api huma.API) {
	huma.Register(api, ofAnybody(operation("getSetup", "setup.get", http.MethodGet, "/setup", "Whether the installation has to be set up")),
		func(ctx context.Context, _ *struct{}) (*body[setupView], error) {
			return reply(enter(s, ctx, func(*entrance) (setupView, error) {
				needed, err := s.parts.Setup.Needed(ctx)
				return setupView{needed}, err
			}))
		})
	huma.Register(api, ofAnybody(operation("setUp", "setup.create", http.MethodPost, "/setup", "Make the organisation and its administrator, and sign in")),
		func(ctx context.Context, in *setupRequest) (*sessionAnswer, error) {
			return enter(s, ctx, func(e *entrance) (*sessionAnswer, error) { return s.setUp(ctx, e, in) })
		})
}

func (s *Server) setUp(ctx context.Context, e *entrance, in *setupRequest) (*sessionAnswer, error) {
	b := in.Body
	m, err := s.parts.Setup.Make(ctx, sallyport.FirstSetup{
		Token: b.Token, Organisation: b.Organisation, Name: b.Name, Email: b.Email, Password: b.Password,
	})
	if err != nil {
		return nil, err
	}
	s.parts.Forget()
	e.Principal, e.Action = sallyport.Principal{Org: m.Org, User: m.User.ID, Role: m.Role}, "session.create"
	return s.begin(ctx, e.Call)
}
