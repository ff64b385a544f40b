package server

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/journal"
)

// BodyMax bounds a request's body, before anything reads it.
const BodyMax = 50 << 20

// drainMax is how much of a refused body is read and thrown away, so that a
// client that is still sending gets to see the refusal.
const drainMax = 64 << 20

// request is an authenticated call to a /v1 route.
type request struct {
	*http.Request
	surface   surface
	principal sallyport.Principal
	call      *gateway.Call
	body      []byte
	lodger    *lodger // body's
	begun     bool    // the answer has begun: no error body can be sent any more
}

// apart is the request for what goes on without its client, in a context of its
// own. It has the body's place from now on.
func (r *request) apart(ctx context.Context) *request {
	a := *r
	a.Request, a.lodger = r.WithContext(ctx), r.lodger.moved()
	return &a
}

// handler answers an authenticated call. It has written the answer, or returns
// an error that was recorded.
type handler func(w http.ResponseWriter, r *request) error

// outermost gives every request its id and refuses bodies that say they are too
// large before anything else looks at them.
func (s *Server) outermost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.underWay.Add(1)
		defer s.underWay.Done()
		id := uuid.Must(uuid.NewV7())
		w.Header().Set("X-Request-Id", "req_"+hex.EncodeToString(id[:]))
		if r.ContentLength != 0 { // not every route reads a body, and net/http waits for it
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
		}
		if r.ProtoMajor == 1 { // HTTP/2 cuts a stream off at the time, whether or not it writes
			allowWrite(w)
		}
		if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close") // see Framed
		}
		if r.ContentLength > BodyMax {
			s.refuseUnknown(w, r, flatSurface, errBodyTooLarge())
			return
		}
		next.ServeHTTP(w, r)
	})
}

// api wraps a route: it authenticates, reads the body, and answers errors in
// the shape of the surface.
func (s *Server) api(sur surface, action string, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sur.idHeader != "" {
			w.Header().Set(sur.idHeader, w.Header().Get("X-Request-Id"))
		}
		who, err := s.authenticate(r)
		if err != nil {
			s.refuseUnknown(w, r, sur, err)
			return
		}
		q := &request{Request: r, surface: sur, principal: who.Principal}
		q.call = s.newCall(w, r, who.Principal, action)
		if err = who.meant(r); err == nil {
			err = s.may(r.Context(), who.Principal, action)
		}
		q.lodger = &lodger{room: s.room, from: http.MaxBytesReader(w, r.Body, BodyMax)}
		defer q.lodger.leave()
		if err == nil {
			q.body, err = readBody(w, r, q.lodger)
		}
		if err != nil {
			err = s.refuse(q, err)
		} else {
			q.call.BytesIn = int64(len(q.body))
			err = s.survive(&q.call.Call, func() error { return h(w, q) })
			if errors.Is(err, errBug) {
				err = s.refuse(q, err) // nothing, if the gateway has recorded it
			}
		}
		if err != nil && !q.begun {
			q.tellLimits(w.Header())
			sur.writeError(w, err)
		}
		s.logFailure(q, err)
	})
}

// errBug marks what was a panic.
var errBug = errors.New("a bug")

// survive makes an error of a panic in f, so that the call is recorded and
// answered as any other.
func (s *Server) survive(call *sallyport.Call, f func() error) (err error) {
	defer func() {
		if broken := recover(); broken != nil {
			known := sallyport.Panicked(broken)
			s.parts.Log.Error("a request panicked", "request_id", call.RequestID, "action", call.Action,
				"cause", known.Cause, "stack", string(debug.Stack()))
			known.Cause = errors.Join(errBug, known.Cause)
			err = known
		}
	}()
	return f()
}

// read wraps a route that changes nothing. What get returns is answered as JSON
// once the read is recorded.
func (s *Server) read(action string, get func(r *request) (any, error)) http.Handler {
	return s.readAs(flatSurface, action, get)
}

// readAs is read for a surface with errors of another shape.
func (s *Server) readAs(sur surface, action string, get func(r *request) (any, error)) http.Handler {
	return s.api(sur, action, func(w http.ResponseWriter, r *request) error {
		answer, err := get(r)
		if err != nil {
			return s.refuse(r, err)
		}
		record := s.parts.Audit.Read(&r.call.Call, http.StatusOK)
		if err := s.record(r.Context(), r.principal.Org, record); err != nil {
			return err
		}
		r.begun = true
		s.parts.Gateway.Answered(r.Context(), r.call)
		if stream, is := answer.(streams); is {
			return stream(w)
		}
		return writeJSON(w, http.StatusOK, answer)
	})
}

