// Package gateway is the one road to a model. Whatever makes a call (a program,
// a person's chat, a step of an agent) hands it to Do, and Do is a list of
// stages that stands below on one screen. There is no second way to a provider.
//
// A stage is "before; err := next(ctx, call, out); after": both halves of a
// concern in one function, also when the client hangs up half-way. What a stage
// learns goes into a named field of the call. A stage that cannot do its work
// refuses the call. The answer is pushed: the provider's events pass back
// through the stages' sinks to the client.
//
// A refused call leaves one record, a served call two; the second one, with the
// settlement, is durable before the client sees the end of the answer.
package gateway

import (
	"context"
	"log/slog"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/limit"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/policy"
	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// Gateway carries calls. It is safe for concurrent use.
type Gateway struct {
	parts   Parts
	handler Handler
	health  health
}

// Parts is what a Gateway is made of. All fields but Observer and Present must be set.
type Parts struct {
	Journal   Journal
	Models    Models
	Providers Providers
	Policies  Policies
	Limiter   Limiter
	Keys      Keyring
	Audit     audit.Builder
	// HoldOutput is how many output tokens are held for a call that names no
	// bound of its own.
	HoldOutput int64
	// Routing bounds how a call is tried again; the zero value is the defaults.
	Routing Routing
	// Status tells the HTTP status that a client sees for an error; it is the
	// server's table, here because the trail notes the status too.
	Status func(error) int
	Now    func() time.Time
	Log    *slog.Logger
	// Observer is told of every call; nil: nobody is.
	Observer Observer
	// Present ends the calls of who is gone; nil: they go on. *identity.Present is the real one.
	Present Present
}

// Present knows who is gone: whose key was revoked, or who is no active member.
type Present interface {
	// Enter notes a call until leave. The context that it returns ends, with a
	// *sallyport.Error as its cause, when the principal is gone.
	Enter(ctx context.Context, p sallyport.Principal) (_ context.Context, leave func())
}

// Journal makes entries durable; *journal.Journal is the real one.
type Journal interface {
	// Commit returns when the entry is durable.
	Commit(ctx context.Context, e journal.Entry) (journal.Result, error)
	// CommitOutcome is Commit for an outcome, which is tried again when it fails.
	CommitOutcome(ctx context.Context, e journal.Entry) error
}

// Models is the catalogue as one organisation may see it.
type Models interface {
	// Model returns ModelNotFound for an unknown name and ModelAccessDenied
	// for one that is switched off.
	Model(ctx context.Context, org sallyport.OrgID, id string) (sallyport.Model, error)
}

// Providers finds who serves a model.
type Providers interface {
	Provider(ctx context.Context, org sallyport.OrgID, name string) (provider.Provider, error)
}

// Policies are an organisation's rules, as they are now.
type Policies interface {
	// Caller is the principal with what its groups and its organisation have decided.
	Caller(ctx context.Context, p sallyport.Principal) (access.Caller, error)
	// DLP returns the policy that org has decided for calls to the model, and
	// DLPFor the one that binds the principal's: that of its groups too, and the
	// strictest of several models.
	DLP(ctx context.Context, org sallyport.OrgID, m sallyport.Model) (*dlp.Plan, error)
	DLPFor(ctx context.Context, p sallyport.Principal, models ...sallyport.Model) (*dlp.Plan, error)
	// Limits returns the buckets that bind the principal.
	Limits(ctx context.Context, p sallyport.Principal) ([]limit.Bucket, error)
	// ModelLimits returns those that bind all calls of org to the model.
	ModelLimits(ctx context.Context, org sallyport.OrgID, model string) ([]limit.Bucket, error)
	// Audit returns what binds the trail of org.
	Audit(ctx context.Context, org sallyport.OrgID) (policy.Audit, error)
}

// Keyring makes an organisation's keyed hashes and seals; *secret.Ring is the real one.
type Keyring interface {
	Sealer(ctx context.Context, org sallyport.OrgID, purpose secret.Purpose) (func(plaintext, associated []byte) ([]byte, error), error)
	MACer(ctx context.Context, org sallyport.OrgID, purpose secret.Purpose) (func(data []byte) ([]byte, error), error)
}

// Handler carries a call on from one stage.
type Handler func(ctx context.Context, call *Call, out llm.Sink) error

// Stage is one concern on the road of a call.
type Stage struct {
	Name string
	// Reason says why the stage stands where it stands.
	Reason string
	wrap   func(g *Gateway, next Handler) Handler
}

// Stages is the road of every call, in its order.
func Stages() []Stage {
	return []Stage{
		{"record", "first in, last out: whatever happens to a call, one record of it is durable before the end of the answer", (*Gateway).record},
		{"resolve", "later stages need to know which model is meant and whether the caller may use it", (*Gateway).resolve},
		{"limit", "cheap, and before anything that costs: a flood ends here", (*Gateway).limit},
		{"once", "behind limit, for a repeat is a request too; before all that judges, prices or sends: a repeat does none of it", (*Gateway).once},
		{"screen", "before admit, so that a blocked call holds no credits; outside of dispatch, so that every answer passes it", (*Gateway).screen},
		{"admit", "last before the provider: intent and hold are durable before the first byte leaves", (*Gateway).admit},
		{"dispatch", "the candidates themselves, one after the other until one has begun to answer, and nothing after it", (*Gateway).dispatch},
	}
}

// New returns a Gateway whose road is Stages.
func New(parts Parts) *Gateway {
	if parts.Observer == nil {
		parts.Observer = unobserved{}
	}
	parts.Routing = parts.Routing.withDefaults()
	g := &Gateway{parts: parts, health: health{routing: parts.Routing}}
	stages := Stages()
	for i := len(stages) - 1; i >= 0; i-- {
		g.handler = stages[i].wrap(g, g.handler)
	}
	return g
}

// Do carries the call to its model and pushes the answer to out. When it
// returns nil, out has had the whole answer with its end. When it returns an
// error the end has not been sent: the error is a *sallyport.Error, and one
// that wraps a *llm.UpstreamError when the provider's own words are to be
// passed on. In both cases the call is in the trail, unless the error's code is
// AuditUnavailable.
func (g *Gateway) Do(ctx context.Context, call *Call, out llm.Sink) error {
	ctx = g.parts.Observer.Begin(ctx, &call.Call)
	if g.parts.Present != nil {
		present, leave := g.parts.Present.Enter(ctx, call.Principal)
		defer leave()
		ctx = present
	}
	err := g.handler(ctx, call, out)
	g.ended(ctx, call, err)
	return err
}

// Refuse records a call that its surface could not even decode, and returns
// err, or AuditUnavailable when the refusal could not be recorded.
func (g *Gateway) Refuse(ctx context.Context, call *Call, err error) error {
	err = g.record(func(context.Context, *Call, llm.Sink) error { return err })(ctx, call, nil)
	g.ended(ctx, call, err)
	return err
}

// afterTime bounds the work that goes on when the client has left.
const afterTime = 30 * time.Second

// detached returns a context for work that must finish although the client left.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), afterTime)
}
