package provider

import (
	"context"
	"errors"
	"mime"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// reader reads one answer of a provider in its dialect.
type reader interface {
	// whole reads a plain answer into e.
	whole(doc *llm.Document, e *llm.Event) error
	// event reads the data of one event of a stream into doc and e, which are
	// used again for the next. The success end is an e of the kind DoneEvent.
	event(name string, data []byte, doc *llm.Document, e *llm.Event) error
}

// ender is what a reader can be whose dialect has no mark of the success end, or one that
// services leave out: a stream that ends cleanly is complete when it says so.
type ender interface{ complete() bool }

// documenter is what a reader can be whose plain answers need not be JSON.
type documenter interface {
	document(body []byte) (*llm.Document, error)
}

// outgoing is a request as it leaves.
type outgoing struct {
	path    string            // below the base address, escaped; "": that of the client's calls
	query   string            // added to that of all addresses, encoded
	headers map[string]string // beside the client's own
	body    []byte
	stream  bool
	// events cuts a stream into its events. nil: they are server-sent events.
	events eventReader
}

// ask sends a request and pushes its answer, as Provider.Do promises. dialect is
// the one that it is in.
func (c *client) ask(ctx context.Context, dialect llm.Dialect, o outgoing, r reader, out llm.Sink) (llm.Receipt, error) {
	answer, receipt, err := c.post(ctx, o)
	var refused *llm.UpstreamError
	switch {
	case errors.As(err, &refused):
		refused.Dialect = dialect
		return receipt, err
	case err != nil:
		return receipt, err
	case !o.stream:
		defer answer.close()
		return receipt, answer.pushWhole(ctx, r, out)
	case answer.isPlain():
		// A failure told with a status of success, else nothing that can be used.
		defer answer.close()
		return receipt, answer.pushWhole(ctx, r, func(*llm.Event) error {
			return invalid("one whole answer where a stream was asked for", nil)
		})
	}
	if o.events == nil {
		o.events = readEvents
	}
	return receipt, answer.pushStream(ctx, o.events, r, out)
}

func (a *answer) isPlain() bool {
	kind, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

func (a *answer) pushWhole(ctx context.Context, r reader, out llm.Sink) error {
	body, err := a.whole(ctx)
	if err != nil {
		return err
	}
	doc, err := documentOf(body, r)
	if err != nil {
		return err
	}
	var event llm.Event
	if err := r.whole(doc, &event); err != nil {
		return err
	}
	return out(&event)
}

func documentOf(body []byte, r reader) (*llm.Document, error) {
	if own, can := r.(documenter); can {
		return own.document(body)
	}
	doc, err := llm.Parse(body)
	if err != nil {
		return nil, invalid("not JSON", err)
	}
	return doc, nil
}

// errStreamDone ends the reading of a stream at its success end.
var errStreamDone = errors.New("the stream is complete")

// pushStream pushes the events of a stream. The answer is closed before the
// success end is pushed: whoever gets it has the connection back.
func (a *answer) pushStream(ctx context.Context, read eventReader, r reader, out llm.Sink) error {
	var (
		doc   llm.Document
		event llm.Event
		done  *llm.Event
	)
	err := a.events(ctx, read, func(name string, data []byte) error {
		if err := r.event(name, data, &doc, &event); err != nil {
			return err
		}
		if event.Kind == llm.DoneEvent {
			done = event.Clone() // its bytes are the stream's, and the sink keeps it
			return errStreamDone
		}
		return out(&event)
	})
	last, unmarked := r.(ender)
	switch {
	case errors.Is(err, errStreamDone):
		a.release()
		return out(done)
	case err == nil && unmarked && last.complete():
		a.close() // at its end already: the connection is free
		return out(&llm.Event{Kind: llm.DoneEvent, Dialect: event.Dialect})
	case err == nil:
		err = sallyport.NewError(sallyport.UpstreamClosed, "The provider ended its answer before its end.")
	}
	a.close()
	return err
}

func parseEvent(data []byte, doc *llm.Document) error {
	if err := doc.Reset(data); err != nil {
		return invalid("an event that is not JSON", err)
	}
	return nil
}
