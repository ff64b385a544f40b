package agent

import (
	"context"
	"slices"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// Event is one thing that happened to a run. Numbers grow, and everybody who
// follows a run sees the same ones, from whatever node and however late: they are
// made of the numbers of the run's calls and of places in their texts. Who comes
// back with the number of the last event gets what follows it, in as few events
// as there are.
type Event struct {
	Seq  int64
	Kind EventKind
	// Step is set but for EventRun: as it is after the event. Its Output is empty
	// in an EventText.
	Step StepProgress
	Call int    // the number of the call that the event belongs to
	From int    // EventText: where in the call's text the piece begins, in bytes
	Text string // EventText
	Run  *Progress
}

// EventKind says what an Event tells.
type EventKind string

// An EventStep comes when a call of a step begins and when it ends, EventTexts
// between the two. The text of a call that is followed by another call of the
// same step is void. An EventRun is the last event: the run has ended.
const (
	EventStep EventKind = "step"
	EventText EventKind = "text"
	EventRun  EventKind = "run"
)

const (
	// callSpan is how many numbers a call has: its first is its beginning, its last
	// its end, and those between are places in its text.
	callSpan = 1 << 22
	// followPoll is how late a reader sees what happens on another node.
	followPoll = 500 * time.Millisecond
	// settleTime is how long the end of a run that was cancelled waits for the end
	// of its last call, which tells what that cost.
	settleTime = 5 * time.Second
)

// A text of OutputMax bytes has its places below the number of the call's end.
const _ = uint(callSpan - 2 - OutputMax)

// Follow tells emit of all that happens to a run after that number: 0 is the
// beginning. It returns nil after the EventRun, and the error of emit or ctx
// before. emit is called with nil every followPoll at least, while nothing
// happens. Leaving changes nothing about the run; any number may follow it.
func (a *Agents) Follow(ctx context.Context, p sallyport.Principal, id sallyport.RunID, after int64, emit func(*Event) error) error {
	ctx, gone := a.o.Present(ctx, p) // who is gone reads no further
	defer gone()
	leave := a.live.read(id)
	defer leave()
	for {
		now := a.live.now(id, 0, 0) // before the tables: what moves them from here on is seen below
		progress, err := a.Progress(ctx, p, id)
		if err != nil {
			return err
		}
		ended := progress.Status != sallyport.RunInProgress && a.settled(&progress)
		for _, e := range progress.events(after, ended) {
			if err := emit(&e); err != nil {
				return err
			}
			after = e.Seq
		}
		if ended {
			return nil
		}
		if after, err = a.followText(ctx, &progress, after, now.moves, emit); err != nil {
			return err
		}
	}
}

// settled says whether the last call of a run that ended has its end, too.
func (a *Agents) settled(p *Progress) bool {
	last := len(p.calls) - 1
	return last < 0 || !p.calls[last].EndedAt.IsZero() || a.o.Now().Sub(p.EndedAt) > settleTime
}

// followText tells of the text of the call under way, until the tables have
// something new or may have.
func (a *Agents) followText(ctx context.Context, p *Progress, after int64, moves int, emit func(*Event) error) (int64, error) {
	poll := time.NewTimer(followPoll)
	defer poll.Stop()
	for {
		n, from := int(after/callSpan), int(after%callSpan)
		now := a.live.now(p.ID, n, from)
		if now.moves != moves {
			return after, nil
		}
		if now.text != "" && n == len(p.calls) && n > 0 {
			e := p.event(EventText, p.calls[n-1])
			e.Seq, e.From, e.Text = after+int64(len(now.text)), from, now.text
			if err := emit(&e); err != nil {
				return after, err
			}
			after = e.Seq
			continue
		}
		select {
		case <-ctx.Done():
			return after, context.Cause(ctx)
		case <-now.news:
		case <-poll.C:
			if err := emit(nil); err != nil {
				return after, err
			}
			moved, err := a.movedElsewhere(ctx, p)
			if err != nil || moved {
				return after, err
			}
			poll.Reset(followPoll)
		}
	}
}

// movedElsewhere says whether the tables have something new of a run, without
// opening its contents.
func (a *Agents) movedElsewhere(ctx context.Context, p *Progress) (bool, error) {
	ended, err := a.store.EndedRuns(ctx, []sallyport.Run{p.Run})
	if err != nil || len(ended) > 0 {
		return true, err
	}
	calls, err := a.store.RunCalls(ctx, p.Org, p.ID)
	return !slices.Equal(calls, p.calls), err
}

// events are those that the tables tell of, after that number. ended says that
// the run's end is one of them.
func (p *Progress) events(after int64, ended bool) (events []Event) {
	add := func(e Event) {
		if e.Seq > after {
			events = append(events, e)
		}
	}
	for i, c := range p.calls {
		base := int64(c.N) * callSpan
		begun := p.event(EventStep, c)
		begun.Seq = base
		begun.Step.begin(c)
		add(begun)
		last := i == len(p.calls)-1
		answered := p.Steps[c.Step].State == StepSuccess && c.Code == "" && (last || p.calls[i+1].Step != c.Step)
		if answered && p.Steps[c.Step].Output != "" {
			add(p.rest(c, max(after-base, 0)))
		}
		if answered || c.Code != "" || !last || ended {
			over := p.event(EventStep, c)
			over.Seq = base + callSpan - 1
			if !last && !answered && p.calls[i+1].Step == c.Step {
				over.Step.begin(c) // another call of the step follows
			}
			add(over)
		}
	}
	if ended {
		add(Event{Seq: int64(len(p.calls)+1) * callSpan, Kind: EventRun, Run: p})
	}
	return events
}

func (p *Progress) event(kind EventKind, c sallyport.RunCall) Event {
	e := Event{Kind: kind, Step: p.Steps[c.Step], Call: c.N}
	if kind == EventText {
		e.Step.Output = ""
	}
	return e
}

// rest is what a reader lacks of the text of a call that answered its step.
func (p *Progress) rest(c sallyport.RunCall, from int64) Event {
	e := p.event(EventText, c)
	text := p.Steps[c.Step].Output
	e.From = int(min(from, int64(len(text))))
	e.Text = text[e.From:]
	e.Seq = int64(c.N)*callSpan + int64(len(text))
	return e
}

// begin makes of a step what it was while the call was under way.
func (s *StepProgress) begin(c sallyport.RunCall) {
	s.State, s.Output, s.EndedAt = StepInProgress, "", time.Time{}
	for i, other := range s.Calls {
		if other.N > c.N {
			s.Calls = s.Calls[:i:i]
			break
		}
	}
}
