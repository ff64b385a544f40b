package provider_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat/chattest"
	"github.com/sallyport-ai/sallyport/internal/dialect/completions"
	"github.com/sallyport-ai/sallyport/internal/dialect/completions/completionstest"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages/messagestest"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses/responsestest"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

var answersFile = flag.String("answers", "", "TestAnswers writes here what clients get, an answer a line, for clients/test/recordings.test.js")

// answerEncoder writes an answer as a client's dialect has it.
type answerEncoder interface {
	Event(e *llm.Event) ([]byte, error)
	Whole(e *llm.Event) ([]byte, error)
	Failure(e sallyport.Error) []byte
}

// answerClient is a client of a dialect, as strict as any.
type answerClient struct {
	ask     string // for a plain answer, without its last brace
	stream  string // what asks for a stream, behind it
	decode  func([]byte) (*llm.Request, error)
	encoder func(req *llm.Request) answerEncoder
	// read and whole read a stream and a plain answer into what it says.
	read, whole func(answer string) (said, error)
}

// said is what an answer says: its text, its calls, and whether it failed.
type said struct {
	text, refusal string
	calls         []providertest.ToolCall
	failed        bool
}

var began = time.Unix(1767225600, 0)

var answerClients = map[string]answerClient{
	"chat": {
		`{"model":"m","messages":[{"role":"user","content":"Hi"}]`, `,"stream":true,"stream_options":{"include_usage":true}`, chat.Decode,
		func(req *llm.Request) answerEncoder { return chat.NewEncoder(req, began) },
		func(stream string) (said, error) { return chatSaid(chattest.Read(stream)) },
		func(body string) (said, error) { return chatSaid(chattest.Whole(body)) },
	},
	"messages": {
		`{"model":"m","max_tokens":100,"messages":[{"role":"user","content":"Hi"}]`, `,"stream":true`, messages.Decode,
		func(req *llm.Request) answerEncoder { return messages.NewEncoder(req, began) },
		func(stream string) (said, error) { return messageSaid(messagestest.Read(stream)) },
		func(body string) (said, error) { return messageSaid(messagestest.Whole(body)) },
	},
	"responses": {
		`{"model":"m","input":"Hi"`, `,"stream":true`, responses.Decode,
		func(req *llm.Request) answerEncoder { return responses.NewEncoder(req, began) },
		func(stream string) (said, error) { return responseSaid(responsestest.Read(stream)) },
		func(body string) (said, error) { return responseSaid(responsestest.Whole(body)) },
	},
	"completions": {
		`{"model":"m","prompt":"Hi"`, `,"stream":true,"stream_options":{"include_usage":true}`, completions.Decode,
		func(req *llm.Request) answerEncoder { return completions.NewEncoder(req, began) },
		func(stream string) (said, error) { return completionSaid(completionstest.Read(stream)) },
		func(body string) (said, error) { return completionSaid(completionstest.Whole(body)) },
	},
}

// otherDialects are those whose clients do not ask for an answer of a model that writes.
var otherDialects = map[string]string{"transcriptions": "what sound says: see its own tests"}

// A dialect that has an encoder has clients that are judged.
func TestAnswersOfEachDialect(t *testing.T) {
	t.Parallel()
	encoders, err := filepath.Glob("../dialect/*/encoder.go")
	if err != nil || len(encoders) < len(answerClients) {
		t.Fatalf("got %v, %v", encoders, err)
	}
	for _, path := range encoders {
		dialect := filepath.Base(filepath.Dir(path))
		if _, judged := answerClients[dialect]; judged == (otherDialects[dialect] != "") {
			t.Errorf("%s: its clients are judged: %v, and the reason why not: %q", dialect, judged, otherDialects[dialect])
		}
	}
}

func completionSaid(got completionstest.Answer, err error) (said, error) {
	return said{text: got.Text, failed: got.Error != ""}, err
}

func chatSaid(got chattest.Stream, err error) (said, error) {
	s := said{text: got.Text, refusal: got.Refusal, failed: got.Error != ""}
	for _, c := range got.Calls {
		s.calls = append(s.calls, providertest.ToolCall{ID: c.ID, Name: c.Name, Arguments: c.Arguments})
	}
	return s, err
}

