package chat

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

type answerStore interface {
	SaveAnswerStep(ctx context.Context, m sallyport.Message, step sallyport.AnswerStep) error
	AnswerSteps(ctx context.Context, org sallyport.OrgID, message sallyport.MessageID, after int64) ([]sallyport.AnswerStep, error)
	FinishAnswer(ctx context.Context, m sallyport.Message, masked []byte) error
	AskToStop(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ConversationID, message sallyport.MessageID, rec sallyport.Record) error
	WantedAnswers(ctx context.Context, answers []sallyport.Message) ([]sallyport.MessageID, error)
	LeftAnswers(ctx context.Context, limit int) ([]sallyport.Message, error)
	AnswersOf(ctx context.Context, node, boot string) ([]sallyport.Message, error)
	Charged(ctx context.Context, org sallyport.OrgID, call sallyport.CallID, from int64) (sallyport.Usage, sallyport.Credits, time.Time, error)
}

const (
	// AnswerMax bounds an answer, in bytes of text, reasoning and arguments of tools.
	AnswerMax = 2 << 20
	// AnswerTimeMax bounds how long one is written, however slow its provider.
	AnswerTimeMax = time.Hour
	// ToolCallsMax bounds how many tools one answer may ask for.
	ToolCallsMax = 128
)

// live is an answer that this process writes.
type live struct {
	row    sallyport.Message
	cancel context.CancelCauseFunc
	leave  func() // gives the place among the answers under way back

	mu       sync.Mutex
	log      log
	size     int64             // bytes of text, reasoning and arguments, at most AnswerMax
	arriving map[int]*arriving // tool calls by their index at the provider
	order    []int             // of tool calls
	tooLong  bool
	stopped  bool          // the person stopped it
	moved    chan struct{} // closed and made anew with every change
	final    *Message      // set at the end
	ended    chan struct{} // closed when final is set, or will not be: see finish
}

// arriving is a tool call whose arguments are being written.
type arriving struct {
	call      ToolCall
	arguments strings.Builder
}

// now is the call with the arguments that came so far.
func (a *arriving) now() ToolCall {
	t := a.call
	t.Arguments = a.arguments.String()
	return t
}

func newLive(row sallyport.Message, leave func()) (*live, context.Context) {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &live{
		row: row, cancel: cancel, leave: leave,
		arriving: make(map[int]*arriving), moved: make(chan struct{}), ended: make(chan struct{}),
	}, ctx
}

// errStopped ends the call of an answer that its person stopped.
var errStopped = sallyport.NewError(sallyport.ClientClosed, "The answer was stopped.")

// stop ends the upstream request. What came stays.
func (l *live) stop() {
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.cancel(errStopped)
}

// tell wakes the readers. The caller holds mu.
func (l *live) tell() {
	close(l.moved)
	l.moved = make(chan struct{})
}

var errTooLong = sallyport.NewError(sallyport.UpstreamInvalid, "The answer is longer than is kept.")

// push takes an event of the answer, after data protection.
func (l *live) push(e *llm.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.log.end()
	for _, d := range e.Deltas {
		if d.Choice == 0 {
			l.take(d)
		}
	}
	if len(e.Finishes) > 0 || e.Kind == llm.WholeEvent {
		l.closeTools()
	}
	if l.log.end() != before {
		l.tell()
	}
	if l.tooLong {
		return errTooLong
	}
	return nil
}

func (l *live) take(d llm.Delta) {
	text := d.Text.Text()
	if l.size += int64(len(text)); l.size > AnswerMax {
		l.tooLong = true
		return
	}
	switch d.Kind {
	case llm.TextDelta, llm.RefusalDelta:
		l.log.write(textRun, text)
	case llm.ThinkingDelta:
		l.log.write(reasoningRun, text)
	case llm.ToolCallDelta, llm.ToolArgumentsDelta:
		l.takeTool(d, text)
	}
}

// takeTool tells of a tool call when it begins and when it is whole.
func (l *live) takeTool(d llm.Delta, text string) {
	a, known := l.arriving[d.Index]
	if !known {
		if len(l.order) == ToolCallsMax {
			l.tooLong = true
			return
		}
		l.closeTools()
		a = new(arriving)
		l.arriving[d.Index] = a
		l.order = append(l.order, d.Index)
	}
	if a.call.ID == "" { // some providers repeat both with every piece
		a.call.ID = strings.Clone(d.ToolID.Text())
	}
	if a.call.Name == "" {
		a.call.Name = strings.Clone(d.ToolName.Text())
	}
	a.call.State = ToolWriting
	if d.Kind == llm.ToolArgumentsDelta {
		a.arguments.WriteString(strings.ToValidUTF8(text, "\uFFFD"))
	}
	if !known {
		l.log.tool(len(l.order)-1, a.now())
	}
}

// closeTools tells that the tool calls which were being written are whole.
func (l *live) closeTools() {
	for at, index := range l.order {
		if a := l.arriving[index]; a.call.State == ToolWriting {
			a.call.State = ToolCalled
			l.log.tool(at, a.now())
		}
	}
}

// snapshot copies the log, which goes on growing.
func (l *live) snapshot() log {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.clone()
}

// since returns what came after a place and how to wait for more.
func (l *live) since(place int64) (pieces []piece, moved <-chan struct{}, final *Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	pieces = l.log.from(place)
	for i := range pieces {
		pieces[i].text = append([]byte(nil), pieces[i].text...)
	}
	return pieces, l.moved, l.final
}
