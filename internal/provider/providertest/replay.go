package providertest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/provider"
)

// recordedKey stands for the credential in what providers are sent.
const recordedKey = "the-key-of-recordings"

// Replay holds the provider of a kind to its recordings: it sends what stands there,
// and hears of the answer what stands there.
func Replay(t *testing.T, dir, kind string, open Open) {
	t.Helper()
	f := ReadRecordings(t, dir, kind)
	for _, r := range f.All() {
		t.Run(r.Name, func(t *testing.T) {
			if !*updateFlag && !*recordFlag { // those write one file
				t.Parallel()
			}
			r.replay(t, open)
		})
	}
}

func (r Recording) replay(t *testing.T, open Open) {
	t.Helper()
	var heard Heard
	req := r.Request(t)
	receipt, err := r.Open(t, open).Do(t.Context(), r.Target, req, heard.Sink())
	r.has(t, "heard.txt", r.told(t, heard, receipt, err))
	if err == nil && req.Stream && (heard.Dones != 1 || !heard.LastDone || heard.Wholes != 0) || err == nil && !req.Stream && heard.Wholes != 1 ||
		err != nil && heard.Dones+heard.Wholes != 0 {
		t.Errorf("got %d chunks, %d wholes, %d dones, and the error %v", heard.Chunks, heard.Wholes, heard.Dones, err)
	}
}

// Request is what the client asks.
func (r Recording) Request(t testing.TB) *llm.Request {
	t.Helper()
	decode := map[string]func([]byte) (*llm.Request, error){"chat": chat.Decode, "messages": messages.Decode, "responses": responses.Decode}[r.Dialect]
	if decode == nil {
		t.Fatalf("%s: there is no client dialect %q", r.Name, r.Dialect)
	}
	req, err := decode(bytes.Clone(r.Ask))
	if err != nil {
		t.Fatalf("%s: %v", r.Name, err)
	}
	return req
}

// Open returns the provider, with the recording at its far end: it judges the request
// and gives the answer.
func (r Recording) Open(t *testing.T, open Open) provider.Provider {
	t.Helper()
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) { r.serve(t, w, hr) }))
	t.Cleanup(far.Close)
	return open(t, r.config(far.URL))
}

func (r Recording) config(url string) provider.Config {
	return provider.Config{
		Name: "recorded", BaseURL: url + r.file.service.Base, APIKey: recordedKey, AllowPrivate: true, FirstByte: waitMax, Idle: waitMax,
	}
}

func (r Recording) serve(t *testing.T, w http.ResponseWriter, hr *http.Request) {
	body, err := io.ReadAll(hr.Body)
	if err != nil {
		t.Errorf("%s: the request breaks off: %v", r.Name, err)
		return
	}
	r.has(t, "request.http", requestText(hr, body))
	var answer recorded
	if *recordFlag {
		answer, err = r.ask(hr, body)
	} else {
		answer, err = r.response()
	}
	if err != nil {
		t.Error(err)
		return
	}
	if *recordFlag {
		r.has(t, "response.http", answer.text())
	}
	answer.give(t, w)
}

// volatile are the headers that say nothing: lengths and names of programs.
var volatile = []string{"Content-Length", "User-Agent", "Traceparent"}

// requestText is a request as it stands in a file, without its credential.
func requestText(hr *http.Request, body []byte) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s HTTP/1.1\n", hr.Method, hr.URL.RequestURI())
	for _, name := range slices.Sorted(maps.Keys(hr.Header)) {
		if !slices.Contains(volatile, name) {
			fmt.Fprintf(&out, "%s: %s\n", name, strings.ReplaceAll(strings.Join(hr.Header[name], ", "), recordedKey, "[key]"))
		}
	}
	return out.String() + "\n" + string(body)
}

// give answers with what was recorded, a stream event by event.
func (a recorded) give(t *testing.T, w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	pieces := [][]byte{a.body}
	switch kind := a.header.Get("Content-Type"); {
	case strings.HasPrefix(kind, "text/event-stream"):
		pieces = bytes.SplitAfter(a.body, []byte("\n\n"))
	case kind == awsStream:
		pieces = awsMessages(a.body)
	}
	w.WriteHeader(a.status)
	for _, piece := range pieces {
		if _, err := w.Write(piece); err != nil {
			return // the client has what it wanted
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	}
	if a.cut {
		panic(http.ErrAbortHandler)
	}
}

// awsStream is the type of Bedrock's binary streams. In a file each message is a line:
// its name, with an exclamation mark when it is an exception, and its JSON.
const awsStream = "application/vnd.amazon.eventstream"

func awsMessages(lines []byte) (all [][]byte) {
	for line := range strings.Lines(string(lines)) {
		name, data, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" {
			continue
		}
		kind := "event"
		if exception, is := strings.CutPrefix(name, "!"); is {
			kind, name = "exception", exception
		}
		all = append(all, []byte(converseWire{}.message(kind, name, data)))
	}
	return all
}

