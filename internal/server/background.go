package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Responses in the background: the call goes the road of every other, as an errand
// that its client does not wait for. What refuses it before its intent is durable
// is answered as for any call, and nothing is stored. Then the response is stored
// as it is, in progress, before a provider is asked, and the client is told:
//
//	             the provider's end came, and the outcome is durable
//	            +----------------------------------------------------> completed, incomplete
//	            | its owner cancelled or deleted it                     cancelled
//	in_progress + the server stopped or died, its time was over,
//	              data protection, the provider, anything else          failed
//
// Whoever ends it drops its row of what is under way, and who comes second finds
// that: an end is never written again. A server that works on a response whose row
// is gone, on whatever node that was done, ends the call. What a crash leaves is in
// progress until a server finds that the life which worked on it has ended, and the
// journal has closed the call at the price of its hold.

// The bounds of responses in the background. Each has a call to a provider and the
// memory of its request.
const (
	BackgroundMax      = 256 // of this process
	BackgroundOfOrgMax = 64  // of one organisation, on this process
	// backgroundTimeMax is how long one may take, however slow its provider.
	backgroundTimeMax = time.Hour
	// backgroundLook is how long one goes on at most that another node has ended. A
	// look is one statement for all of this process, and none when there are none.
	backgroundLook = 500 * time.Millisecond
	// backgroundSweep is how often is looked for what servers left that have ended,
	// and backgroundSwept how much of it is dealt with at a time.
	backgroundSweep = 5 * time.Second
	backgroundSwept = 100
	// backgroundAgain is after how long an end that could not be written is tried again.
	backgroundAgain = time.Second
)

var (
	errBackgroundTime = sallyport.NewError(sallyport.UpstreamTimeout, fmt.Sprintf("The response took longer than %s.", backgroundTimeMax))
	// errCancelled ends the call of a response whose end is written already.
	errCancelled  = sallyport.NewError(sallyport.ClientClosed, "The response was cancelled.")
	errServerGone = sallyport.NewError(sallyport.ServerStopping, "The server ended before the response did.")
)

// errand is one response in the background.
type errand struct {
	turn   *turn
	began  sallyport.StoredResponse // as it was stored first; set before opened is closed
	tape   *tape
	cancel context.CancelCauseFunc
	opened chan struct{} // closed when the response is stored, before a provider is asked
	ended  chan struct{} // closed when nothing more is done about it
	out    *answer       // set before ended is closed; nil: the call was refused early
	err    error         // how the call ended; set before ended is closed
}

func (e *errand) isOpen() bool {
	select {
	case <-e.opened:
		return true
	default:
		return false
	}
}

// errands are those of this process. It is safe for concurrent use.
type errands struct {
	mu    sync.Mutex
	under map[*errand]struct{}
	idle  chan struct{} // closed and made anew when one ends
}

func newErrands() *errands {
	return &errands{under: make(map[*errand]struct{}), idle: make(chan struct{})}
}

// admit takes a place; leave gives it back.
func (b *errands) admit(e *errand) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	ofOrg := 0
	for other := range b.under {
		if other.turn.row.Org == e.turn.row.Org {
			ofOrg++
		}
	}
	full := ""
	switch {
	case ofOrg >= BackgroundOfOrgMax:
		full = "The organisation has as many responses in the background as it may have at once."
	case len(b.under) >= BackgroundMax:
		full = "The server makes as many responses in the background as it can at once."
	default:
		b.under[e] = struct{}{}
		return nil
	}
	err := sallyport.NewError(sallyport.RateLimited, full+" Try again in a moment.")
	err.RetryAfter = roomAgain
	return err
}

func (b *errands) leave(e *errand) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.under, e)
	close(b.idle)
	b.idle = make(chan struct{})
}

// open are those whose responses are stored.
func (b *errands) open() []*errand {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []*errand
	for e := range b.under {
		if e.isOpen() {
			all = append(all, e)
		}
	}
	return all
}

// of is the errand of a person's response; nil: this process has none.
func (b *errands) of(org sallyport.OrgID, user sallyport.UserID, id sallyport.ResponseID) *errand {
	for _, e := range b.open() {
		if row := e.began; row.Org == org && row.User == user && row.ID == id {
			return e
		}
	}
	return nil
}

// Idle returns when no response is made in the background any more, or when ctx
// ends. After Drain no new one begins.
func (s *Server) Idle(ctx context.Context) error {
	b := s.errands
	for {
		b.mu.Lock()
		under, idle := len(b.under), b.idle
		b.mu.Unlock()
		if under == 0 {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return fmt.Errorf("wait for responses in the background: %w", ctx.Err())
		}
	}
}

