package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/policy"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// The control plane is our own API, /api/v1. Its description, made from the
// types below, is served at /openapi.json; clients are generated from it.
// Reading is recorded before it is answered; a change and its record are one
// transaction of the store.

// ControlStore is what the control plane reads and changes; *store.DB is the real one.
type ControlStore interface {
	Org(ctx context.Context, id sallyport.OrgID) (sallyport.Organisation, error)
	Members(ctx context.Context, org sallyport.OrgID) ([]sallyport.Membership, error)
	ModelNameStore
	PeopleStore
	UserStore
	InviteStore
	Keys(ctx context.Context, org sallyport.OrgID) ([]sallyport.Key, error)
	RevokeKey(ctx context.Context, org sallyport.OrgID, id sallyport.KeyID, at time.Time, rec sallyport.Record) error
	Grant(ctx context.Context, org sallyport.OrgID, amount sallyport.Credits, note string, rec sallyport.Record) (sallyport.Credits, error)
	Balance(ctx context.Context, org sallyport.OrgID) (balance, held sallyport.Credits, err error)
	Ledger(ctx context.Context, org sallyport.OrgID, after int64, limit int) ([]sallyport.LedgerEntry, error)
	SetModelAccess(ctx context.Context, org sallyport.OrgID, model string, enabled bool, rec sallyport.Record) error
	ModelChoices(ctx context.Context, org sallyport.OrgID) (sallyport.ModelChoices, error)
	SetNewModels(ctx context.Context, org sallyport.OrgID, off bool, seen map[string]bool, rec sallyport.Record) error
	SetDefaultModel(ctx context.Context, org sallyport.OrgID, model string, rec sallyport.Record) error
	SaveProvider(ctx context.Context, p sallyport.ProviderSettings, rec sallyport.Record) error
	Providers(ctx context.Context, org sallyport.OrgID) ([]sallyport.ProviderSettings, error)
	DeleteProvider(ctx context.Context, org sallyport.OrgID, name string, rec sallyport.Record) error
	SaveModel(ctx context.Context, org sallyport.OrgID, m sallyport.Model, rec sallyport.Record) error
	DeleteModel(ctx context.Context, org sallyport.OrgID, id string, rec sallyport.Record) error
	SetPolicy(ctx context.Context, org sallyport.OrgID, kind, subject string, body []byte, rec sallyport.Record) error
	RecordStore
	VerificationStore
	SearchStore
	UsageStore
	BudgetStore
	GroupStore
	RightsStore
	LimitStore
	PolicyStore
	AuditStore
	ContentStore
}

// KeyMaker makes API keys; *identity.Keys is the real one.
type KeyMaker interface {
	CreateBound(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, name string, expires time.Time,
		bounds sallyport.KeyBounds, rec sallyport.Record) (sallyport.Key, string, error)
}

// Sealer seals the credentials of an organisation's own providers and answers
// that are kept, and hashes what they answer; *secret.Ring is the real one.
type Sealer interface {
	Seal(ctx context.Context, org sallyport.OrgID, purpose secret.Purpose, plaintext, associated []byte) ([]byte, error)
	Unseal(ctx context.Context, org sallyport.OrgID, purpose secret.Purpose, sealed, associated []byte) ([]byte, error)
	MAC(ctx context.Context, org sallyport.OrgID, purpose secret.Purpose, data []byte) ([]byte, error)
	// VerifyMAC returns secret.ErrMAC when mac does not belong to data.
	VerifyMAC(ctx context.Context, org sallyport.OrgID, purpose secret.Purpose, mac, data []byte) error
}

