package gateway

import (
	"context"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Call is one call on its road: the facts that the trail tells, and the request itself.
type Call struct {
	sallyport.Call

	// Request is what the client asked, decoded. Set by the surface.
	Request *llm.Request
	// Opened, unless nil, is called as soon as the intent is durable: from then on
	// the call has an outcome. Its error ends the call before a provider is asked.
	// Set by the surface.
	Opened func(ctx context.Context) error
	// Once is set by the surface when the client sent an Idempotency-Key, else nil.
	Once Once
	// Unready, unless nil, is why the request cannot be made as it is, such as a file
	// that it names and that is gone, or no room for what is to be stored: what it
	// repeats is replayed, and else the call is refused with it. Set by the surface,
	// with Once.
	Unready error

	candidates []sallyport.Model // resolve: who may serve it, in their order
	bound      sallyport.Usage   // limit: the most it can use
	changed    int64             // screen: bytes of the body after it was changed; 0: it was not
	opened     *journal.Open     // admit: what the journal has opened it with
	kept       *kept             // screen: what is kept of its content; nil: nothing
	begun      bool              // record: the client has seen a part of the answer
	recorded   bool              // admit, record: the last record of it is in the trail already
	sent       bool              // dispatch: a provider may have begun to work
	owed       []fruitless       // dispatch: the last try, if it failed and may be charged for
	lost       []fruitless       // dispatch: the same, of tries that others followed
	answered   int64             // dispatch: bytes of answer text that the provider produced
	finished   bool              // dispatch: the provider has said how a choice ends
	usageFinal bool              // dispatch: the usage was told then or later
	// dispatch: that half of the usage, or a part of it, was told as what is no number of tokens.
	inputUntold, outputUntold bool
}

// NewCallID returns a fresh id; ids sort by time.
func NewCallID() sallyport.CallID {
	return sallyport.CallID(uuid.Must(uuid.NewV7()).String())
}
