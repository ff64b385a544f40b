package server

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/identity"
)

// PeopleStore keeps people's memberships and sessions; *store.DB is the real one.
type PeopleStore interface {
	Member(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) (sallyport.Membership, error)
	PasswordHash(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) (string, error)
	// Seats are where the password of the membership opens the same person's, too.
	Seats(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) ([]sallyport.Seat, error)
	Sessions(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) ([]sallyport.Session, error)
	EndSession(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.SessionID, rec sallyport.Record) error
	// ChangePassword changes it in all organisations where it was old, and ends
	// the sessions there.
	ChangePassword(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, old, hash string, rec func(sallyport.OrgID) sallyport.Record) error
}

type sessionView struct {
	User          personView      `json:"user"`
	Organisation  orgNameView     `json:"organisation"`
	Organisations []seatView      `json:"organisations" doc:"Those that the person may change to"`
	Role          sallyport.Role  `json:"role"`
	Groups        []groupNameView `json:"groups"`
	Actions       []string        `json:"actions" doc:"What the person may do, by the names that the audit trail uses"`
	CSRFToken     string          `json:"csrf_token" doc:"For the header X-Csrf-Token of every write"`
	ExpiresAt     time.Time       `json:"expires_at" doc:"Unless it is used before"`
}

type personView struct {
	ID    sallyport.UserID `json:"id"`
	Email string           `json:"email"`
	Name  string           `json:"name"`
}

type orgNameView struct {
	ID   sallyport.OrgID `json:"id"`
	Name string          `json:"name"`
}

type groupNameView struct {
	ID   sallyport.GroupID `json:"id"`
	Name string            `json:"name"`
}

type seatView struct {
	ID   sallyport.OrgID `json:"id"`
	Name string          `json:"name"`
	Role sallyport.Role  `json:"role"`
}

// sessionAnswer begins or ends a session in the browser.
type sessionAnswer struct {
	SetCookie string `header:"Set-Cookie"`
	Body      sessionView
}

type signedOut struct {
	SetCookie string `header:"Set-Cookie"`
}

type signInRequest struct {
	Body struct {
		Email    string `json:"email" minLength:"1" maxLength:"320"`
		Password string `json:"password" minLength:"1" maxLength:"1024"`
	}
}

type organisationChoice struct {
	Body struct {
		ID sallyport.OrgID `json:"id" minLength:"1" maxLength:"100"`
	}
}

// controlSession has signing in and out.
func (s *Server) controlSession(api huma.API) {
	huma.Register(api, ofAnybody(operation("signIn", "session.create", http.MethodPost, "/session", "Sign in; the answer sets the cookie of the session")),
		func(ctx context.Context, in *signInRequest) (*sessionAnswer, error) {
			return enter(s, ctx, func(e *entrance) (*sessionAnswer, error) {
				return s.signIn(ctx, e, in.Body.Email, in.Body.Password)
			})
		})
	huma.Register(api, ofPeople(operation("getSession", "session.get", http.MethodGet, "/session", "Who signed in, and what they may do")),
		func(ctx context.Context, _ *struct{}) (*body[sessionView], error) {
			return reply(look(s, ctx, func(sallyport.Principal) (sessionView, error) {
				return s.viewSession(ctx, visitOf(ctx).caller)
			}))
		})
	huma.Register(api, ofPeople(operation("switchOrganisation", "session.organisation", http.MethodPut, "/session/organisation", "Go on in another organisation, with a new session")),
		func(ctx context.Context, in *organisationChoice) (*sessionAnswer, error) {
			return change(s, ctx, func(sallyport.Principal) (*sessionAnswer, error) {
				return s.switchOrganisation(ctx, in.Body.ID)
			})
		})
	huma.Register(api, ofPeople(operation("signOut", "session.end", http.MethodDelete, "/session", "Sign out")),
		func(ctx context.Context, _ *struct{}) (*signedOut, error) {
			return change(s, ctx, func(p sallyport.Principal) (*signedOut, error) {
				err := s.parts.Control.EndSession(ctx, p.Org, p.User, p.Session, s.event(ctx, sessionResource(p.Session), nil))
				return &signedOut{visitOf(ctx).cookie("")}, err
			})
		})
}

func sessionResource(id sallyport.SessionID) string { return "session/" + string(id) }

func userResource(id sallyport.UserID) string { return "user/" + string(id) }

// entrance is a call that needs no right. What it finds out of whom it is about
// says which trail tells of a refusal: without an organisation the instance's.
type entrance struct {
	*sallyport.Call
	resource string
}