// awsLines is the other way.
func awsLines(stream []byte) ([]byte, error) {
	var out bytes.Buffer
	for from := bytes.NewReader(stream); from.Len() > 0; {
		m, err := eventstream.NewDecoder().Decode(from, nil)
		if err != nil {
			return nil, err
		}
		mark, name := "", m.Headers.Get(":event-type")
		if name == nil {
			mark, name = "!", m.Headers.Get(":exception-type")
		}
		fmt.Fprintf(&out, "%s%v %s\n", mark, name, m.Payload)
	}
	return out.Bytes(), nil
}

// ask asks the real service.
func (r Recording) ask(hr *http.Request, body []byte) (recorded, error) {
	key := os.Getenv(r.file.service.Key)
	if key == "" {
		return recorded{}, fmt.Errorf("to record %s the variable %s must have a key", r.file.path, r.file.service.Key)
	}
	out, err := http.NewRequestWithContext(hr.Context(), hr.Method, r.file.service.URL+hr.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return recorded{}, err
	}
	for name, values := range hr.Header {
		out.Header.Set(name, strings.ReplaceAll(values[0], recordedKey, key))
	}
	answer, err := http.DefaultClient.Do(out)
	if err != nil {
		return recorded{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	said, err := io.ReadAll(answer.Body)
	if err == nil && answer.Header.Get("Content-Type") == awsStream {
		said, err = awsLines(said)
	}
	said = bytes.ReplaceAll(said, []byte(key), []byte("[key]"))
	return recorded{status: answer.StatusCode, header: answer.Header, body: said}, err
}

// told writes down what became of the conversation.
func (r Recording) told(t *testing.T, h Heard, receipt llm.Receipt, err error) string {
	t.Helper()
	var out strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&out, "%s: %s\n", name, value)
		}
	}
	line("status", fmt.Sprint(receipt.Status))
	line("thinking", quoted(h.Thinking))
	line("text", quoted(h.Text))
	line("refusal", quoted(h.Refusal))
	for _, call := range h.Tools {
		line("tool", fmt.Sprintf("%s %s %s", madeID.ReplaceAllString(call.ID, "call_*"), call.Name, call.Arguments))
	}
	line("finish", string(h.Finish))
	if u := h.Usage; u != nil {
		line("usage", fmt.Sprintf("input %d, cached %d, written %d, output %d, reasoning %d", u.Input, u.CachedInput, u.CacheWrite, u.Output, u.Reasoning))
	}
	var refused *llm.UpstreamError
	switch {
	case errors.As(err, &refused):
		line("error", fmt.Sprintf("status %d of the dialect %s", refused.Status, refused.Dialect))
		line("retry after", refused.RetryAfter)
		if answer, _ := r.response(); !bytes.Equal(refused.Body, answer.body) {
			t.Errorf("the provider's words are changed: %s", refused.Body)
		}
	case err != nil:
		line("error", string(sallyport.CodeOf(err)))
	}
	return out.String()
}

// madeID is an id of ours, for a call that its provider gave none.
var madeID = regexp.MustCompile(`^call_[0-9a-f]{32}$`)

func quoted(text string) string {
	if text == "" {
		return ""
	}
	return string(llm.Quote(text))
}

// Play is Open for any request: the recording's answer is given to whoever asks.
func (r Recording) Play(t *testing.T, open Open) provider.Provider {
	t.Helper()
	answer, err := r.response()
	if err != nil {
		t.Fatal(err)
	}
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		_, _ = io.Copy(io.Discard, hr.Body)
		answer.give(t, w)
	}))
	t.Cleanup(far.Close)
	return open(t, r.config(far.URL))
}

// Succeeds says whether the provider answers, and does not refuse.
func (r Recording) Succeeds(t testing.TB) bool {
	t.Helper()
	answer, err := r.response()
	if err != nil {
		t.Fatal(err)
	}
	return answer.status == http.StatusOK
}

// Answer is the body that the provider answers with.
func (r Recording) Answer(t testing.TB) string {
	t.Helper()
	answer, err := r.response()
	if err != nil {
		t.Fatal(err)
	}
	return string(answer.body)
}
