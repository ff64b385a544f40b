package server

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/completions"
	"github.com/sallyport-ai/sallyport/internal/dialect/embeddings"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/dialect/transcriptions"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// clientDialect is a way in which clients ask models.
type clientDialect struct {
	surface surface
	decode  func(body []byte) (*llm.Request, error)
	// form is decode, in its place, where the body is a form.
	form    func(contentType string, body []byte) (*llm.Request, error)
	encoder func(req *llm.Request, created time.Time) encoder
	// headers of the client that a provider of the same dialect is to get.
	headers []string
	// session is the header that names the conversation, where clients send one.
	session string
	// ready, unless nil, makes ready what this dialect alone knows, before the
	// call sets out: the request as it is meant, and what becomes of its answer.
	ready func(s *Server, r *request, asked *llm.Request) (*llm.Request, *turn, error)
	// agent answers where the model is an agent of that id; nil: none is one here.
	agent func(s *Server, w http.ResponseWriter, r *request, asked *llm.Request, id string) error
}

// chatDialect is POST /v1/chat/completions.
var chatDialect = clientDialect{
	surface: chatSurface,
	decode:  chat.Decode,
	encoder: func(req *llm.Request, created time.Time) encoder { return chat.NewEncoder(req, created) },
	ready:   (*Server).readyChat,
}

// messagesDialect is POST /v1/messages, and countDialect what counts its tokens.
var (
	messagesDialect = clientDialect{
		surface: messagesSurface,
		decode:  messages.Decode,
		encoder: func(req *llm.Request, created time.Time) encoder { return messages.NewEncoder(req, created) },
		headers: []string{anthropicVersion, "Anthropic-Beta", claudeSession},
		session: claudeSession,
		ready:   (*Server).readyMessage,
	}
	countDialect = clientDialect{
		surface: messagesSurface,
		decode:  messages.DecodeCount,
		encoder: messagesDialect.encoder,
		headers: messagesDialect.headers,
		session: claudeSession,
		ready:   (*Server).readyMessage,
	}
)

// completionsDialect is POST /v1/completions, and embeddingsDialect POST /v1/embeddings.
var (
	completionsDialect = clientDialect{
		surface: chatSurface,
		decode:  completions.Decode,
		encoder: func(req *llm.Request, created time.Time) encoder { return completions.NewEncoder(req, created) },
	}
	embeddingsDialect = clientDialect{
		surface: surface{dialect: llm.Embeddings, body: openAIError},
		decode:  embeddings.Decode,
		encoder: func(*llm.Request, time.Time) encoder { return embeddings.Encoder{} },
	}
)

// transcriptionsDialect is POST /v1/audio/transcriptions.
var transcriptionsDialect = clientDialect{
	surface: surface{dialect: llm.Transcriptions, body: openAIError},
	form:    transcriptions.Decode,
	encoder: func(req *llm.Request, _ time.Time) encoder { return transcriptions.NewEncoder(req) },
}

// anthropicVersion is the header that Anthropic's clients send with each call. Both
// APIs have files and models at the same paths.
const anthropicVersion = "Anthropic-Version"

func speaksAnthropic(r *http.Request) bool { return r.Header.Get(anthropicVersion) != "" }

// claudeSession is the header in which Claude Code names its session.
const claudeSession = "X-Claude-Code-Session-Id"

// compatHeader names another behaviour than that of the dialect's own API, where
// an encoder knows one.
const compatHeader = "X-Sallyport-Compat"

// compatible is an encoder that knows several behaviours by name.
type compatible interface{ Compat(name string) }

// infer answers a route on which clients of that dialect ask models.
func (s *Server) infer(d clientDialect, action string) http.Handler {
	return s.api(d.surface, action, func(w http.ResponseWriter, r *request) error {
		asked, err := d.read(r)
		if err != nil {
			return s.refuse(r, err)
		}
		var kept *turn
		r.call.Requested, r.call.Stream = asked.Model, asked.Stream
		if id, is := strings.CutPrefix(asked.Model, agentModelPrefix); is && d.agent != nil {
			return d.agent(s, w, r, asked, id)
		} else if is {
			return s.refuse(r, agentElsewhere())
		}
		if d.ready != nil {
			ready, turn, err := d.ready(s, r, asked)
			switch {
			case err == nil:
				asked, kept = ready, turn
			case !r.mayRepeat():
				return s.refuse(r, err)
			default: // what it names may be gone since it was answered
				r.call.Unready, r.call.BytesIn = err, int64(len(r.body))
			}
		}
		if asked.Headers, err = d.pass(r.Header); err != nil {
			return s.refuse(r, err)
		}
		asked.Session = cmp.Or(asked.Headers[d.session], asked.Session)
		r.call.Request = asked
		ask := func(w http.ResponseWriter, r *request) (*answer, error) { return s.ask(w, r, d, kept) }
		if kept.background() {
			return s.inBackground(w, r, kept, ask)
		}
		out, err := ask(w, r)
		switch {
		case err != nil && out != nil:
			out.fail(err)
		case err == nil && out.once.replayed():
			return out.once.writeReplay(w)
		}
		return err
	})
}

// ask carries the request to its model, and the answer to w. The answer is nil for
// a call that was refused before it set out. What ends a stream that failed, and the
// answer to a repeat, is for the caller to write.
func (s *Server) ask(w http.ResponseWriter, r *request, d clientDialect, kept *turn) (*answer, error) {
	if err := kept.take(r); err != nil {
		if !r.mayRepeat() {
			return nil, s.refuse(r, err)
		}
		r.call.Unready = err
	}
	defer kept.leave()
	enc := d.encoder(r.call.Request, r.call.StartedAt)
	kept.begin(enc)
	if choosing, can := enc.(compatible); can {
		choosing.Compat(r.Header.Get(compatHeader))
	}
	out := newAnswer(w, r, enc)
	out.turn = kept
	var err error
	if out.once, err = s.once(r, d.surface); err != nil {
		return nil, s.refuse(r, err)
	}
	if opened := r.call.Opened; kept.background() && r.call.Stream {
		r.call.Opened = func(ctx context.Context) error {
			if err := opened(ctx); err != nil {
				return err
			}
			return out.open(kept.enc.Open())
		}
	}
	if out.once != nil {
		out.once.render = out.render
		defer out.once.free() // a bug must not keep the key
	}
	err = s.parts.Gateway.Do(r.Context(), r.call, out.push)
	out.once.done(err)
	return out, err
}

func (d clientDialect) read(r *request) (*llm.Request, error) {
	if d.form != nil {
		return d.form(r.Header.Get("Content-Type"), r.body)
	}
	return d.decode(r.body)
}

// passedMax bounds, in bytes, a header that is passed on.
const passedMax = 4 << 10

// passedLetters are what versions, betas and ids are made of: no policy reads them,
// so nothing else may stand in them.
const passedLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:=,"

// pass picks the headers that a provider is to get. One that could be text is
// refused: without it the provider would not do what the client asked for.
func (d clientDialect) pass(h http.Header) (passed map[string]string, err error) {
	for _, name := range d.headers {
		value := strings.Join(h.Values(name), ",")
		if value == "" {
			continue
		}
		if len(value) > passedMax || strings.Trim(strings.ReplaceAll(value, ", ", ","), passedLetters) != "" {
			return nil, sallyport.NewError(sallyport.InvalidBody, "The header "+name+" has not the form of a version, a beta or an id.")
		}
		if passed == nil {
			passed = make(map[string]string)
		}
		passed[name] = value
	}
	return passed, nil
}