// control registers the control plane on mux and returns its description.
func (s *Server) control(mux humago.Mux) *huma.OpenAPI {
	cfg := huma.DefaultConfig("Sallyport control plane", s.parts.Version)
	cfg.OpenAPIPath = "/openapi"
	cfg.CreateHooks = nil // no $schema member in answers
	cfg.DocsPath = ""     // no page that loads scripts from elsewhere
	cfg.SchemasPath = ""  // the description has them all; a route for each would need no key
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key":    {Type: "http", Scheme: "bearer"},
		"header": {Type: "apiKey", In: "header", Name: "x-api-key"},
		"cookie": {Type: "apiKey", In: "cookie", Name: sessionCookie},
	}
	cfg.Security = []map[string][]string{{"key": {}}, {"header": {}}, {"cookie": {}}}
	api := humago.New(mux, cfg)
	api.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) { s.guard(api, ctx, next) })
	s.controlIdentity(api)
	s.controlSession(api)
	s.controlSessions(api)
	s.controlPassword(api)
	s.controlUsers(api)
	s.controlInvites(api)
	s.controlSetup(api)
	s.controlKeys(api)
	s.controlModels(api)
	s.controlCredits(api)
	s.controlUsage(api)
	s.controlBudgets(api)
	s.controlGroups(api)
	s.controlRights(api)
	s.controlPolicies(api)
	s.controlLimits(api)
	s.controlDLP(api)
	s.controlAudit(api)
	s.controlRecord(api)
	s.controlLive(api)
	s.controlVerify(api)
	s.controlSearches(api)
	s.controlSinks(api)
	s.controlSystem(api)
	s.controlAuditPolicy(api)
	s.controlContent(api)
	s.controlAgents(api)
	s.controlRuns(api)
	s.controlConversations(api)
	s.controlMessages(api)
	s.controlEvents(api)
	s.controlShares(api)
	s.controlFiles(api)
	return api.OpenAPI()
}

// Operations that are no matter of rights: those for people who signed in, and
// those for anybody.
const (
	sessionOnly = "sessionOnly"
	openToAll   = "openToAll"
)

// auditAction is the name of an operation's action in policies.cedar and in the
// trail; the command line writes the same names.
const auditAction = "action"

// operation describes one operation of the control plane. Who may call it is decided
// by its action, in internal/access/policies.cedar.
func operation(id, action, method, path, summary string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: controlPath + path, Summary: summary,
		MaxBodyBytes: controlBodyMax,
		Metadata:     map[string]any{auditAction: action},
		Errors:       []int{400, 401, 403, 404, 409, 422, 503},
	}
}

// controlPath is where the control plane is.
const controlPath = "/api/v1"

// ofPeople is an operation that only a person who signed in may call.
func ofPeople(op huma.Operation) huma.Operation {
	op.Metadata[sessionOnly] = true
	op.Security = []map[string][]string{{"cookie": {}}}
	return op
}

// ofAnybody is an operation that needs no right.
func ofAnybody(op huma.Operation) huma.Operation {
	op.Metadata[openToAll] = true
	op.Security = []map[string][]string{{}}
	op.Errors = append(op.Errors, http.StatusTooManyRequests)
	return op
}

// is says whether the operation's metadata have it.
func is(op *huma.Operation, what string) bool {
	yes, _ := op.Metadata[what].(bool)
	return yes
}

// controlBodyMax bounds a body of the control plane.
const controlBodyMax = 4 << 20

// guard stands before every operation: it finds the caller, checks the right,
// and records what is refused.
func (s *Server) guard(api huma.API, ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	op := ctx.Operation()
	action, _ := op.Metadata[auditAction].(string)
	if is(op, openToAll) {
		s.guardOpen(ctx, action, next)
		return
	}
	who, err := s.authenticate(r)
	if err != nil {
		s.refuseUnknown(w, r, flatSurface, err)
		return
	}
	q := &request{Request: r, principal: who.Principal, call: s.newCall(w, r, who.Principal, action)}
	if err = who.meant(r); err == nil {
		err = s.may(r.Context(), who.Principal, action)
	}
	if err == nil && is(op, sessionOnly) && who.Session == "" {
		err = sallyport.NewError(sallyport.Forbidden, "this needs a person who signed in, and no API key")
	}
	if err != nil {
		flatSurface.refuseUnread(w, r, s.refuse(q, err))
		return
	}
	q.call.Success = op.DefaultStatus
	inner := withCaller(withCall(ctx.Context(), &q.call.Call), visit{caller: who, secure: s.secure(r)})
	inner = context.WithValue(inner, requestKey{}, q)
	inner = context.WithValue(inner, refusalKey{}, func(status int, err error) error {
		return s.record(r.Context(), who.Org, s.parts.Audit.Refusal(&q.call.Call, status, err))
	})
	next(huma.WithContext(ctx, inner))
}

// guardOpen stands before an operation that needs no right. What is refused is
// told in the instance's trail.
func (s *Server) guardOpen(ctx huma.Context, action string, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	if err := sameOrigin(r); err != nil {
		s.refuseUnknown(w, r, flatSurface, err)
		return
	}
	call := &s.newCall(w, r, sallyport.Principal{}, action).Call
	call.Success = ctx.Operation().DefaultStatus
	inner := withCaller(withCall(ctx.Context(), call), visit{secure: s.secure(r)})
	inner = context.WithValue(inner, refusalKey{}, func(status int, err error) error {
		return s.recordUnknown(r.Context(), call, status, err)
	})
	next(huma.WithContext(ctx, inner))
}

