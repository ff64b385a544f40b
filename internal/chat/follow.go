package chat

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport"
)

// Event is one thing that a reader of an answer is told. Its number is the place
// in the log that it reaches to.
type Event struct {
	Seq     int64
	Delta   string // of text or reasoning
	Kind    string // TextEvent, ReasoningEvent, ToolEvent or MessageEvent
	Tool    *ToolState
	Message *Message // the last event: the state is final
}

// The kinds of events.
const (
	TextEvent      = "text"
	ReasoningEvent = "reasoning"
	ToolEvent      = "tool"
	MessageEvent   = "message"
)

// ToolState is a tool call of an answer as it is now; the last state counts.
type ToolState struct {
	Index int `json:"index" doc:"Which of the answer's tool_calls"`
	ToolCall
}

const (
	// followTime is how often a reader looks for more of an answer that another
	// process writes.
	followTime = 250 * time.Millisecond
	// deltaMax bounds the text of one event, in bytes.
	deltaMax = 32 << 10
)

// Reader reads an answer from some place on. It is not safe for concurrent use.
// Readers hold nothing up: each takes what there is when it comes.
type Reader struct {
	chats   *Chats
	who     sallyport.Principal
	id      sallyport.ConversationID
	message sallyport.MessageID
	place   int64
	live    *live // nil: the answer is read from the database
}

// Follow returns a reader of an answer, from what comes after a place on. Any
// message may be followed: one that is final is told at once.
func (c *Chats) Follow(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, message sallyport.MessageID, after int64) (*Reader, error) {
	if after < 0 {
		return nil, invalid("A place in an answer is not negative.")
	}
	if _, err := c.Store.Message(ctx, who.Org, who.User, id, message); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return &Reader{chats: c, who: who, id: id, message: message, place: after, live: c.live[message]}, nil
}

// Next returns the next events; none when nothing came for that long. The last
// one has the kind MessageEvent.
func (r *Reader) Next(ctx context.Context, patience time.Duration) ([]Event, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		events, more, err := r.look(ctx)
		if ctx.Err() != nil {
			return events, nil // who calls knows whether it was its own
		}
		if err != nil || len(events) > 0 {
			return events, err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, nil
		}
	}
}

func (r *Reader) look(ctx context.Context) (events []Event, more <-chan struct{}, err error) {
	if r.live == nil {
		return r.stored(ctx)
	}
	pieces, moved, final := r.live.since(r.place)
	events = r.tell(pieces)
	if final != nil {
		return append(events, Event{Seq: final.Seq + 1, Kind: MessageEvent, Message: final}), nil, nil
	}
	select {
	case <-r.live.ended: // its end could not be written, or read again: the database tells what becomes of it
		r.live = nil
		if len(events) == 0 {
			return r.stored(ctx)
		}
	default:
	}
	return events, moved, nil
}

// stored reads the database.
func (r *Reader) stored(ctx context.Context) ([]Event, <-chan struct{}, error) {
	row, err := r.chats.Store.Message(ctx, r.who.Org, r.who.User, r.id, r.message)
	if err != nil {
		return nil, nil, err
	}
	written, err := r.chats.logFrom(ctx, row, r.place)
	if err != nil {
		return nil, nil, err
	}
	events := r.tell(written.from(r.place))
	if row.State == sallyport.MessageStreaming {
		return events, after(followTime), nil
	}
	final, err := r.chats.one(ctx, row)
	if err != nil {
		return nil, nil, err
	}
	return append(events, Event{Seq: row.Answer.Seq + 1, Kind: MessageEvent, Message: &final}), nil, nil
}

func after(d time.Duration) <-chan struct{} {
	ch := make(chan struct{})
	time.AfterFunc(d, func() { close(ch) })
	return ch
}

// logFrom is the log of an answer as the database has it, all of it or at least
// what comes after a place.
func (c *Chats) logFrom(ctx context.Context, m sallyport.Message, place int64) (log, error) {
	if m.State == sallyport.MessageStreaming {
		return c.stepsFrom(ctx, m, place)
	}
	said, err := c.content(ctx, m)
	return said.log(), err
}

// stepsFrom is the log of an answer under way from the step on that has the place
// in it. There is nothing when the answer has ended meanwhile: steps go then.
func (c *Chats) stepsFrom(ctx context.Context, m sallyport.Message, place int64) (log, error) {
	var l log
	steps, err := c.Store.AnswerSteps(ctx, m.Org, m.ID, place)
	if err != nil {
		return l, err
	}
	for i, s := range steps {
		if i == 0 {
			l.size = s.Begin
		}
		if s.Begin != l.end() {
			break
		}
		var runs []run
		if err := c.unseal(ctx, m.Org, ofStep(m.ID, s.Begin), s.Sealed, &runs); err != nil {
			return l, err
		}
		l.replay(runs)
	}
	return l, nil
}

// tell makes events of pieces and moves the reader's place.
func (r *Reader) tell(pieces []piece) []Event {
	var events []Event
	for _, p := range pieces {
		r.place = p.end()
		if p.kind == toolRun {
			events = append(events, Event{Seq: p.end(), Kind: ToolEvent, Tool: &ToolState{p.at, p.tool}})
			continue
		}
		kind, at := TextEvent, p.begin
		if p.kind == reasoningRun {
			kind = ReasoningEvent
		}
		for text := p.text; len(text) > 0; {
			n := min(len(text), deltaMax)
			for n < len(text) && !utf8.RuneStart(text[n]) {
				n--
			}
			at += int64(n)
			events = append(events, Event{Seq: at, Kind: kind, Delta: string(text[:n])})
			text = text[n:]
		}
	}
	return events
}

// StopAnswer ends an answer under way and returns it as it then is. What came of it
// stays. An answer that has ended stays as it is. One that another process writes
// is stopped soon after, see stopPoll.
func (c *Chats) StopAnswer(ctx context.Context, who sallyport.Principal, id sallyport.ConversationID, message sallyport.MessageID) (Message, error) {
	if err := c.Store.AskToStop(ctx, who.Org, who.User, id, message, c.messageEvent(ctx, who, "conversations.stop", message, nil)); err != nil {
		return Message{}, err
	}
	c.mu.Lock()
	l := c.live[message]
	c.mu.Unlock()
	if l != nil {
		l.stop()
	}
	r, err := c.Follow(ctx, who, id, message, 0)
	if err != nil {
		return Message{}, err
	}
	late := time.Now().Add(stopWait)
	for time.Now().Before(late) && ctx.Err() == nil {
		events, err := r.Next(ctx, stopWait)
		if err != nil {
			return Message{}, err
		}
		if n := len(events); n > 0 && events[n-1].Message != nil {
			return *events[n-1].Message, nil
		}
	}
	return c.Message(ctx, who, id, message)
}

// stopWait is how long a stop waits for the answer's end.
const stopWait = 5 * time.Second
