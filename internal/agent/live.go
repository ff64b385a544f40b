package agent

import (
	"sync"

	"github.com/sallyport-ai/sallyport"
)

// live tells readers in this process what happens to runs at once: that the
// tables have something new of a run, and the text of a step under way, which is
// nowhere else until the step is finished. It keeps nothing that matters: a
// reader without it, as on another node, looks into the tables every now and
// then and sees the text when the step is done. The zero value is ready.
type live struct {
	mu   sync.Mutex
	runs map[sallyport.RunID]*liveRun
}

// liveRun is there while somebody reads the run or a call of it is under way.
type liveRun struct {
	users int
	moves int           // of the tables
	n     int           // of the call under way; 0: none here
	text  []byte        // of its answer so far
	news  chan struct{} // closed and replaced at each move and each piece of text
}

// liveNow is what a reader sees of a run at one moment.
type liveNow struct {
	moves int
	text  string // from where it was asked
	news  <-chan struct{}
}

// with calls f with the run, making it when make says so.
func (l *live) with(run sallyport.RunID, create bool, f func(*liveRun)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.runs[run]
	if r == nil {
		if !create {
			return
		}
		if l.runs == nil {
			l.runs = make(map[sallyport.RunID]*liveRun)
		}
		r = &liveRun{news: make(chan struct{})}
		l.runs[run] = r
	}
	f(r)
	if r.users == 0 {
		delete(l.runs, run)
	}
}

func (r *liveRun) tell() {
	close(r.news)
	r.news = make(chan struct{})
}

// moved says that the tables have something new of the run.
func (l *live) moved(run sallyport.RunID) {
	l.with(run, false, func(r *liveRun) {
		r.moves++
		r.tell()
	})
}

// read begins to read a run; its end must be told with leave.
func (l *live) read(run sallyport.RunID) (leave func()) {
	l.with(run, true, func(r *liveRun) { r.users++ })
	return func() { l.with(run, false, func(r *liveRun) { r.users-- }) }
}

// now is what there is of a run that is being read: the text from that place on,
// when the call under way is the n-th.
func (l *live) now(run sallyport.RunID, n, from int) (now liveNow) {
	l.with(run, false, func(r *liveRun) {
		now = liveNow{moves: r.moves, news: r.news}
		if r.n == n && from < len(r.text) {
			now.text = string(r.text[from:])
		}
	})
	return now
}

// liveCall is a call under way in this process.
type liveCall struct {
	live *live
	run  sallyport.RunID
}

// begin says that a run makes its n-th call.
func (l *live) begin(run sallyport.RunID, n int) *liveCall {
	l.with(run, true, func(r *liveRun) {
		r.users++
		r.moves++
		r.n, r.text = n, nil
		r.tell()
	})
	return &liveCall{l, run}
}

// add shows a piece of the answer.
func (c *liveCall) add(text string) {
	c.live.with(c.run, false, func(r *liveRun) {
		r.text = append(r.text, text...)
		r.tell()
	})
}

// done lets go of the text: what became of it stands in the tables.
func (c *liveCall) done() {
	c.live.with(c.run, false, func(r *liveRun) {
		r.users--
		r.n, r.text = 0, nil
	})
}