// requestKey finds the request that an operation answers, for what is more than
// decode, call, encode.
type requestKey struct{}

// refusalKey finds what records a request that huma itself refuses.
type refusalKey struct{}

// change runs a changing operation: f makes the change and its record in one
// transaction. What this process keeps of the database is dropped at once;
// other processes notice within moments.
func change[T any](s *Server, ctx context.Context, f func(p sallyport.Principal) (T, error)) (T, error) {
	answer, err := attempt(s, ctx, f)
	if err == nil {
		s.parts.Forget()
	}
	return answer, err
}

// look runs a reading operation and records it before it is answered.
func look[T any](s *Server, ctx context.Context, f func(p sallyport.Principal) (T, error)) (T, error) {
	call := CallOf(ctx)
	answer, err := attempt(s, ctx, f)
	if err != nil {
		return answer, err
	}
	if err := s.record(ctx, call.Principal.Org, s.parts.Audit.Read(call, call.Success)); err != nil {
		var none T
		return none, controlError(err)
	}
	return answer, nil
}

// attempt runs f for the caller and records when it is refused.
func attempt[T any](s *Server, ctx context.Context, f func(p sallyport.Principal) (T, error)) (T, error) {
	call := CallOf(ctx)
	var answer T
	err := s.survive(call, func() (err error) {
		answer, err = f(call.Principal)
		return err
	})
	if err == nil {
		return answer, nil
	}
	var none T
	if rerr := s.record(ctx, call.Principal.Org, s.parts.Audit.Refusal(call, Status(err), err)); rerr != nil {
		err = rerr
	}
	return none, controlError(err)
}

// controlError gives an error the flat shape in which huma answers it.
func controlError(err error) *flatStatusError {
	e, m := outside(err)
	return &flatStatusError{status: m.status, retryAfter: e.RetryAfter, Err: m.label, Message: e.Message, Fields: policy.FieldsOf(err)}
}

// flatStatusError is the body of every error of the control plane.
type flatStatusError struct {
	status     int
	retryAfter time.Duration
	replayed   bool     // it is the answer to an earlier request
	Err        string   `json:"error"`
	Message    string   `json:"message"`
	Fields     []string `json:"fields,omitempty"` // what is wrong with the request, one by one
}

// GetHeaders implements huma.HeadersError.
func (e *flatStatusError) GetHeaders() http.Header {
	headers := make(http.Header)
	if e.retryAfter > 0 {
		headers.Set("Retry-After", retrySeconds(e.retryAfter))
	}
	if e.replayed {
		headers.Set("Idempotent-Replayed", "true")
	}
	return headers
}

func (e *flatStatusError) Error() string  { return e.Message }
func (e *flatStatusError) GetStatus() int { return e.status }

func init() {
	// huma has one hook for the shape of errors that it finds itself.
	huma.NewError = invalidRequest
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		if refuse, ours := ctx.Context().Value(refusalKey{}).(func(int, error) error); ours {
			if err := refuse(status, sallyport.NewError(codeOfStatus(status), message)); err != nil {
				return controlError(err)
			}
		}
		return invalidRequest(status, message, errs...)
	}
}

// invalidRequest tells what is wrong with a request, and never the value: it
// may be a credential.
func invalidRequest(status int, message string, errs ...error) huma.StatusError {
	e := &flatStatusError{status: status, Err: http.StatusText(status), Message: message}
	for _, err := range errs {
		var detail *huma.ErrorDetail
		switch {
		case errors.As(err, &detail):
			e.Fields = append(e.Fields, detail.Message+" ("+detail.Location+")")
		case err != nil:
			e.Fields = append(e.Fields, err.Error())
		}
	}
	return e
}

// codeOfStatus is the code for a status that huma chose.
func codeOfStatus(status int) sallyport.Code {
	switch {
	case status == http.StatusRequestEntityTooLarge:
		return sallyport.BodyTooLarge
	case status >= http.StatusInternalServerError:
		return sallyport.Internal
	}
	return sallyport.InvalidBody
}

// event builds the record of a change.
func (s *Server) event(ctx context.Context, resource string, what any) sallyport.Record {
	return s.parts.Audit.Change(CallOf(ctx), resource, what)
}

// body is the wrapper that huma wants around an answer.
type body[T any] struct{ Body T }

func reply[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return &body[T]{v}, nil
}