// enter runs an operation that needs no right and records when it is refused.
func enter[T any](s *Server, ctx context.Context, f func(e *entrance) (T, error)) (T, error) {
	e := &entrance{Call: CallOf(ctx)}
	var answer T
	err := s.survive(e.Call, func() (err error) {
		answer, err = f(e)
		return err
	})
	if err == nil {
		return answer, nil
	}
	if rerr := s.refuseEntrance(ctx, e, err); rerr != nil {
		err = rerr
	}
	var none T
	return none, controlError(err)
}

func (s *Server) refuseEntrance(ctx context.Context, e *entrance, err error) error {
	if e.Principal.Org == "" {
		return s.recordUnknown(ctx, e.Call, Status(err), err)
	}
	rec := s.parts.Audit.Refusal(e.Call, Status(err), err)
	rec.Resource = e.resource
	return s.record(ctx, e.Principal.Org, rec)
}

// signIn begins a session where the person was last.
func (s *Server) signIn(ctx context.Context, e *entrance, email, password string) (*sessionAnswer, error) {
	opened, known, err := s.parts.Door.Let(ctx, email, password, e.Source.IP)
	if err != nil {
		if len(known) > 0 { // whose administrators should hear of it
			e.Principal.Org, e.resource = known[0].Org, userResource(known[0].User.ID)
		}
		return nil, err
	}
	e.Principal = sallyport.Principal{Org: opened[0].Org, User: opened[0].User.ID, Role: opened[0].Role}
	return s.begin(ctx, e.Call)
}

// begin makes a session of call's principal, records it in call's name and tells
// the browser.
func (s *Server) begin(ctx context.Context, call *sallyport.Call) (*sessionAnswer, error) {
	p := &call.Principal
	_, token, err := s.parts.Sessions.Begin(ctx, p.Org, p.User, call.Source, func(id sallyport.SessionID) sallyport.Record {
		p.Session = id
		return s.parts.Audit.Change(call, sessionResource(id), nil)
	})
	if err != nil {
		return nil, err
	}
	principal, session, err := s.parts.Sessions.Authenticate(ctx, token)
	if err != nil {
		return nil, err
	}
	view, err := s.viewSession(ctx, caller{principal, session, token})
	return &sessionAnswer{visitOf(ctx).cookie(token), view}, err
}

// switchOrganisation begins a session in the other organisation and ends the
// present one, each told of in the trail of its own.
func (s *Server) switchOrganisation(ctx context.Context, to sallyport.OrgID) (*sessionAnswer, error) {
	from := visitOf(ctx).caller
	seats, err := s.parts.Control.Seats(ctx, from.Org, from.User)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(seats, func(seat sallyport.Seat) bool { return seat.Organisation.ID == to })
	if i < 0 {
		return nil, sallyport.NewError(sallyport.NotFound, "You are in no such organisation, or have another password there: sign out and sign in with that.")
	}
	there := *CallOf(ctx)
	there.Principal = sallyport.Principal{Org: to, User: from.User, Role: seats[i].Role}
	answer, err := s.begin(ctx, &there)
	if err != nil {
		return nil, err
	}
	return answer, s.parts.Control.EndSession(ctx, from.Org, from.User, from.Session, s.event(ctx, sessionResource(from.Session), nil))
}

func (s *Server) viewSession(ctx context.Context, who caller) (sessionView, error) {
	m, err := s.parts.Control.Member(ctx, who.Org, who.User)
	if err != nil {
		return sessionView{}, err
	}
	org, err := s.parts.Control.Org(ctx, who.Org)
	if err != nil {
		return sessionView{}, err
	}
	seats, err := s.parts.Control.Seats(ctx, who.Org, who.User)
	if err != nil {
		return sessionView{}, err
	}
	actions, err := s.actions(ctx, who.Principal)
	if err != nil {
		return sessionView{}, err
	}
	view := sessionView{
		User: personView{m.User.ID, m.User.Email, m.User.Name}, Organisation: orgNameView{org.ID, org.Name},
		Organisations: make([]seatView, 0, len(seats)), Role: who.Role, Groups: refs(who.Groups, nil),
		Actions: actions, CSRFToken: identity.CSRFToken(who.token), ExpiresAt: who.session.EndsAt().UTC(),
	}
	for _, seat := range seats {
		view.Organisations = append(view.Organisations, seatView{seat.Organisation.ID, seat.Organisation.Name, seat.Role})
	}
	return view, nil
}
