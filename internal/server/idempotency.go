package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

const (
	// AnswersKept is how long, from its beginning, a request with an
	// Idempotency-Key is answered again.
	AnswersKept = 24 * time.Hour
	// answerKeptMax bounds the body of an answer that is kept.
	answerKeptMax = 1 << 20
	// idempotencyKeyMax bounds, in bytes, what names a request.
	idempotencyKeyMax = 255
	// idempotencyKey is the header with that.
	idempotencyKey = "Idempotency-Key"
	// underWayRetry is when a repeat may try again whose first is under way.
	underWayRetry = time.Second
)

// Requests keeps the first requests with an Idempotency-Key; *store.DB is the real one.
type Requests interface {
	// ClaimRequest makes c the first request unless one that began after
	// expired stands, and returns the one that stands.
	ClaimRequest(ctx context.Context, c sallyport.FirstRequest, expired time.Time) (sallyport.FirstRequest, error)
	// EndRequest ends a request under way as its State says.
	EndRequest(ctx context.Context, first sallyport.FirstRequest) error
}

// once is a request with an Idempotency-Key. A nil one is a request without.
type once struct {
	s     *Server
	r     *request
	sur   surface
	asked []byte // what is asked, to compare with a repeat
	first sallyport.FirstRequest
	// render lets saw see the end of the answer before it goes out, and returns
	// the answer's content type.
	render func(end *llm.Event) (contentType string, err error)

	claimed bool // this is the first request
	told    bool // its end was told to whoever writes the call's last record
	ended   bool // and is durable
	replay  *keptAnswer
	body    []byte // the answer so far
	large   bool   // it is larger than what is kept
}

// once reads the Idempotency-Key and sets r.call.Once. It is nil without one.
func (s *Server) once(r *request, sur surface) (*once, error) {
	if !r.mayRepeat() {
		return nil, nil
	}
	values := r.Header.Values(idempotencyKey)
	name := values[0]
	visible := func(c rune) bool { return c > ' ' && c <= '~' }
	if len(values) > 1 || name == "" || len(name) > idempotencyKeyMax || strings.ContainsFunc(name, func(c rune) bool { return !visible(c) }) {
		return nil, sallyport.NewError(sallyport.InvalidBody, "Idempotency-Key must be one header of 1 to "+
			strconv.Itoa(idempotencyKeyMax)+" visible ASCII characters, such as a UUID")
	}
	named, body := sha256.Sum256([]byte(name)), r.sum()
	o := &once{
		s: s, r: r, sur: sur, asked: append([]byte(r.Method+" "+r.URL.Path+"\x00"), body[:]...),
		first: sallyport.FirstRequest{
			Org: r.principal.Org, Key: r.principal.RequestOwner(), Name: named[:], Call: r.call.ID,
			Node: s.parts.Audit.Node, Boot: s.parts.Audit.Boot, At: s.parts.Now(),
		},
	}
	r.call.Once = o
	return o, nil
}

// mayRepeat says that the request has an Idempotency-Key, so that it may have been answered.
func (r *request) mayRepeat() bool { return len(r.Header.Values(idempotencyKey)) > 0 }

// sum is what tells a repeat from another request. Of a form it leaves out the lines
// between the parts, which clients write anew each time.
func (r *request) sum() [sha256.Size]byte {
	asked := r.call.Request
	if asked == nil || asked.Audio == nil {
		return sha256.Sum256(r.body)
	}
	sound := sha256.Sum256(asked.Audio.Data)
	return sha256.Sum256(append(sound[:], asked.Body.Raw()...))
}

// Claim implements gateway.Once. When it returns true the replay is in the trail.
func (o *once) Claim(ctx context.Context) (replayed bool, err error) {
	// A claim that a client cut off in the middle might stand, and nobody would know.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	first, err := o.claim(ctx)
	if err != nil {
		o.claimed = true // perhaps it was
		o.free()
		return false, sallyport.WrapError(sallyport.AuditUnavailable, "the Idempotency-Key could not be claimed", err)
	}
	if first.Call == o.first.Call {
		o.claimed = true
		return false, nil
	}
	if err := o.same(ctx, first); err != nil {
		return false, err
	}
	if first.State != sallyport.RequestAnswered {
		return false, unanswered(first)
	}
	answer, err := o.unseal(ctx, first)
	if err != nil {
		return false, err
	}
	rec := o.s.parts.Audit.Read(&o.r.call.Call, answer.Status)
	rec.Action += ".replay"
	rec.Resource = "call/" + string(first.Call)
	if err := o.s.record(ctx, first.Org, rec); err != nil {
		return false, err
	}
	o.replay = answer
	return true, nil
}