// inBackground answers with the response in progress, or with its events, and lets
// the call that ask makes go on when the client leaves.
func (s *Server) inBackground(w http.ResponseWriter, r *request, t *turn, ask func(w http.ResponseWriter, r *request) (*answer, error)) error {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(r.Context()))
	e := &errand{
		turn: t, cancel: cancel, opened: make(chan struct{}), ended: make(chan struct{}),
		tape: &tape{kept: r.call.Stream, moved: make(chan struct{})},
	}
	err := s.errands.admit(e)
	if err == nil && s.draining.Load() { // after it is admitted: Idle waits for what came before
		s.errands.leave(e)
		err = stopping()
	}
	if err != nil {
		cancel(nil)
		return s.refuse(r, err)
	}
	apart := r.apart(ctx)
	e.tape.lodger = apart.lodger
	r.call.Opened = func(ctx context.Context) error {
		if err := t.open(ctx, r.call.ID); err != nil {
			return err
		}
		e.began, apart.begun = t.row, true
		close(e.opened)
		return nil
	}
	s.underWay.Add(1)
	go s.run(e, apart, ask)
	select {
	case <-e.opened:
	case <-e.ended:
		if e.isOpen() {
			break
		}
		if e.err != nil {
			return e.err
		}
		r.begun = true
		return e.out.once.writeReplay(w) // what is no refusal then was a repeat
	}
	r.begun = true
	r.tellLimits(w.Header())
	if r.call.Stream {
		return s.follow(w, r, e, -1)
	}
	begun, err := s.openResponse(r.Context(), e.began)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, begun.Response)
}

// run makes the response, and stores how it ended.
func (s *Server) run(e *errand, r *request, ask func(w http.ResponseWriter, r *request) (*answer, error)) {
	defer s.underWay.Done()
	defer s.errands.leave(e)
	defer close(e.ended)
	defer e.tape.end()
	defer e.cancel(nil)
	defer r.lodger.leave()
	defer context.AfterFunc(s.running, func() { e.cancel(context.Cause(s.running)) })()
	limited, cancel := context.WithTimeoutCause(r.Context(), backgroundTimeMax, errBackgroundTime)
	defer cancel()
	r.Request = r.WithContext(limited)
	e.err = s.survive(&r.call.Call, func() (err error) {
		e.out, err = ask(e.tape, r)
		return err
	})
	if errors.Is(e.err, errBug) {
		e.err = s.refuse(r, e.err) // nothing, if the gateway has recorded it
	}
	if e.err == nil || !e.isOpen() {
		return
	}
	s.logFailure(r, e.err)
	e.turn.used(r)
	s.fail(e)
	if e.out != nil {
		e.out.fail(e.err)
	}
	if r.call.Stream && sallyport.CodeOf(e.err) == sallyport.ClientClosed {
		_, _ = e.tape.Write(e.turn.enc.Cancelled())
	}
}

// fail stores that the response has failed, again while the database does not take
// it. Whoever has ended it before wins. What a stop leaves, the next start ends.
func (s *Server) fail(e *errand) {
	reason := toldOf(e.err)
	failed := responses.State{Status: "failed", Failure: &reason, Usage: e.turn.usage}
	for {
		ctx, cancel := context.WithTimeout(context.Background(), recordTime)
		_, err := s.endResponse(ctx, e.began, failed, s.parts.Responses.FinishResponse)
		cancel()
		if err == nil || sallyport.CodeOf(err) == sallyport.Conflict {
			return
		}
		s.parts.Log.Warn("the end of a response in the background could not be stored; it is tried again", "response", e.began.ID, "error", err)
		select {
		case <-time.After(backgroundAgain):
		case <-s.running.Done():
			return
		}
	}
}

// toldOf is what the owner of a response is told of why it failed.
func toldOf(err error) sallyport.Error {
	e, _ := outside(err)
	var refused *llm.UpstreamError
	if errors.As(err, &refused) && len(refused.Body) > 0 {
		e.Message = toldBy(refused)
	}
	return e
}

// endResponse writes that a response under way has ended so. It
// returns the turn as it then is; Conflict where somebody else has ended it.
func (s *Server) endResponse(ctx context.Context, row sallyport.StoredResponse, end responses.State,
	write func(ctx context.Context, row sallyport.StoredResponse) error) (responses.Turn, error) {
	t, err := s.openResponse(ctx, row)
	if err != nil {
		return t, err
	}
	if t, err = t.Over(end); err != nil {
		return t, err
	}
	if row.Content, err = s.sealResponse(ctx, row, t); err != nil {
		return t, err
	}
	return t, write(ctx, row)
}