func messageSaid(got messagestest.Stream, err error) (said, error) {
	s := said{failed: got.Error != ""}
	for _, b := range got.Blocks {
		switch b.Type {
		case "text":
			s.text += b.Text
		case "tool_use":
			s.calls = append(s.calls, providertest.ToolCall{ID: b.ID, Name: b.Name, Arguments: b.Text})
		}
	}
	return s, err
}

func responseSaid(got responsestest.Stream, err error) (said, error) {
	s := said{text: got.Text, refusal: got.Refusal, failed: got.Error != "" || got.Response.Status == "failed"}
	for _, c := range got.Calls {
		s.calls = append(s.calls, providertest.ToolCall{ID: c.ID, Name: c.Name, Arguments: c.Arguments})
	}
	return s, err
}

// asks is the client's request.
func (c answerClient) asks(t *testing.T, stream bool) *llm.Request {
	t.Helper()
	body := c.ask
	if stream {
		body += c.stream
	}
	req, err := c.decode([]byte(body + "}"))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// answerForms are the forms of an answer, and whether it is a stream.
var answerForms = map[string]bool{"plain": false, "stream": true}

// conversation is one that a kind of provider can have with any client.
type conversation struct {
	name    string
	target  string
	open    func(t *testing.T) provider.Provider
	answer  string // what the provider says; "": it is in this program
	streams bool
	native  bool   // it is OpenAI's own Responses
	notTo   string // clients of that dialect, if any
}

// conversations are those with a kind that end with an answer.
func conversations(t *testing.T, kind string) (all []conversation) {
	t.Helper()
	if kind == "offline" {
		open := func(t *testing.T) provider.Provider { return openAs(kind)(t, provider.Config{Name: "offline"}) }
		return []conversation{{name: "plain", target: "m", open: open}, {name: "stream", target: "m", open: open, streams: true}}
	}
	add := func(r providertest.Recording, open providertest.Open) {
		if r.Succeeds(t) {
			all = append(all, conversation{
				name: r.Name, target: r.Target, open: func(t *testing.T) provider.Provider { return r.Play(t, open) },
				answer: r.Answer(t), streams: r.Request(t).Stream, native: r.Dialect == "responses",
			})
		}
	}
	for _, r := range providertest.ReadRecordings(t, recordings, kind).All() {
		add(r, openAs(kind))
	}
	if open := scripted[kind]; open != nil {
		all = append(all, scriptedConversation(kind, open, false), scriptedConversation(kind, open, true))
	}
	if kind == "azure" { // its Responses are OpenAI's own
		for _, r := range providertest.ReadRecordings(t, recordings, "openai").All() {
			if r.Dialect == "responses" {
				add(r, openAzureResponses)
			}
		}
	}
	return all
}

// scripted are kinds of each dialect of providers. They give to clients of other dialects
// an answer of everything, which no recording has in both forms.
var scripted = map[string]providertest.Open{
	"anthropic": openAs("anthropic"), "bedrock": openBedrock, "gemini": openGemini, "deepseek": openAs("deepseek"),
}

// ownDialects are those of scripted kinds, where a client has the same.
var ownDialects = map[string]string{"anthropic": "messages", "deepseek": "chat"}

func scriptedConversation(kind string, open providertest.Open, streams bool) conversation {
	return conversation{name: "everything", target: "m", streams: streams, notTo: ownDialects[kind], open: func(t *testing.T) provider.Provider {
		fake := providertest.New(t)
		fake.Queue(providertest.Answer{
			Thinking: "Hm.", Text: "I look.", Usage: &llm.Usage{Input: 7, CachedInput: 5, Output: 2},
			Tools: []providertest.ToolCall{{ID: "a", Name: "f", Arguments: `{"x":"y"}`}, {ID: "b", Name: "g", Arguments: "{}"}},
		})
		return open(t, provider.Config{Name: "fake", BaseURL: fake.URL, APIKey: "the-key", AllowPrivate: true})
	}}
}

// openAzureResponses opens Azure at the address of its version 1.
func openAzureResponses(t *testing.T, cfg provider.Config) provider.Provider {
	t.Helper()
	cfg.BaseURL = strings.TrimSuffix(cfg.BaseURL, "/v1") + "/openai/v1"
	return openAs("azure")(t, cfg)
}

// asksNative says whether clients of the dialect get the kind's own Responses: OpenAI and
// Azure are asked by Responses for clients of Responses, and for no others.
func asksNative(kind, dialect string) bool {
	return (kind == "openai" || kind == "azure") && dialect == "responses"
}

// A client of each dialect gets of every kind of provider, plain and streamed, answers
// that its state machine takes, with what the provider said; one of the client's own
// dialect as it came. No pair of kind and dialect is without.
func TestAnswers(t *testing.T) {
	t.Parallel()
	var out answerLines
	needed := make([]bool, len(deviations))
	for _, kind := range provider.Types() {
		for dialect, c := range answerClients {
			for form, stream := range answerForms {
				judged := 0
				for _, had := range conversations(t, kind) {
					if had.streams == stream && had.native == asksNative(kind, dialect) && had.notTo != dialect {
						judged++
						t.Run(kind+"/"+had.name+"/"+dialect, func(t *testing.T) {
							out.add(answerLine{kind, had.name, dialect, form, c.get(t, kind, dialect, had, needed)})
						})
					}
				}
				if judged == 0 {
					t.Errorf("nothing is judged of what a client of %s gets of %s: %s", dialect, kind, form)
				}
			}
		}
	}
	out.close(t)
	for i, d := range deviations {
		if !needed[i] {
			t.Errorf("%s to a client of %s: %s is as it should be, and the deviation is told: %s", d.kind, d.dialect, d.field, d.why)
		}
	}
}

// get asks as the client does and judges what it gets.
func (c answerClient) get(t *testing.T, kind, dialect string, had conversation, needed []bool) string {
	t.Helper()
	req := c.asks(t, had.streams)
	enc := c.encoder(req)
	var (
		heard providertest.Heard
		told  strings.Builder
		same  bool
	)
	hear := heard.Sink()
	_, err := had.open(t).Do(t.Context(), had.target, req, func(e *llm.Event) error {
		same = e.Dialect == req.Dialect
		encode := enc.Event
		if e.Kind == llm.WholeEvent {
			encode = enc.Whole
		}
		text, err := encode(e)
		told.Write(text)
		return errors.Join(err, hear(e))
	})
	if err != nil {
		told.Write(enc.Failure(failed(err)))
	}
	if same {
		passed(t, told.String(), had, err != nil)
	}
	read := c.whole
	if had.streams {
		read = c.read
	}
	got, jerr := judge(read, kind, dialect, told.String(), needed)
	if jerr != nil {
		t.Fatalf("%v\nin\n%s", jerr, told.String())
	}
	if got.failed != (err != nil) {
		t.Errorf("the client is told of a failure: %v; the provider ended with %v", got.failed, err)
	}
	// Who is told of a failure by Responses is not told what was said, but in pieces.
	if (err == nil || got.text != "") && got.text+got.refusal != heard.Text+heard.Refusal {
		t.Errorf("the client is told %q, refused %q; the provider said %q, refused %q", got.text, got.refusal, heard.Text, heard.Refusal)
	}
	// Text completions know no calls, and their clients bring no tools.
	if err == nil && dialect != "completions" && compact(got.calls) != compact(heard.Tools) {
		t.Errorf("calls: got %v, want %v", got.calls, heard.Tools)
	}
	return told.String()
}

// compact writes calls down without the blanks in their arguments, which messages have as
// an object.
func compact(calls []providertest.ToolCall) string {
	var out bytes.Buffer
	for _, c := range calls {
		fmt.Fprintf(&out, "%s %s ", c.ID, c.Name)
		if json.Compact(&out, []byte(c.Arguments)) != nil {
			out.WriteString(c.Arguments)
		}
	}
	return out.String()
}

// failed is what a client is told when a stream ends with err.
func failed(err error) sallyport.Error {
	e := sallyport.Error{Message: "It failed."}
	if known := (*sallyport.Error)(nil); errors.As(err, &known) {
		e = *known
	}
	e.Code = "stream_error"
	return e
}

// passed wants what the client gets to be what the provider said, byte for byte, but for
// its failure, the model's name and the text that plain Responses end with.
func passed(t *testing.T, told string, had conversation, failed bool) {
	t.Helper()
	told = strings.Replace(told, `"model":"m"`, `"model":"claude-sonnet-4-5-20250929"`, 1)
	if had.answer == "" {
		return
	}
	if !had.streams {
		if !strings.HasPrefix(told, strings.TrimRight(had.answer, "\n }")) {
			t.Errorf("the client got\n%s\nand the provider said\n%s", told, had.answer)
		}
		return
	}
	for frame := range strings.SplitAfterSeq(told, "\n\n") {
		if failed && (strings.HasPrefix(frame, "event: error\n") || strings.HasPrefix(frame, "event: response.failed\n") || frame == "data: [DONE]\n\n") {
			continue
		}
		if frame != "" && !strings.Contains(had.answer, frame) {
			t.Errorf("the provider did not say %s", frame)
		}
	}
}

// A deviation is what a kind of provider does that passes to clients of its own dialect
// as it came, although a strict client does not take it.
type deviation struct {
	kind, dialect string
	field, why    string
	mend          func(told string) string // as it would be without
}

// deviations are all of them. One that is not needed any more fails the test.
var deviations = []deviation{
	{"azure", "chat", "id", "a chunk of the prompt's filter comes first, which is of no answer", without(`data: {"choices":[],"created":0,"id":""`)},
	{"gemini-openai", "chat", "delta.role", "each chunk tells it", roleOnce},
	{"mistral", "chat", "content", "a list of parts where the model thinks", partsAsText},
	{"mistral", "chat", "tool_calls.type", "calls have none", callsTyped},
	{"ollama", "chat", "delta.role", "each chunk tells it", roleOnce},
	{"openrouter", "chat", "delta.role", "each chunk tells it", roleOnce},
	{"together", "chat", "delta.role", "the last chunk tells it again", roleOnce},
	{"xai", "chat", "delta.role", "a chunk with calls tells it again", roleOnce},
}

// without leaves out the frames that begin so.
func without(begin string) func(string) string {
	return func(told string) string {
		var out strings.Builder
		for frame := range strings.SplitAfterSeq(told, "\n\n") {
			if !strings.HasPrefix(frame, begin) {
				out.WriteString(frame)
			}
		}
		return out.String()
	}
}

func roleOnce(told string) string {
	const role = `"role":"assistant"`
	first, rest, _ := strings.Cut(told, role)
	return first + role + strings.ReplaceAll(strings.ReplaceAll(rest, role+",", ""), ","+role, "")
}

// mistralParts are a content that is a list: of thinking, then of text.
var mistralParts = regexp.MustCompile(`"content":\[(?:\{"type":"thinking","thinking":\[\{"type":"text","text":("[^"]*")\}\]\})?,?(?:\{"type":"text","text":("[^"]*")\})?\]`)

func partsAsText(told string) string {
	return mistralParts.ReplaceAllStringFunc(told, func(content string) string {
		parts := mistralParts.FindStringSubmatch(content)
		return `"reasoning_content":` + cmp.Or(parts[1], `""`) + `,"content":` + cmp.Or(parts[2], "null")
	})
}

func callsTyped(told string) string {
	return strings.ReplaceAll(told, `"function":{"name"`, `"type":"function","function":{"name"`)
}

// judge is what a client reads, which knows the deviations of that kind. It notes in
// needed those without which the client would take nothing.
func judge(read func(string) (said, error), kind, dialect, told string, needed []bool) (said, error) {
	mended := func(but int) string {
		out := told
		for i, d := range deviations {
			if i != but && d.kind == kind && d.dialect == dialect {
				out = d.mend(out)
			}
		}
		return out
	}
	for i, d := range deviations {
		if d.kind == kind && d.dialect == dialect {
			_, err := read(mended(i))
			needed[i] = needed[i] || err != nil
		}
	}
	return read(mended(-1))
}

// answerLine is what a client got.
type answerLine struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Dialect string `json:"dialect"`
	Form    string `json:"form"`
	Answer  string `json:"answer"`
}

// answerLines collects what clients get.
type answerLines struct{ all []byte }

func (l *answerLines) add(line answerLine) {
	text, err := json.Marshal(line)
	if err != nil {
		panic(err) // strings
	}
	l.all = append(append(l.all, text...), '\n')
}

func (l *answerLines) close(t *testing.T) {
	t.Helper()
	if *answersFile == "" {
		return
	}
	if err := os.WriteFile(*answersFile, l.all, 0o600); err != nil {
		t.Fatal(err)
	}
}