func (o *once) claim(ctx context.Context) (first sallyport.FirstRequest, err error) {
	if o.first.Body, err = o.s.parts.Sealer.MAC(ctx, o.first.Org, secret.ValueHMAC, o.asked); err != nil {
		return first, err
	}
	expired := o.first.At.Add(-AnswersKept)
	first, err = o.s.parts.Requests.ClaimRequest(ctx, o.first, expired)
	if err != nil || first.State != sallyport.RequestUnderWay {
		return first, err
	}
	switch o.s.leftovers.of(first.Call) {
	case sallyport.RequestInterrupted:
		first.State = sallyport.RequestInterrupted
	case sallyport.RequestUnderWay: // it failed, and could not be freed then
		first.State = sallyport.RequestFree
		if err := o.s.parts.Requests.EndRequest(ctx, first); err != nil {
			return first, err
		}
		o.s.leftovers.forget(first.Call)
		return o.s.parts.Requests.ClaimRequest(ctx, o.first, expired)
	}
	return first, nil
}

// same says whether the first request asked the same.
func (o *once) same(ctx context.Context, first sallyport.FirstRequest) error {
	err := o.s.parts.Sealer.VerifyMAC(ctx, first.Org, secret.ValueHMAC, first.Body, o.asked)
	if errors.Is(err, secret.ErrMAC) {
		return sallyport.NewError(sallyport.Conflict,
			"This Idempotency-Key came with another request before. Send a new key with a new request.")
	}
	return err
}

// unanswered is why a repeat gets no answer.
func unanswered(first sallyport.FirstRequest) error {
	call := "The first request with this Idempotency-Key (call " + string(first.Call) + ") "
	const anew = " Send a new key to ask anew."
	switch first.State {
	case sallyport.RequestTooLarge:
		return sallyport.NewError(sallyport.Conflict, call+"was answered with more than the "+
			strconv.Itoa(answerKeptMax)+" bytes that are kept."+anew)
	case sallyport.RequestInterrupted:
		return sallyport.NewError(sallyport.Conflict, call+"took effect, but the server failed before it was answered. "+
			"It is closed, and the trail tells what it was charged."+anew)
	}
	err := sallyport.NewError(sallyport.Conflict, call+"is under way.")
	err.RetryAfter = underWayRetry
	return err
}

// saw takes a piece of the answer.
func (o *once) saw(piece []byte) {
	if o == nil || o.large {
		return
	}
	if len(o.body)+len(piece) > answerKeptMax {
		o.body, o.large = nil, true
		return
	}
	o.body = append(o.body, piece...)
}

// End implements gateway.Once: an answer and a refusal that would be the same
// again are kept, after a failure the key is free, and after a request that could
// not be made ready: what it lacks may be there later. An answer that cannot be
// sealed goes out all the same, for it is charged; a repeat is told of that.
func (o *once) End(ctx context.Context, end *llm.Event, err error) *sallyport.FirstRequest {
	if o == nil || !o.claimed || o.ended {
		return nil
	}
	o.told = true
	if err == nil && end != nil {
		contentType, rerr := o.render(end)
		if rerr == nil {
			return o.keep(ctx, keptAnswer{Status: http.StatusOK, ContentType: contentType, Offline: o.r.call.Model.Offline})
		}
		err = rerr // which is what the client gets, too
	}
	if err == nil || o.r.begun || o.r.call.Unready != nil || !lasting(Status(err)) {
		return o.as(sallyport.RequestFree, nil)
	}
	refusal := rendered{header: make(http.Header)}
	o.sur.writeError(&refusal, err)
	o.body, o.large = nil, false
	o.saw(refusal.Bytes())
	return o.keep(ctx, keptAnswer{Status: refusal.status, ContentType: refusal.header.Get("Content-Type"), Offline: o.r.call.Model.Offline})
}

// begun is End for a run that is about to begin, with its whole answer.
func (o *once) begun(ctx context.Context, body []byte) *sallyport.FirstRequest {
	if o == nil {
		return nil
	}
	o.told, o.body = true, body
	return o.keep(ctx, keptAnswer{Status: http.StatusOK, ContentType: jsonAnswer})
}

// keep is the request with its answer, all of which was seen.
func (o *once) keep(ctx context.Context, answer keptAnswer) *sallyport.FirstRequest {
	if o.large {
		return o.as(sallyport.RequestTooLarge, nil)
	}
	sealed, err := o.seal(ctx, answer)
	if err != nil {
		o.s.leftovers.note(o.first.Call, sallyport.RequestInterrupted)
		o.s.parts.Log.Warn("the answer to a request with an Idempotency-Key is not kept",
			"request_id", o.r.call.RequestID, "call", o.first.Call, "cause", err)
		return nil
	}
	return o.as(sallyport.RequestAnswered, sealed)
}

