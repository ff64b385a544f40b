package sink

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-ai/sallyport"
)

// fault is how a receiver treats one request.
type fault int

const (
	fine        fault = iota
	answers5          // reads, keeps nothing, answers 500
	redirects         // sends it elsewhere
	drops             // reads a part and cuts the connection
	keepsCuts         // keeps everything and cuts the connection before it answers
	slow              // answers in pieces
	halfAnswers       // keeps everything, answers 200 and cuts the connection in the answer
	moves             // sends it elsewhere for ever
)

// siem is a fake receiver of webhooks and of Splunk's events.
type siem struct {
	*httptest.Server
	mu     sync.Mutex
	faults []fault // of the next requests; then all is fine
	ids    []string
	bodies []string
	bad    []string
	acks   int // how often it says "not yet", when acknowledgement is on
	ack    bool
	lost   int // so many batches it answers and loses, with acknowledgement

	refuses func(ids []string) bool // answers 400 to these
	refused int                     // so many times it did
}

// told returns what the receiver has got, and what was wrong with it.
func (s *siem) told() (ids, bad []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ids), slices.Clone(s.bad)
}

func (s *siem) next() fault {
	if len(s.faults) == 0 {
		return fine
	}
	f := s.faults[0]
	s.faults = s.faults[1:]
	return f
}

func startSIEM(t *testing.T, check func(r *http.Request, body string) string, read func(body string) []string) *siem {
	t.Helper()
	s := &siem{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.URL.Path == "/services/collector/ack" {
			s.acks--
			fmt.Fprintf(w, `{"acks":{"7":%t}}`, s.acks < 0 && s.lost == 0)
			return
		}
		how := s.next()
		if how == drops {
			_, _ = io.ReadFull(r.Body, make([]byte, 100))
			panic(http.ErrAbortHandler)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			s.bad = append(s.bad, err.Error())
		}
		switch how {
		case answers5:
			w.WriteHeader(http.StatusInternalServerError)
			return
		case redirects:
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			return
		case moves:
			http.Redirect(w, r, s.URL+"/elsewhere", http.StatusMovedPermanently)
			return
		}
		if s.refuses != nil && s.refuses(read(string(body))) {
			s.refused++
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if why := check(r, string(body)); why != "" {
			s.bad = append(s.bad, why)
		}
		if s.lost == 0 {
			s.bodies = append(s.bodies, string(body))
			s.ids = append(s.ids, read(string(body))...)
		}
		switch {
		case how == keepsCuts:
			panic(http.ErrAbortHandler)
		case how == halfAnswers:
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case how == slow:
			for range 5 {
				fmt.Fprint(w, " ")
				w.(http.Flusher).Flush()
			}
		case s.ack:
			fmt.Fprint(w, `{"text":"Success","code":0,"ackId":7}`)
		}
	}))
	s.Config.ErrorLog = quiet
	t.Cleanup(s.Close)
	return s
}

// everyFault is a bad day.
var everyFault = []fault{answers5, drops, keepsCuts, fine, redirects, slow, halfAnswers, answers5, moves, answers5, keepsCuts, drops, fine}

func TestWebhook(t *testing.T) {
	t.Parallel()
	for _, format := range []string{JSON, OCSF, CEF} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, 2100)
			s := startSIEM(t, func(r *http.Request, body string) string {
				want := "sha256=" + Signature("hush", r.Header.Get("X-Sallyport-Timestamp"), []byte(body))
				if got := r.Header.Get("X-Sallyport-Signature"); got != want || r.Header.Get("X-Sallyport-Timestamp") == "" {
					return fmt.Sprintf("signature %q, want %q", got, want)
				}
				return ""
			}, func(body string) []string { return formatIDs(format, body) })
			s.faults = everyFault
			h.drain(t, h.follower(t, Config{Type: Webhook, URL: s.URL + "/in?token=t0ken", Secret: "hush", Format: format}))
			ids, bad := s.told()
			h.got(t, ids)
			if len(bad) > 0 {
				t.Errorf("bad requests: %q", bad)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if strings.Contains(fmt.Sprint(s.bodies), "hush") {
				t.Error("the secret was sent")
			}
		})
	}
}

