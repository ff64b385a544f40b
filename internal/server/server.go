// Package server is the HTTP face of the product. routes.go lists every route
// on one page; auth.go turns a key into a principal; one file per resource
// decodes, calls and encodes; errors.go is the one table from error codes to
// statuses and bodies.
//
// Every call to a /v1 route leaves one record in a trail before it is answered:
// of its organisation, or, when the caller is unknown, of the instance.
package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
	"github.com/sallyport-ai/sallyport/internal/agent"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/chat"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/policy"
	"github.com/sallyport-ai/sallyport/internal/provider"
)

// Server answers HTTP. Its fields are set once, by New.
type Server struct {
	parts     Parts
	terminal  *terminal
	unknown   *unknownCallers
	leftovers leftovers
	room      *room // for the bodies of /v1
	errands   *errands
	// turnsSizes are what is known of what is stored.
	turnsSizes turnsSizes
	draining   atomic.Bool
	underWay   sync.WaitGroup // requests
	// running is the context of all requests; cut ends it and says why.
	running context.Context
	cut     context.CancelCauseFunc
}

// Parts is what a Server is made of. All fields must be set.
type Parts struct {
	Keys     Authenticator
	Sessions Sessions
	Door     Door
	Invites  Invites
	Setup    Setup
	Gateway  *gateway.Gateway
	Journal  Journal
	Models   Models
	Agents   *agent.Agents
	Chats    *chat.Chats
	Policies Policies
	Limiter  gateway.Limiter
	Engine   *dlp.Engine
	Audit    audit.Builder
	Control  ControlStore
	KeyMaker KeyMaker
	Sealer   Sealer
	Requests Requests
	// Responses are what POST /v1/responses stores.
	Responses Responses
	// Threads are the conversations of OpenAI's API.
	Threads Threads
	// Files are what clients uploaded.
	Files  Files
	Prover Prover
	Sinks  Sinks
	// LiveTime is for how long one stream of what is new lasts: whoever asks again
	// shows that they still may.
	LiveTime time.Duration
	// System tells how the installation does.
	System func(ctx context.Context, org sallyport.OrgID) (SystemView, error)
	// FileModels and FileProviders say whether the operator's file defines the name.
	FileModels    func(id string) bool
	FileProviders func(name string) bool
	// Operators are the providers of the operator's file; Probe tries one of those
	// or of the organisations' own.
	Operators []OperatorProvider
	Probe     func(ctx context.Context, org sallyport.OrgID, name string) (provider.Probe, error)
	// Lists are what those providers say that they offer.
	Lists Lists
	// PrivateNetworks may be named by organisations besides the public internet.
	PrivateNetworks []netip.Prefix
	// Forget drops what this process keeps of the database, after a change.
	Forget func()
	Now    func() time.Time
	Log    *slog.Logger
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Version of the program, for the API description.
	Version string
}

// Authenticator turns an API key into who calls; *identity.Keys is the real one.
type Authenticator interface {
	// Authenticate returns Unauthorized for a key that opens nothing.
	Authenticate(ctx context.Context, plain string) (sallyport.Principal, error)
}

// Journal makes records durable and says whether it can.
type Journal interface {
	Commit(ctx context.Context, e journal.Entry) (journal.Result, error)
	// Healthy is AuditUnavailable while it cannot, as far as it knows.
	Healthy() error
}

// Policies are organisations' rules; *policy.Book is the real one.
type Policies interface {
	gateway.Policies
	LimitRules(ctx context.Context, org sallyport.OrgID) (policy.LimitRules, error)
	// Rights is what the organisation and its groups have decided.
	Rights(ctx context.Context, org sallyport.OrgID) (*access.Rights, error)
	// GroupDLP returns the DLP policies of the groups that have one.
	GroupDLP(ctx context.Context, org sallyport.OrgID) (map[sallyport.GroupID]dlp.Policy, error)
}

// Models is the catalogue as an organisation may see it.
type Models interface {
	// Models are those that the organisation may use, All those switched off too.
	Models(ctx context.Context, org sallyport.OrgID) ([]sallyport.Model, error)
	All(ctx context.Context, org sallyport.OrgID) ([]sallyport.Model, error)
	Model(ctx context.Context, org sallyport.OrgID, id string) (sallyport.Model, error)
}

// New returns a Server.
func New(parts Parts) *Server {
	running, cut := context.WithCancelCause(context.Background())
	return &Server{
		parts: parts, terminal: newTerminal(), unknown: newUnknownCallers(parts.Now), room: newRoom(roomMax),
		errands: newErrands(),
		running: running, cut: cut,
	}
}

// Drain makes the readiness probe fail, so that a balancer sends no more calls,
// while those under way and those that still arrive are served.
func (s *Server) Drain() { s.draining.Store(true) }

// stoppedRetry is when a client may try again whose call was cut by a stop.
const stoppedRetry = time.Second

// Cut ends every call under way: a stream with a typed error, a plain answer
// with 503, a response in the background as failed. Each still records how it ended; Wait waits for that.
func (s *Server) Cut() {
	s.cut(stopping())
}

func stopping() error {
	reason := sallyport.NewError(sallyport.ServerStopping, "The server is stopping. Try again.")
	reason.RetryAfter = stoppedRetry
	return reason
}

// Wait returns when no request is under way any more, nor a response in the background, or when ctx ends: a call
// whose connection was cut still has to record how it ended. No listener may
// take new ones.
func (s *Server) Wait(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		s.underWay.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for calls that were cut: %w", ctx.Err())
	}
}

// Limits of a connection. A client that is slower loses it.
const (
	headerTime  = 10 * time.Second
	headerBytes = 64 << 10
	bodyTime    = 60 * time.Second
	idleTime    = 120 * time.Second
	stallTime   = 60 * time.Second // for one write to be taken by the client
)

// HTTP returns the http.Server for one listener; every route is on every one.
func (s *Server) HTTP() *http.Server {
	return &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerTime,
		MaxHeaderBytes:    headerBytes,
		IdleTimeout:       idleTime,
		BaseContext:       func(net.Listener) context.Context { return s.running },
		ErrorLog:          slog.NewLogLogger(s.parts.Log.Handler(), slog.LevelDebug),
	}
}
