package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/background"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// An answer under way is written down when so much time has passed since the last
// step, or so many bytes have come: that is the most that a crash takes.
const (
	stepTime  = 500 * time.Millisecond
	stepBytes = 16 << 10
)

const (
	// finishTime bounds how long the end of an answer is tried to be written.
	finishTime = 30 * time.Second
	finishWait = 250 * time.Millisecond // between two tries
	// retryToldMax is the longest wait that a person is told of.
	retryToldMax = time.Hour
)

// errAnswerTime is why an answer that took longer than AnswerTimeMax was cut off.
var errAnswerTime = sallyport.NewError(sallyport.UpstreamTimeout, fmt.Sprintf("The answer took longer than %s.", AnswerTimeMax))

// write asks the model and keeps what it says. It is a goroutine of its own: who
// asked may have left.
func (c *Chats) write(ctx context.Context, l *live, who sallyport.Principal, p prompt, asked Asked) {
	defer l.leave()
	defer c.forget(l)
	defer func() {
		if broken := recover(); broken != nil { // sweep finds the answer
			known := sallyport.Panicked(broken)
			c.Log.Error("writing an answer panicked", "message", l.row.ID, "cause", known.Cause, "stack", string(debug.Stack()))
		}
	}()
	call := c.call(l, who, p, asked)
	limited, cancel := context.WithTimeoutCause(ctx, AnswerTimeMax, errAnswerTime)
	defer cancel()
	endSteps := c.stepOften(l)
	defer endSteps()
	err := c.Gateway.Do(limited, call, l.push)
	endSteps()
	c.finish(l, call, p, err)
}

// forget drops the answer from memory: whoever comes later reads the database.
func (c *Chats) forget(l *live) {
	l.cancel(nil)
	c.mu.Lock()
	delete(c.live, l.row.ID)
	c.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.ended)
	l.tell()
}

func (c *Chats) call(l *live, who sallyport.Principal, p prompt, asked Asked) *gateway.Call {
	call := &gateway.Call{}
	call.ID = l.row.Answer.Call
	call.Principal = who
	call.Action = "messages.answer"
	call.Route, call.RequestID, call.Source = asked.Route, asked.RequestID, asked.Source
	call.Requested = l.row.Model
	call.Stream = true
	call.BytesIn = p.size
	call.StartedAt = c.Now()
	call.Request = p.request
	// The same value has the same placeholder in all turns of a conversation.
	call.Request.Session = "conversation/" + string(l.row.Conversation)
	return call
}

// stepOften keeps what came of the answer, again and again, until the function
// that it returns is called.
func (c *Chats) stepOften(l *live) (stop func()) {
	var ticker background.Task
	ticker.Start(context.Background(), func(ctx context.Context) {
		var s steps
		for {
			if !l.waitStep(ctx, s.saved) {
				return
			}
			switch err := c.saveStep(ctx, l, &s); {
			case err == nil || ctx.Err() != nil:
			case sallyport.CodeOf(err) == sallyport.Conflict: // somebody took this server for dead
				l.cancel(errStopping)
				return
			default:
				c.Log.Warn("a step of an answer could not be written; it is tried again", "message", l.row.ID, "error", err)
			}
		}
	})
	return ticker.Stop
}

// waitStep waits until a step is due, and says whether ctx goes on.
func (l *live) waitStep(ctx context.Context, saved int64) bool {
	due := time.NewTimer(stepTime)
	defer due.Stop()
	for {
		l.mu.Lock()
		size, moved := l.log.end(), l.moved
		l.mu.Unlock()
		if size-saved >= stepBytes {
			return ctx.Err() == nil
		}
		select {
		case <-ctx.Done():
			return false
		case <-due.C:
			return true
		case <-moved:
		}
	}
}

// steps is how far an answer is saved. A step that perhaps was saved is tried
// again as it was: the store knows it again.
type steps struct {
	saved   int64
	pending *sallyport.AnswerStep
}

func (c *Chats) saveStep(ctx context.Context, l *live, s *steps) error {
	if s.pending == nil {
		pieces, _, _ := l.since(s.saved)
		if len(pieces) == 0 {
			return nil
		}
		sealed, err := c.seal(ctx, l.row.Org, ofStep(l.row.ID, s.saved), step(pieces))
		if err != nil {
			return err
		}
		s.pending = &sallyport.AnswerStep{Begin: s.saved, End: pieces[len(pieces)-1].end(), Sealed: sealed}
	}
	if err := c.Store.SaveAnswerStep(ctx, l.row, *s.pending); err != nil {
		return err
	}
	s.saved, s.pending = s.pending.End, nil
	return nil
}