// cancelBackground ends a response of the caller that is under way. One that has
// ended is answered as it is: to cancel twice is no mistake.
func (s *Server) cancelBackground(w http.ResponseWriter, r *request, row sallyport.StoredResponse) error {
	t, err := s.openResponse(r.Context(), row)
	if err != nil {
		return s.refuse(r, err)
	}
	is, underWay, err := t.Background()
	if err == nil && !is {
		err = sallyport.NewError(sallyport.InvalidBody, "This response was not made in the background: there is nothing to cancel.")
	}
	if err != nil {
		return s.refuse(r, err)
	}
	if underWay {
		record := s.parts.Audit.Change(&r.call.Call, "response/"+string(row.ID), nil)
		over, err := s.endResponse(r.Context(), row, responses.State{Status: "cancelled"}, func(ctx context.Context, row sallyport.StoredResponse) error {
			return s.parts.Responses.CancelResponse(ctx, row, record)
		})
		switch {
		case err == nil:
			s.endErrand(row)
			r.begun = true
			return writeJSON(w, http.StatusOK, over.Response)
		case sallyport.CodeOf(err) != sallyport.Conflict:
			return s.refuse(r, err)
		}
		if t, err = s.responseOf(r, row.ID); err != nil {
			return s.refuse(r, err)
		}
	}
	if err := s.record(r.Context(), r.principal.Org, s.parts.Audit.Read(&r.call.Call, http.StatusOK)); err != nil {
		return err
	}
	r.begun = true
	return writeJSON(w, http.StatusOK, t.Response)
}

// endErrand ends the call of a response, if this process makes it.
func (s *Server) endErrand(row sallyport.StoredResponse) {
	if e := s.errands.of(row.Org, row.User, row.ID); e != nil {
		e.cancel(errCancelled)
	}
}

// LookAfterResponses ends the calls of this process whose responses others have
// ended, and the responses of servers that have ended, until ctx does.
func (s *Server) LookAfterResponses(ctx context.Context) {
	look, sweep := time.NewTicker(backgroundLook), time.NewTicker(backgroundSweep)
	defer look.Stop()
	defer sweep.Stop()
	err := s.SweepResponses(ctx)
	for {
		if err != nil && ctx.Err() == nil {
			s.parts.Log.Warn("responses in the background could not be looked after; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			err = s.endUnwanted(ctx)
		case <-sweep.C:
			err = s.SweepResponses(ctx)
		}
	}
}

// endUnwanted ends the errands of this process whose responses have ended.
func (s *Server) endUnwanted(ctx context.Context) error {
	open := s.errands.open() // before it is asked what is wanted: what begins in between is
	if len(open) == 0 {
		return nil
	}
	wanted, err := s.parts.Responses.BackgroundResponses(ctx, s.parts.Audit.Node, s.parts.Audit.Boot)
	if err != nil {
		return err
	}
	for _, e := range open {
		if !slices.Contains(wanted, e.began.ID) {
			e.cancel(errCancelled)
		}
	}
	return nil
}

// SweepResponses lets responses fail that nobody works on any more. Several nodes
// may do it at once: what one has done, another finds done.
func (s *Server) SweepResponses(ctx context.Context) error {
	left, err := s.parts.Responses.LeftResponses(ctx, s.parts.Audit.Node, s.parts.Audit.Boot, backgroundSwept)
	if err != nil {
		return err
	}
	var errs []error
	for _, row := range left {
		_, err := s.endResponse(ctx, row, responses.State{Status: "failed", Failure: errServerGone}, s.parts.Responses.FinishResponse)
		if err != nil && sallyport.CodeOf(err) != sallyport.Conflict {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// follow writes the events of a response after that number, and those that come,
// until its end or until the reader has left, which changes nothing about the
// response.
func (s *Server) follow(w http.ResponseWriter, r *request, e *errand, after int64) error {
	answerHeaders(w.Header(), eventStream, r.call.Model.Offline)
	w.WriteHeader(http.StatusOK)
	events := &sse{w: w}
	left := r.Context().Done()
	for read := 0; ; {
		frames, end, moved := e.tape.from(read)
		read += len(frames)
		for _, f := range frames {
			if f.last > after {
				events.frame.Write(f.after(after))
				after = f.last
			}
		}
		if end == tapeCut {
			events.frame.Write(responses.Broken(after+1, *errTape))
		}
		if events.frame.Len() > 0 && events.send() != nil || end != tapeRuns {
			return nil
		}
		select {
		case <-moved:
		case <-left:
			if s.running.Err() == nil {
				return nil
			}
			left = nil // the server stops: the end comes now
		}
	}
}