// as is the request in a state.
func (o *once) as(state sallyport.RequestState, answer []byte) *sallyport.FirstRequest {
	first := o.first
	first.State, first.Answer = state, answer
	return &first
}

// done comes after the call's last record. err is what the caller is told: when
// the record could not be written, or had been before End was asked, the key is
// freed apart from it.
func (o *once) done(err error) {
	if o != nil && o.told && sallyport.CodeOf(err) != sallyport.AuditUnavailable {
		o.ended = true
	}
	o.free()
}

// free lets the next request with the key be the first. It does nothing once the
// request has ended.
func (o *once) free() {
	if o == nil || !o.claimed || o.ended {
		return
	}
	o.ended = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(o.r.Context()), recordTime)
	defer cancel()
	if err := o.s.parts.Requests.EndRequest(ctx, *o.as(sallyport.RequestFree, nil)); err != nil {
		o.s.leftovers.note(o.first.Call, sallyport.RequestUnderWay)
		o.s.parts.Log.Warn("an Idempotency-Key could not be freed; its next request does it",
			"request_id", o.r.call.RequestID, "call", o.first.Call, "cause", err)
	}
}

// lasting says that a refusal is about the request itself. After the others a
// client may well get an answer to the same request later.
func lasting(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly,
		http.StatusTooManyRequests, meanings[sallyport.ClientClosed].status:
		return false
	}
	return status < http.StatusInternalServerError
}

// keptAnswer is an answer as it is sealed: this as a line of JSON, then the body.
type keptAnswer struct {
	Status      int    `json:"status"`
	ContentType string `json:"content_type"`
	Offline     bool   `json:"offline,omitempty"`

	body []byte
}

func (o *once) seal(ctx context.Context, answer keptAnswer) ([]byte, error) {
	plain, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	plain = append(append(plain, '\n'), o.body...)
	return o.s.parts.Sealer.Seal(ctx, o.first.Org, secret.Content, plain, answerPlace(o.first))
}

func (o *once) unseal(ctx context.Context, first sallyport.FirstRequest) (*keptAnswer, error) {
	plain, err := o.s.parts.Sealer.Unseal(ctx, first.Org, secret.Content, first.Answer, answerPlace(first))
	if err != nil {
		return nil, err
	}
	var answer keptAnswer
	head, body, _ := bytes.Cut(plain, []byte("\n"))
	answer.body = body
	return &answer, json.Unmarshal(head, &answer)
}

// answerPlace binds a sealed answer to its row.
func answerPlace(first sallyport.FirstRequest) []byte {
	return []byte("answer\x00" + string(first.Org) + "\x00" + string(first.Key) + "\x00" + string(first.Name) + "\x00" + string(first.Call))
}

// replayed says that the request repeats one whose answer is kept.
func (o *once) replayed() bool { return o != nil && o.replay != nil }

// writeReplay answers with what was answered before.
func (o *once) writeReplay(w http.ResponseWriter) error {
	o.r.begun = true
	o.r.tellLimits(w.Header())
	answerHeaders(w.Header(), o.replay.ContentType, o.replay.Offline)
	w.Header().Set("Idempotent-Replayed", "true")
	w.Header().Set("Content-Length", strconv.Itoa(len(o.replay.body)))
	allowWrite(w)
	w.WriteHeader(o.replay.Status)
	_, err := w.Write(o.replay.body)
	return err
}

// rendered is an answer that is written to memory.
type rendered struct {
	bytes.Buffer
	header http.Header
	status int
}

func (r *rendered) Header() http.Header    { return r.header }
func (r *rendered) WriteHeader(status int) { r.status = status }

// leftoversMax bounds the requests that are remembered; past it they stay under
// way until this process ends.
const leftoversMax = 10_000

// leftovers are first requests whose end is not in the database: those that
// failed while it could not be written (RequestUnderWay, to be freed) and those
// whose answer could not be sealed (RequestInterrupted).
type leftovers struct {
	mu    sync.Mutex
	calls map[sallyport.CallID]sallyport.RequestState
}

func (l *leftovers) note(call sallyport.CallID, state sallyport.RequestState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls == nil {
		l.calls = make(map[sallyport.CallID]sallyport.RequestState)
	}
	if len(l.calls) < leftoversMax {
		l.calls[call] = state
	}
}

func (l *leftovers) of(call sallyport.CallID) sallyport.RequestState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls[call]
}

func (l *leftovers) forget(call sallyport.CallID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.calls, call)
}

var _ gateway.Once = (*once)(nil)