// shared answers a route that Anthropic's API has too: its clients get its errors, all
// others those of sur.
func shared(sur surface, route func(sur surface) http.Handler) http.Handler {
	ours, anthropic := route(sur), route(messagesSurface)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if speaksAnthropic(r) {
			anthropic.ServeHTTP(w, r)
			return
		}
		ours.ServeHTTP(w, r)
	})
}

// streams is what is read as a stream: it writes all of the answer.
type streams func(w http.ResponseWriter) error

// refuse records that a call was refused and returns the error to answer.
func (s *Server) refuse(r *request, err error) error {
	return s.parts.Gateway.Refuse(r.Context(), r.call, err)
}

// recordTime bounds the wait for a record of a call whose client has left.
const recordTime = 30 * time.Second

func (s *Server) record(ctx context.Context, org sallyport.OrgID, rec sallyport.Record) error {
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	_, err := s.parts.Journal.Commit(after, journal.Entry{Org: org, Record: rec})
	return err
}

func (s *Server) newCall(w http.ResponseWriter, r *http.Request, p sallyport.Principal, action string) *gateway.Call {
	return &gateway.Call{Call: sallyport.Call{
		ID:        gateway.NewCallID(),
		Principal: p,
		Action:    action,
		Route:     r.Pattern,
		RequestID: w.Header().Get("X-Request-Id"),
		Source:    s.source(r),
		StartedAt: s.parts.Now(),
	}}
}

// userAgentMax bounds what a client can put into a record's source.
const userAgentMax = 256

// source tells where a request came from. X-Forwarded-For counts only when the
// connection comes from a proxy that the operator listed: anyone can write it.
func (s *Server) source(r *http.Request) sallyport.Source {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	// Some proxies add a line of their own below the one that the client wrote.
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.trusted(host); i-- {
		ip, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		host = ip.String()
	}
	agent := r.UserAgent()
	if len(agent) > userAgentMax {
		agent = agent[:userAgentMax]
	}
	return sallyport.Source{IP: host, UserAgent: strings.ToValidUTF8(agent, "")}
}

// trusted says whether the operator listed the address as a proxy.
func (s *Server) trusted(host string) bool {
	if len(s.parts.TrustedProxies) == 0 {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && slices.ContainsFunc(s.parts.TrustedProxies, func(p netip.Prefix) bool {
		return p.Contains(addr.Unmap())
	})
}

// bodyFirst is how much room a body gets before its first byte is there; what a
// client says of its length is not believed beyond that.
const bodyFirst = 1 << 20

// readBody reads the body from in, at most BodyMax bytes, in what is left of bodyTime.
func readBody(w http.ResponseWriter, r *http.Request, in io.Reader) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	// To unpack it would be to trust a stranger's ratio.
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, sallyport.NewError(sallyport.InvalidBody, "the body is compressed, which is not supported: send it without Content-Encoding")
	}
	var buf bytes.Buffer
	buf.Grow(int(min(max(r.ContentLength, 0), bodyFirst)) + bytes.MinRead)
	_, err := buf.ReadFrom(in)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errNoRoom):
		return nil, err
	case errors.As(err, &tooLarge):
		return nil, errBodyTooLarge()
	case err != nil:
		return nil, sallyport.WrapError(sallyport.InvalidBody, "the request body could not be read to its end", err)
	}
	if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, err
	}
	return buf.Bytes(), nil
}

func errBodyTooLarge() error {
	return sallyport.NewError(sallyport.BodyTooLarge, "Request body too large. Maximum size is 50 MB.")
}

// drainTime bounds how long that may take.
const drainTime = 5 * time.Second

// refuseUnread answers a request whose body nobody has read. The answer goes out
// first: who sends no body at all must not keep us waiting. Then what the client
// still sends is read away.
func (sur surface) refuseUnread(w http.ResponseWriter, r *http.Request, err error) {
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex() // or net/http reads the body before it answers; HTTP/2 never does
	_ = control.SetReadDeadline(time.Now().Add(drainTime))
	sur.writeError(w, err)
	_ = control.Flush() // fails only when the client has left
	if r.Body != nil && r.ContentLength <= drainMax && r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, r.Body, drainMax) // whatever comes is thrown away
	}
}

// allowWrite gives the client stallTime from now to take what is written next.
// Who takes nothing at all would otherwise hold its connection for ever.
func allowWrite(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(stallTime)) // a test's writer may have none
}

// writeJSON answers with a JSON body. Its error means that the client has left.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return sallyport.WrapError(sallyport.Internal, "internal error", err)
	}
	allowWrite(w)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}

// logFailure tells the operator what the caller is not told.
func (s *Server) logFailure(r *request, err error) {
	var known *sallyport.Error
	if err == nil || !errors.As(err, &known) || known.Cause == nil {
		return
	}
	s.parts.Log.Warn("call failed", "request_id", r.call.RequestID, "action", r.call.Action,
		"code", known.Code, "cause", known.Cause.Error())
}
