package provider_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat/chattest"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages/messagestest"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses/responsestest"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

var streamsFile = flag.String("streams", "", "TestStreams writes here what clients get, an event a line, for clients/test/recordings.test.js")

// streamEncoder writes events as a client's dialect has them.
type streamEncoder interface {
	Event(e *llm.Event) ([]byte, error)
	Failure(e sallyport.Error) []byte
}

// streamClient is a client of a dialect, as strict as any.
type streamClient struct {
	ask     string
	decode  func([]byte) (*llm.Request, error)
	encoder func(req *llm.Request) streamEncoder
	// read reads a stream into what it says: its text, its calls, and whether it failed.
	read func(stream string) (said, error)
}

type said struct {
	text, refusal string
	calls         []providertest.ToolCall
	failed        bool
}

var began = time.Unix(1767225600, 0)

var streamClients = map[string]streamClient{
	"chat": {
		`{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Hi"}]}`, chat.Decode,
		func(req *llm.Request) streamEncoder { return chat.NewEncoder(req, began) },
		func(stream string) (s said, err error) {
			got, err := chattest.Read(stream)
			for _, c := range got.Calls {
				s.calls = append(s.calls, providertest.ToolCall{ID: c.ID, Name: c.Name, Arguments: c.Arguments})
			}
			s.text, s.refusal, s.failed = got.Text, got.Refusal, got.Error != ""
			return s, err
		},
	},
	"messages": {
		`{"model":"m","stream":true,"max_tokens":100,"messages":[{"role":"user","content":"Hi"}]}`, messages.Decode,
		func(req *llm.Request) streamEncoder { return messages.NewEncoder(req, began) },
		func(stream string) (s said, err error) {
			got, err := messagestest.Read(stream)
			for _, b := range got.Blocks {
				switch b.Type {
				case "text":
					s.text += b.Text
				case "tool_use":
					s.calls = append(s.calls, providertest.ToolCall{ID: b.ID, Name: b.Name, Arguments: b.Text})
				}
			}
			s.failed = got.Error != ""
			return s, err
		},
	},
	"responses": {
		`{"model":"m","stream":true,"input":"Hi"}`, responses.Decode,
		func(req *llm.Request) streamEncoder { return responses.NewEncoder(req, began) },
		func(stream string) (s said, err error) {
			got, err := responsestest.Read(stream)
			for _, c := range got.Calls {
				s.calls = append(s.calls, providertest.ToolCall{ID: c.ID, Name: c.Name, Arguments: c.Arguments})
			}
			s.text, s.refusal, s.failed = got.Text, got.Refusal, got.Error != "" || got.Response.Status == "failed"
			return s, err
		},
	},
}

// Of every recorded stream a client of each dialect gets one that its state machine
// takes, with what the provider said; one of the client's own dialect as it came.
func TestStreams(t *testing.T) {
	t.Parallel()
	var out streamLines
	for _, kind := range provider.Types() {
		if kind == "offline" {
			continue // noNet
		}
		for _, r := range providertest.ReadRecordings(t, recordings, kind).All() {
			if !r.Streams(t) {
				continue
			}
			for dialect, c := range streamClients {
				if couldAsk(kind, dialect, r) {
					t.Run(kind+"/"+r.Name+"/"+dialect, func(t *testing.T) {
						stream := c.stream(t, kind, r)
						out.add(kind, r.Name, dialect, stream)
					})
				}
			}
		}
	}
	out.close(t)
}

// couldAsk says whether a client of the dialect could get that answer: OpenAI and Azure are
// asked by Responses for clients of Responses, and for no others.
func couldAsk(kind, dialect string, r providertest.Recording) bool {
	both := kind == "openai" || kind == "azure"
	return (r.Dialect == "responses") == (both && dialect == "responses")
}

func (c streamClient) stream(t *testing.T, kind string, r providertest.Recording) string {
	t.Helper()
	req, err := c.decode([]byte(c.ask))
	if err != nil {
		t.Fatal(err)
	}
	enc := c.encoder(req)
	var (
		heard  providertest.Heard
		stream strings.Builder
		same   bool
	)
	hear := heard.Sink()
	_, err = r.Play(t, openAs(kind)).Do(t.Context(), r.Target, req, func(e *llm.Event) error {
		same = e.Dialect == req.Dialect
		frames, err := enc.Event(e)
		stream.Write(frames)
		return errors.Join(err, hear(e))
	})
	if err != nil {
		stream.Write(enc.Failure(sallyport.Error{Code: "stream_error", Message: "It failed."}))
	}
	if same {
		passed(t, stream.String(), r.Answer(t), err != nil)
		return stream.String()
	}
	got, rerr := c.read(stream.String())
	if rerr != nil {
		t.Fatalf("%v\nin\n%s", rerr, stream.String())
	}
	if got.failed != (err != nil) {
		t.Errorf("the client is told of a failure: %v; the provider ended with %v", got.failed, err)
	}
	// Who is told of a failure by Responses is not told what was said, but in pieces.
	if (err == nil || got.text != "") && got.text+got.refusal != heard.Text+heard.Refusal {
		t.Errorf("the client is told %q, refused %q; the provider said %q, refused %q", got.text, got.refusal, heard.Text, heard.Refusal)
	}
	if err == nil && fmt.Sprint(got.calls) != fmt.Sprint(heard.Tools) {
		t.Errorf("calls: got %v, want %v", got.calls, heard.Tools)
	}
	return stream.String()
}

// passed wants what the client gets to be what the provider said, byte for byte, but for
// its failure and the model's name.
func passed(t *testing.T, stream, said string, failed bool) {
	t.Helper()
	for frame := range strings.SplitAfterSeq(stream, "\n\n") {
		if failed && (strings.HasPrefix(frame, "event: error\n") || strings.HasPrefix(frame, "event: response.failed\n") || frame == "data: [DONE]\n\n") {
			continue
		}
		if frame != "" && !strings.Contains(said, strings.Replace(frame, `"model":"m"`, `"model":"claude-sonnet-4-5-20250929"`, 1)) {
			t.Errorf("the provider did not say %s", frame)
		}
	}
}

// streamLines collects what clients get.
type streamLines struct {
	mu  sync.Mutex
	all []byte
}

func (l *streamLines) add(kind, name, dialect, stream string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line, err := json.Marshal(map[string]string{"kind": kind, "name": name, "dialect": dialect, "stream": stream})
	if err != nil {
		panic(err) // strings
	}
	l.all = append(append(l.all, line...), '\n')
}

func (l *streamLines) close(t *testing.T) {
	t.Helper()
	if *streamsFile == "" {
		return
	}
	if err := os.WriteFile(*streamsFile, l.all, 0o600); err != nil {
		t.Fatal(err)
	}
}
