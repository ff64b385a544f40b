package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// mockMode starts this program as the provider.
const mockMode = "mock"

// gatewayCredential is what the gateway shows to the provider. Who shows it must
// not send an address.
const gatewayCredential = "credential-of-the-gateway"

// pieceOfText is the text of each piece of a stream.
const pieceOfText = "a piece of text "

// mock is a provider that speaks OpenAI's chat completions and does no work: its
// own cost is in every figure. It looks for the model's name in the body instead of
// parsing it, and has the answers of a model, whose bytes are always the same, ready.
type mock struct {
	prepared sync.Map // model name -> *prepared
	bodies   sync.Pool
}

func newMock() *mock {
	return &mock{bodies: sync.Pool{New: func() any { return new(bytes.Buffer) }}}
}

func (m *mock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	buf := m.bodies.Get().(*bytes.Buffer)
	defer m.bodies.Put(buf)
	buf.Reset()
	_, err := io.CopyN(buf, r.Body, earlyBytes)
	if err != nil && err != io.EOF {
		http.Error(w, "the body is cut", http.StatusBadRequest)
		return
	}
	p, err := m.answer(string(between(buf.Bytes(), `"model":"`, `"`)))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	if p.early {
		p.ahead(w, r.Body)
		return
	}
	if _, err := buf.ReadFrom(r.Body); err != nil {
		http.Error(w, "the body is cut", http.StatusBadRequest)
		return
	}
	body := buf.Bytes()
	if r.Header.Get("Authorization") == "Bearer "+gatewayCredential && bytes.IndexByte(body, '@') >= 0 {
		http.Error(w, "an address came through", http.StatusInternalServerError)
		return
	}
	begun := time.Now()
	if p.latency > 0 {
		time.Sleep(p.latency)
	}
	if p.chunks > 0 {
		p.stream(w, begun.Add(p.latency))
		return
	}
	p.whole(w, between(body, writeTo, " "))
}

// earlyBytes is how much of a request is read in any case; the model's name is in it.
const earlyBytes = 512

// between returns what stands behind the first before, up to the next after.
func between(body []byte, before, after string) []byte {
	_, rest, _ := bytes.Cut(body, []byte(before))
	found, _, _ := bytes.Cut(rest, []byte(after))
	return found
}

// prepared is an answer in bytes.
type prepared struct {
	answer
	before, after    string // of a plain answer, around the addressee
	head, text, tail []byte // of a stream
}

func (m *mock) answer(model string) (*prepared, error) {
	if p, ok := m.prepared.Load(model); ok {
		return p.(*prepared), nil
	}
	a, err := answerOf(model)
	if err != nil {
		return nil, err
	}
	p := prepare(model, a)
	m.prepared.Store(model, p)
	return p, nil
}

func prepare(model string, a answer) *prepared {
	const usage = `"usage":{"prompt_tokens":250,"completion_tokens":200,"total_tokens":450}`
	p := &prepared{answer: a}
	p.before = fmt.Sprintf(`{"id":"chatcmpl-mock","object":"chat.completion","created":1767225600,"model":%q,"choices":[`+
		`{"index":0,"message":{"role":"assistant","content":%q,"refusal":null},"logprobs":null,"finish_reason":"stop"}],`+usage+`}`,
		model, text(0, a.bytes)+"I wrote to | today.")
	p.before, p.after, _ = strings.Cut(p.before, "|")
	event := func(rest string) string {
		return fmt.Sprintf(`data: {"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1767225600,"model":%q,"choices":[%s}`, model, rest) + "\n\n"
	}
	choice := func(delta, reason string) string {
		return event(`{"index":0,"delta":{` + delta + `},"logprobs":null,"finish_reason":` + reason + `}]`)
	}
	p.head = []byte(choice(`"role":"assistant","content":""`, "null"))
	p.text = []byte(choice(`"content":"`+pieceOfText+`"`, "null"))
	p.tail = []byte(choice("", `"stop"`) + event(`],`+usage) + "data: [DONE]\n\n")
	return p
}

// whole names the addressee that the prompt named.
func (p *prepared) whole(w http.ResponseWriter, addressee []byte) {
	body := append(append([]byte(p.before), addressee...), p.after...)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // fails only when the client has left
}

// ahead answers while the request still comes in, and reads the rest behind that.
func (p *prepared) ahead(w http.ResponseWriter, rest io.Reader) {
	control := http.NewResponseController(w)
	if err := control.EnableFullDuplex(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	p.whole(w, nil)
	_ = control.Flush() // fails only when the client has left, as does what follows
	_, _ = io.Copy(io.Discard, rest)
}

// stream sends each piece alone, and the head with the first, by the timetable
// that begins then, so that a late piece delays none.
func (p *prepared) stream(w http.ResponseWriter, begun time.Time) {
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	_, _ = w.Write(p.head) // a failure comes back with the next piece
	for i := range p.chunks {
		if p.gap > 0 {
			time.Sleep(time.Until(begun.Add(time.Duration(i) * p.gap)))
		}
		if _, err := w.Write(p.text); err != nil || control.Flush() != nil {
			return
		}
	}
	_, _ = w.Write(p.tail) // fails only when the client has left
}
