// Package provider calls the services that run models.
//
// A Provider takes a request in the inner language, writes it in its own
// dialect, and pushes the answer into a Sink piece by piece. What can go wrong
// has a closed list of codes (see Provider), because the stages above decide by
// the code whether the call may be tried elsewhere, whether it may have cost
// money, and what the client is told.
//
// Everything that a provider sends has a bound in size and time: it is outside
// input like any other.
//
// New is the list of provider types; package providertest has the contract
// suite and a fake provider.
package provider

import (
	"context"
	"net/netip"
	"time"

	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// Provider is one configured service. It is safe for concurrent use.
type Provider interface {
	// Do asks for target, the provider's name for the model, and pushes the
	// answer into out: one WholeEvent, or for a streamed request ChunkEvents
	// and, only after the provider's own success end, one DoneEvent.
	//
	// The Receipt tells what is known also when there is an error. Errors:
	//
	//   - *llm.UpstreamError: the provider answered that it failed, by its status;
	//   - *sallyport.Error with UpstreamError (it told a failure inside of a
	//     success; *llm.ToldFailure says what kind), UpstreamAuth (it refused our credential), UpstreamUnreachable
	//     (no connection: nothing was sent), UpstreamTimeout, UpstreamEmptyBody
	//     (also for a failure without a word), UpstreamInvalid (not what its API
	//     promises, or over a bound), UpstreamClosed (it ended before its end),
	//     UnsupportedField (the request cannot be said in its dialect);
	//   - what out returned, as it is: reading stops and the provider's work is
	//     cancelled;
	//   - ctx.Err(), wrapped, when ctx ended.
	Do(ctx context.Context, target string, req *llm.Request, out llm.Sink) (llm.Receipt, error)
}

// A TokenCounter is a Provider that can tell how many tokens a request has without
// answering it. Errors and the Receipt are those of Do.
type TokenCounter interface {
	// Counts says whether it can for requests of that dialect; CountTokens takes no others.
	Counts(dialect llm.Dialect) bool
	// CountTokens pushes one WholeEvent, whose Usage has the count as Input.
	CountTokens(ctx context.Context, target string, req *llm.Request, out llm.Sink) (llm.Receipt, error)
}

// Config is one provider as the operator or an administrator set it up.
type Config struct {
	Name string // in messages and the trail
	Type string // one of Types
	// BaseURL is the address up to and without "/chat/completions", "/messages",
	// "/models" (gemini, vertex) or "/model" (bedrock). Empty: the well-known address
	// of the type, if it has one.
	BaseURL string
	// APIKey is the credential. For vertex it is a bearer token or the JSON of a
	// service account's key; for bedrock a Bedrock API key, or the id of an access
	// key, its secret and, of a temporary one, its session token, with colons between.
	APIKey secret.Text
	// APIKeys are several keys of the service, used in turn, in place of APIKey.
	APIKeys []secret.Text
	// Region is where vertex and bedrock run: it tells their address, and bedrock
	// signs it. Empty: as BaseURL says.
	Region string
	// AuthHeader carries the key. Empty: "Authorization: Bearer" or what the
	// type uses. Another header carries the bare key.
	AuthHeader string
	Headers    map[string]string // sent with each request
	Query      map[string]string // added to each address, e.g. api-version
	// AllowPrivate permits addresses off the public internet and plain http.
	AllowPrivate bool
	// Private are networks that are permitted nevertheless.
	Private []netip.Prefix

	Connect   time.Duration // to make a connection; 0: 10 s
	FirstByte time.Duration // from sending to the first byte of the answer's body; 0: 300 s
	Idle      time.Duration // between two pieces of an answer; 0: 120 s

	Script string // path of the script, for type "offline"
}

// The bounds of time when a Config does not say.
const (
	connectDefault   = 10 * time.Second
	firstByteDefault = 300 * time.Second
	idleDefault      = 120 * time.Second
)

func (c Config) withDefaults() Config {
	if c.Connect <= 0 {
		c.Connect = connectDefault
	}
	if c.FirstByte <= 0 {
		c.FirstByte = firstByteDefault
	}
	if c.Idle <= 0 {
		c.Idle = idleDefault
	}
	return c
}