// formatIDs reads the event ids of lines in a format.
func formatIDs(format, body string) (ids []string) {
	for line := range strings.Lines(body) {
		switch format {
		case CEF:
			_, rest, _ := strings.Cut(line, "externalId=")
			id, _, _ := strings.Cut(rest, " ")
			ids = append(ids, id)
		case OCSF:
			var e struct{ Metadata struct{ UID string } }
			_ = json.Unmarshal([]byte(line), &e)
			ids = append(ids, e.Metadata.UID)
		default:
			var r sallyport.Record
			_ = json.Unmarshal([]byte(line), &r)
			ids = append(ids, r.EventID)
		}
	}
	return ids
}

func splunkIDs(body string) (ids []string) {
	decoder := json.NewDecoder(strings.NewReader(body))
	for {
		var e struct {
			Time       float64
			SourceType string
			Event      sallyport.Record
		}
		if decoder.Decode(&e) != nil {
			return ids
		}
		if e.Time == float64(e.Event.Time.UnixMicro())/1e6 && e.SourceType == "sallyport:audit" {
			ids = append(ids, e.Event.EventID)
		}
	}
}

func TestSplunk(t *testing.T) {
	t.Parallel()
	check := func(r *http.Request, _ string) string {
		if r.URL.Path != "/services/collector/event" || r.Header.Get("Authorization") != "Splunk t0ken" || r.Header.Get("X-Splunk-Request-Channel") == "" {
			return fmt.Sprint(r.URL, r.Header)
		}
		return ""
	}
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, 1600)
		s := startSIEM(t, check, splunkIDs)
		s.faults = everyFault
		h.drain(t, h.follower(t, Config{Type: Splunk, URL: s.URL, Secret: "t0ken"}))
		ids, bad := s.told()
		h.got(t, ids)
		if len(bad) > 0 {
			t.Errorf("bad requests: %q", bad)
		}
	})
	t.Run("acknowledged", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, 600)
		s := startSIEM(t, check, splunkIDs)
		s.ack, s.acks, s.lost = true, 3, 1
		f := h.follower(t, Config{Type: Splunk, URL: s.URL, Secret: "t0ken"})
		if d := f.turn(t.Context()); d != backoffFirst || h.lag(t) != 600 {
			t.Errorf("a batch that was taken and lost: waits %v with a lag of %d, want %v and 600", d, h.lag(t), backoffFirst)
		}
		s.mu.Lock()
		s.lost = 0
		s.mu.Unlock()
		h.drain(t, f)
		ids, _ := s.told()
		h.got(t, ids)
	})
}

// A receiver that is down for a day gets the day, and nobody learns the token in its address.
func TestReceiverIsDown(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 700)
	s := startSIEM(t, func(*http.Request, string) string { return "" }, func(body string) []string { return formatIDs(JSON, body) })
	listener := s.Listener.Addr().String()
	s.Close()
	f := h.follower(t, Config{Type: Webhook, URL: "http://" + listener + "/t0ken", Secret: "hush"})
	for from := h.clock(); h.clock().Sub(from).Hours() < 24; {
		h.wait(t.Context(), f.turn(t.Context()))
	}
	states, err := h.db.SinkStates(t.Context())
	if err != nil || len(states) != 1 || states[0].Failures < 200 || strings.Contains(states[0].Error, "t0ken") {
		t.Errorf("state is %+v %v", states, err)
	}
	h.add(t, 100)
	if h.lag(t) != 800 {
		t.Errorf("the lag is %d, want 800", h.lag(t))
	}
	s = startSIEM(t, func(*http.Request, string) string { return "" }, func(body string) []string { return formatIDs(JSON, body) })
	f = h.follower(t, Config{Type: Webhook, URL: s.URL, Secret: "hush"})
	h.drain(t, f)
	ids, _ := s.told()
	h.got(t, ids)
	if len(ids) != 800 {
		t.Errorf("got %d records, want each of 800 once", len(ids))
	}
}
