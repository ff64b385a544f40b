package main

import (
	"bufio"
	"cmp"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// How many calls are under way when the server is told to stop.
const (
	stoppedStreams = 100 // whose provider finishes in time; as many do not
	stoppedPlain   = 20  // plain ones whose provider does not
)

// stopMost is what a stop may take: the notice, the drain of the test's
// configuration, the time to tell what is left, and some for a busy machine.
const stopMost = noticeTime + 6*time.Second + cutTime + 10*time.Second

// TestGraceful tells a server with 200 streams to stop. The readiness probe
// fails first, while calls are still served. Streams that their provider
// finishes in time have all their data; the others end with an error that says
// why. Every call has one outcome, and no credits stay held.
func TestGraceful(t *testing.T) {
	t.Parallel()
	h := openHouse(t, `
behind_proxy: true
drain_time: 6s
providers: [{name: local, type: openai, base_url: "${PROVIDER}"}]
models: [{id: mock-large, provider: local, target: gpt-4o-mini, price: {input: 2.5, output: 10}}]
`)
	s := stopping{house: h, finish: make(chan struct{}), answers: make(chan stoppedAnswer, 2*stoppedStreams+stoppedPlain)}
	s.begin()

	told := time.Now()
	if err := h.server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.notReady()
	if late := h.chat(false, "one more"); late.status != http.StatusOK {
		t.Errorf("a call during the notice got %d %s", late.status, late.body)
	}
	close(s.finish)
	s.check()
	select {
	case <-h.server.exited:
	case <-time.After(time.Until(told.Add(stopMost))):
		t.Fatalf("the server has not stopped after %s; it said:\n%s", stopMost, h.server.output())
	}
	t.Logf("stopped in %s", time.Since(told))
	if code := h.server.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the server ended with code %d; it said:\n%s", code, h.server.output())
	}
	h.command("audit", "verify")
	db := h.database()
	checkBooks(t, db, h.account.OrgID)
	got := outcomesByCode(t, db, h.account.OrgID)
	if got[""] != stoppedStreams+1 || got[sallyport.ServerStopping] != stoppedStreams+stoppedPlain || len(got) != 2 {
		t.Errorf("outcomes by code are %v, want %d successes and %d of %s", got, stoppedStreams+1, stoppedStreams+stoppedPlain, sallyport.ServerStopping)
	}
}

// stopping is the calls that are under way when the server stops.
type stopping struct {
	*house
	finish  chan struct{} // closed to let the provider finish the half
	begun   sync.WaitGroup
	answers chan stoppedAnswer
}

// stoppedAnswer is what a client saw.
type stoppedAnswer struct {
	stream bool
	status int
	retry  string // Retry-After
	body   string
	err    error
}

// begin makes the calls and returns when each stream has its first piece, and
// the provider has each plain call.
func (s *stopping) begin() {
	for n := range 2 * stoppedStreams {
		answer := providertest.Answer{Pieces: []string{"stalls ", "here."}, Step: first(s.t, nil)}
		if n%2 == 0 {
			answer = providertest.Answer{Pieces: []string{"ends ", "well."}, Step: first(s.t, s.finish)}
		}
		s.fake.Queue(answer)
	}
	for range 2 * stoppedStreams {
		s.begun.Add(1)
		go s.call(true)
	}
	s.begun.Wait()
	for n := range stoppedPlain {
		s.fake.Queue(providertest.Answer{Text: "late", Step: make(chan struct{})})
		go s.call(false)
		s.fake.Wait(s.t, 2*stoppedStreams+n+1)
	}
}

// first lets one piece pass, and the others when rest is closed.
func first(t *testing.T, rest <-chan struct{}) <-chan struct{} {
	step := make(chan struct{}, 1)
	step <- struct{}{}
	if rest != nil {
		go func() {
			select {
			case <-rest:
				close(step)
			case <-t.Context().Done():
			}
		}()
	}
	return step
}