// finish makes the answer's end durable, and tells the readers only then.
func (c *Chats) finish(l *live, call *gateway.Call, p prompt, err error) {
	l.mu.Lock()
	l.closeTools()
	stopped := l.stopped
	l.mu.Unlock()
	written := l.snapshot()
	m := l.row
	m.State = stateOf(err, stopped, written.end())
	a := &m.Answer
	said := contentOf(&written)
	if m.State != sallyport.MessageDone && m.State != sallyport.MessageStopped {
		a.Code, said.Failure, a.RetryAfter = failure(err)
		c.logFailure(m, err)
	}
	a.Duration = c.Now().Sub(call.StartedAt)
	if call.Admitted {
		a.Usage, a.Credits = call.Usage, call.Charge
	}
	if call.DLP.Mode == "" {
		p.text = "" // nobody looked: what an earlier answer told of the message stays
	}
	ctx, cancel := context.WithTimeout(context.Background(), finishTime)
	defer cancel()
	m, err = c.keep(ctx, m, said, call.DLP.Findings, p)
	if err != nil {
		c.Log.Error("the end of an answer could not be written; it will be marked as cut", "message", m.ID, "error", err)
		return
	}
	final, err := c.one(ctx, m)
	if err != nil { // it stands: its readers are told by the database
		c.Log.Warn("an answer was written and could not be read for those who follow it", "message", m.ID, "error", err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.final = &final
	l.tell()
}

// keep writes the end, again while the database does not take it.
func (c *Chats) keep(ctx context.Context, m sallyport.Message, said content, found []sallyport.Finding, p prompt) (sallyport.Message, error) {
	for {
		kept, err := c.tryKeep(ctx, m, said, found, p)
		if err == nil || ctx.Err() != nil || sallyport.CodeOf(err) == sallyport.Conflict {
			return kept, err
		}
		select {
		case <-time.After(finishWait):
		case <-ctx.Done():
		}
	}
}

// tryKeep writes the end, and returns the row as it then is.
func (c *Chats) tryKeep(ctx context.Context, m sallyport.Message, said content, found []sallyport.Finding, p prompt) (sallyport.Message, error) {
	before, err := c.content(ctx, m)
	if err != nil {
		return m, err
	}
	said.ContinuesAt = before.ContinuesAt
	m.Answer.Seq = int64(0)
	for _, r := range said.Runs {
		m.Answer.Seq += r.length()
	}
	if m.Content, err = c.seal(ctx, m.Org, ofMessage(m.ID, contentPart), said); err != nil {
		return m, err
	}
	if out := maskedOut(found); len(out) > 0 {
		if m.Masked, err = c.seal(ctx, m.Org, ofMessage(m.ID, maskedPart), out); err != nil {
			return m, err
		}
	}
	in, err := c.maskedAbove(ctx, m, found, p)
	if err != nil {
		return m, err
	}
	return m, c.Store.FinishAnswer(ctx, m, in)
}

// maskedAbove seals what was replaced in the message that was answered.
func (c *Chats) maskedAbove(ctx context.Context, m sallyport.Message, found []sallyport.Finding, p prompt) ([]byte, error) {
	list := maskedOf(found, p.asked, p.text)
	if m.Parent == "" || p.text == "" && len(list) == 0 {
		return nil, nil
	}
	return c.seal(ctx, m.Org, ofMessage(m.Parent, maskedPart), list)
}

func contentOf(l *log) content {
	return content{Text: l.text(), Reasoning: l.reasoning(), Tools: l.tools(), Runs: l.lengths()}
}

// stateOf says how an answer ended. Only the gateway's word that the provider's
// end came, and that the outcome is durable, makes it done.
func stateOf(err error, stopped bool, size int64) sallyport.MessageState {
	switch code := sallyport.CodeOf(err); {
	case err == nil:
		return sallyport.MessageDone
	case code == sallyport.ClientClosed && stopped:
		return sallyport.MessageStopped
	case code == sallyport.DLPBlocked:
		return sallyport.MessageBlocked
	case code == sallyport.ServerStopping,
		size > 0 && (code == sallyport.Unauthorized || code == sallyport.UpstreamClosed || code == sallyport.UpstreamTimeout || code == sallyport.UpstreamUnreachable):
		return sallyport.MessageCut
	}
	return sallyport.MessageFailed
}

// failureMax bounds what is kept of a provider's own words, in bytes.
const failureMax = 2000

// failure is what the person is told of err: as a client of the API would be.
func failure(err error) (code sallyport.Code, message string, retry time.Duration) {
	var known *sallyport.Error
	if !errors.As(err, &known) || known.Code == sallyport.Internal {
		return sallyport.Internal, "internal error", 0
	}
	code, message, retry = known.Code, known.Message, known.RetryAfter
	var refused *llm.UpstreamError
	if !errors.As(err, &refused) {
		return code, message, retry
	}
	var words struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(refused.Body, &words) == nil && words.Error.Message != "" {
		message = message + ": " + strings.ToValidUTF8(words.Error.Message[:min(len(words.Error.Message), failureMax)], "")
	}
	if wait, asked := refused.Wait(retryToldMax); asked {
		retry = wait
	}
	return code, message, retry
}

func (c *Chats) logFailure(m sallyport.Message, err error) {
	var known *sallyport.Error
	if errors.As(err, &known) && known.Cause != nil {
		c.Log.Warn("an answer failed", "request_id", m.Answer.RequestID, "code", known.Code, "cause", known.Cause.Error())
	}
}
