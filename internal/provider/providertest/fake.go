package providertest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// waitMax is how long a test waits for what should happen at once.
const waitMax = 30 * time.Second

// Fake is a provider that does what tests tell it. See the package comment.
type Fake struct {
	// URL is the base address for all dialects; it ends in /v1.
	URL string

	server      *httptest.Server
	closing     chan struct{}
	connections atomic.Int64

	mu       sync.Mutex
	queue    []Answer
	requests []*Request
	arrived  chan struct{} // closed and made anew with each request
}

// Request is what the Fake was asked.
type Request struct {
	Path   string // escaped, as it was sent
	Query  url.Values
	Header http.Header
	Body   []byte
	Form   *multipart.Form // of a Body that is one

	Model    string // as in Body
	Stream   bool
	LastUser string // the text of the last user message

	fields fields
	gone   chan struct{}
	done   chan struct{}
}

// fields is what the Fake reads of a body, of any dialect.
type fields struct {
	Model         string
	Stream        bool
	N             int
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	Messages []message
	Input    json.RawMessage // of the responses dialect: a text or items
	Contents []message       // gemini
}

type message struct {
	Role    string
	Content json.RawMessage
	Parts   json.RawMessage // gemini
}

// New starts a Fake that stops with the test.
func New(t testing.TB) *Fake {
	t.Helper()
	f := Start()
	t.Cleanup(f.Close)
	return f
}

// Start starts a Fake for who has no testing.TB at hand. It must be closed.
func Start() *Fake {
	f := &Fake{closing: make(chan struct{}), arrived: make(chan struct{})}
	f.server = httptest.NewUnstartedServer(http.HandlerFunc(f.serve))
	f.server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			f.connections.Add(1)
		}
	}
	f.server.Start()
	f.URL = f.server.URL + "/v1"
	return f
}

// Close ends what hangs and stops the server.
func (f *Fake) Close() {
	close(f.closing)
	f.server.CloseClientConnections()
	f.server.Close()
}

// Queue adds answers for the next requests, one for each.
func (f *Fake) Queue(answers ...Answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, answers...)
}

// Requests returns all requests so far, in the order in which they came.
func (f *Fake) Requests() []*Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*Request(nil), f.requests...)
}

// Connections is how many connections were made to the Fake.
func (f *Fake) Connections() int { return int(f.connections.Load()) }

// Wait returns the n-th request, counted from 1, as soon as it has arrived.
func (f *Fake) Wait(t testing.TB, n int) *Request {
	t.Helper()
	late := time.After(waitMax)
	for {
		f.mu.Lock()
		requests, arrived := f.requests, f.arrived
		f.mu.Unlock()
		if len(requests) >= n {
			return requests[n-1]
		}
		select {
		case <-arrived:
		case <-late:
			t.Fatalf("the fake provider got %d requests, the test waits for %d", len(requests), n)
		}
	}
}

// Gone is closed when the client leaves before it has its answer.
func (r *Request) Gone() <-chan struct{} { return r.gone }

// Done is closed when the Fake has written all it will.
func (r *Request) Done() <-chan struct{} { return r.done }

// WaitGone waits until the client has left.
func (r *Request) WaitGone(t testing.TB) {
	t.Helper()
	select {
	case <-r.gone:
	case <-time.After(waitMax):
		t.Fatal("the client does not leave the fake provider")
	}
}

// serve records the request, finds its answer and gives it.
func (f *Fake) serve(w http.ResponseWriter, hr *http.Request) {
	body, err := io.ReadAll(hr.Body)
	if err != nil {
		return // the client left while it sent; nothing was asked
	}
	r := newRequest(hr, body)
	stop := context.AfterFunc(hr.Context(), func() { close(r.gone) })
	defer close(r.done)
	defer func() {
		// The context ends with this call too, which is not the client's leaving;
		// but it may have ended just now, and the function not yet been told.
		if stop() && hr.Context().Err() != nil {
			close(r.gone)
		}
	}()
	answer, err := f.take(r)
	if err != nil {
		http.Error(w, "fake provider: "+err.Error(), http.StatusBadRequest)
		return
	}
	g := giver{fake: f, w: w, r: r, http: hr, answer: answer, wire: wireOf(r.Path)}
	g.give()
}

func newRequest(hr *http.Request, body []byte) *Request {
	r := &Request{
		Path: hr.URL.EscapedPath(), Query: hr.URL.Query(), Header: hr.Header, Body: body,
		gone: make(chan struct{}), done: make(chan struct{}),
	}
	_ = json.Unmarshal(body, &r.fields) // what cannot be read is asked nothing; tests look at Body
	r.Model, r.Stream = r.fields.Model, r.fields.Stream
	if strings.HasPrefix(hr.Header.Get("Content-Type"), "multipart/form-data") {
		form := hr.Clone(hr.Context())
		form.Body = io.NopCloser(bytes.NewReader(body))
		if form.ParseMultipartForm(int64(len(body))) == nil {
			r.Form = form.MultipartForm
			r.Model, r.Stream = form.PostFormValue("model"), form.PostFormValue("stream") == "true"
		}
	}
	if at := geminiPath.FindStringSubmatch(r.Path); at != nil {
		r.Model, r.Stream = at[1], at[2] == "streamGenerateContent" && r.Query.Get("alt") == "sse"
	} else if at := conversePath.FindStringSubmatch(r.Path); at != nil {
		r.Model, r.Stream = converseModel(r.Path), at[2] == "converse-stream"
	}
	all := append(r.fields.Messages, r.fields.Contents...)
	if json.Unmarshal(r.fields.Input, &r.LastUser) != nil {
		_ = json.Unmarshal(r.fields.Input, &all)
	}
	for _, m := range all {
		if m.Role == "user" {
			r.LastUser = said(append(m.Content, m.Parts...)) // one of them
		}
	}
	return r
}

// said is the text of a content that is a string or blocks.
func said(content json.RawMessage) string {
	var text string
	if json.Unmarshal(content, &text) == nil {
		return text
	}
	var blocks []struct{ Type, Text string }
	_ = json.Unmarshal(content, &blocks)
	var all []string
	for _, b := range blocks {
		if b.Type == "text" || b.Type == "input_text" || b.Type == "" && b.Text != "" {
			all = append(all, b.Text)
		}
	}
	return strings.Join(all, "\n")
}

// take records r and finds its answer.
func (f *Fake) take(r *Request) (Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r)
	close(f.arrived)
	f.arrived = make(chan struct{})
	if len(f.queue) > 0 {
		answer := f.queue[0]
		f.queue = f.queue[1:]
		return answer, nil
	}
	return directed(r.LastUser)
}