func (s *stopping) call(stream bool) {
	a := stoppedAnswer{stream: stream}
	defer func() { s.answers <- a }()
	begun := sync.OnceFunc(func() {
		if stream {
			s.begun.Done()
		}
	})
	defer begun()
	resp, err := http.DefaultClient.Do(s.request(s.t.Context(), http.MethodPost, "/v1/chat/completions", chatBody(stream, "go")))
	if err != nil {
		a.err = err
		return
	}
	defer resp.Body.Close()
	a.status, a.retry = resp.StatusCode, resp.Header.Get("Retry-After")
	r := bufio.NewReader(resp.Body)
	for a.err == nil {
		var line string
		line, a.err = r.ReadString('\n')
		a.body += line
		if strings.Contains(line, "ends ") || strings.Contains(line, "stalls ") {
			begun()
		}
	}
	if a.err == io.EOF {
		a.err = nil
	}
}

// notReady waits until the readiness probe fails, and not because nobody listens.
func (s *stopping) notReady() {
	s.t.Helper()
	for deadline := time.Now().Add(noticeTime); ; time.Sleep(pollTime) { // as a balancer polls
		answer := s.do(http.MethodGet, "/readyz", "")
		if answer.status == http.StatusServiceUnavailable && strings.Contains(answer.body, "draining") {
			break
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the probe answers %d %s", answer.status, answer.body)
		}
	}
	if n := len(s.answers); n != 0 {
		s.t.Errorf("%d calls ended before the probe failed", n)
	}
}

// check waits for all answers and looks at how each ended.
func (s *stopping) check() {
	s.t.Helper()
	const done = "data: [DONE]\n\n"
	whole, cut, plain := 0, 0, 0
	for range 2*stoppedStreams + stoppedPlain {
		a := <-s.answers
		stopped := strings.Contains(a.body, `"code":"server_stopping"`)
		switch {
		case a.err != nil:
		case a.stream && a.status == 200 && strings.HasSuffix(a.body, done) && !stopped &&
			strings.Contains(a.body, "ends ") && strings.Contains(a.body, "well"):
			whole++
			continue
		case a.stream && a.status == 200 && strings.HasSuffix(a.body, done) && stopped && strings.Contains(a.body, "stalls "):
			cut++
			continue
		case !a.stream && a.status == 503 && a.retry == "1" && stopped:
			plain++
			continue
		}
		s.t.Errorf("a call (stream %t) ended with %d, %v, %q", a.stream, a.status, a.err, a.body)
	}
	if whole != stoppedStreams || cut != stoppedStreams || plain != stoppedPlain {
		s.t.Errorf("%d streams are whole, %d say why they are not, %d plain calls were told so; want %d, %d, %d",
			whole, cut, plain, stoppedStreams, stoppedStreams, stoppedPlain)
	}
}

// databaseURL is the address of the house's database.
func (h *house) databaseURL() string {
	return cmp.Or(h.env["SALLYPORT_DATABASE"], "sqlite://"+filepath.Join(h.env["SALLYPORT_DATA"], databaseFile))
}

// database opens the database of a house whose server has ended.
func (h *house) database() *store.DB {
	h.t.Helper()
	db, err := store.Open(h.t.Context(), store.Options{URL: h.databaseURL()})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		if err := db.Close(); err != nil {
			h.t.Error(err)
		}
	})
	return db
}

// command runs a command of the program in the house and returns what it printed.
func (h *house) command(args ...string) string {
	h.t.Helper()
	out, err := h.try(args...)
	if err != nil {
		h.t.Fatalf("sallyport %v: %v:\n%s", args, err, out)
	}
	return out
}

func (h *house) try(args ...string) (string, error) {
	h.t.Helper()
	path, err := lookPath("sallyport", h.env["PATH"])
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = h.dir
	for name, value := range h.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// outcomesByCode counts the outcomes in the trail, and wants one for each intent.
func outcomesByCode(t *testing.T, db *store.DB, org sallyport.OrgID) map[sallyport.Code]int {
	t.Helper()
	byCode := make(map[sallyport.Code]int)
	open := make(map[sallyport.CallID]int)
	eachRecord(t, db, org, func(r sallyport.Record) {
		switch r.Phase {
		case sallyport.PhaseIntent:
			open[r.Call]++
		case sallyport.PhaseOutcome:
			open[r.Call]--
			byCode[r.Code]++
		}
	})
	for call, n := range open {
		if n != 0 {
			t.Errorf("call %s has %d outcomes, want 1", call, 1-n)
		}
	}
	return byCode
}
