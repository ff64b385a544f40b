package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dial"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Bounds of an answer.
const (
	answerMax    = 64 << 20  // a plain answer's body
	errorBodyMax = 1 << 20   // a failure's body; the rest is cut off
	streamMax    = 1 << 30   // a whole stream: far over what a model can write
	answerTime   = time.Hour // any answer: bounds a provider that drips bytes for ever
	headersMax   = 256 << 10 // the headers of an answer
	idleConnsMax = 256       // kept open to one provider
	idleConnTime = 90 * time.Second
	pingAfter    = 30 * time.Second // silence on an HTTP/2 connection before it is tested
	drainTime    = time.Second      // to reach the end of a body whose answer is complete
	drainMax     = 64 << 10
)

// The causes with which a request of ours is cancelled.
var (
	errFirstByteLate = errors.New("no answer within the time for the first byte")
	errIdle          = errors.New("no further piece of the answer within the idle time")
	errAnswerTime    = errors.New("the answer took longer than any answer may")
	errAnswerTooLong = errors.New("the answer is too long")
	errDone          = errors.New("the answer is no longer wanted")
)

// client sends requests to one provider and guards what comes back. Redirects
// are not followed: they could lead the credential elsewhere.
type client struct {
	base      *url.URL    // what all addresses begin with
	address   *url.URL    // of calls
	plain     http.Header // of requests for plain answers; shared by them: nobody changes it
	stream    http.Header // of requests for streams, likewise
	secrets   [][]byte    // of ours in the headers, that no answer may tell
	transport *http.Transport
	firstByte time.Duration
	idle      time.Duration
	// authorize, when it is not nil, adds a credential that is made for each request.
	// It may change the header of r, which is nobody else's. secret is what no answer
	// may tell of it. An error that is a *sallyport.Error is that of the call.
	authorize func(r *http.Request, body []byte) (secret string, err error)
}

// newClient checks cfg. header is what the dialect adds, its credential included,
// and path returns where below the base address it is spoken.
func newClient(cfg Config, header http.Header, path func(base *url.URL) string) (*client, error) {
	cfg = cfg.withDefaults()
	base, err := baseURL(cfg)
	if err != nil {
		return nil, err
	}
	for name, value := range cfg.Headers {
		header.Set(name, value)
	}
	header.Set("Content-Type", "application/json")
	header.Set("User-Agent", "sallyport")
	if err := checkHeader(header); err != nil {
		return nil, fmt.Errorf("provider %q: %w", cfg.Name, err)
	}
	query := base.Query()
	for name, value := range cfg.Query {
		query.Set(name, value)
	}
	address := base.JoinPath(path(base))
	address.RawQuery = query.Encode()
	return &client{
		base: base, address: address, plain: accepting(header, "application/json"), stream: accepting(header, "text/event-stream"),
		secrets:   secretsOf(cfg),
		firstByte: cfg.FirstByte, idle: cfg.Idle,
		transport: &http.Transport{
			// Proxy stays nil: the environment does not choose our roads.
			DialContext:            dialer(dial.New(dial.Options{AllowPrivate: cfg.AllowPrivate, Private: cfg.Private, Connect: cfg.Connect})),
			TLSHandshakeTimeout:    cfg.Connect,
			ForceAttemptHTTP2:      true,
			HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingAfter / 2},
			DisableCompression:     true,
			MaxIdleConnsPerHost:    idleConnsMax,
			IdleConnTimeout:        idleConnTime,
			MaxResponseHeaderBytes: headersMax,
		},
	}, nil
}

func baseURL(cfg Config) (*url.URL, error) {
	base, err := url.Parse(strings.TrimRight(cfg.BaseURL, "/"))
	switch {
	case cfg.BaseURL == "":
		return nil, fmt.Errorf("provider %q: base_url is missing", cfg.Name)
	case err != nil, base.Host == "", base.Scheme != "https" && base.Scheme != "http":
		return nil, fmt.Errorf("provider %q: base_url is not an http(s) address", cfg.Name)
	case base.User != nil:
		return nil, fmt.Errorf("provider %q: base_url must not hold a user or a password; set the API key", cfg.Name)
	}
	if base.Path == "" {
		base.Path = "/" // what is joined to no path at all would not begin with a slash
	}
	if cfg.AllowPrivate {
		return base, nil
	}
	if err := dial.CheckURL(cfg.BaseURL, cfg.Private...); err != nil {
		return nil, fmt.Errorf("provider %q: base_url: %w", cfg.Name, err)
	}
	return base, nil
}

// secretMin is how long a value must be to be looked for in what a provider says:
// shorter ones may be words.
const secretMin = 8

// secretsOf are the credentials that go out in headers.
func secretsOf(cfg Config) (secrets [][]byte) {
	for _, value := range append(slices.Collect(maps.Values(cfg.Headers)), cfg.APIKey.Reveal()) {
		secrets = addSecret(secrets, value)
	}
	return secrets
}

// addSecret adds a credential in the forms in which it may be told.
func addSecret(secrets [][]byte, value string) [][]byte {
	if len(value) < secretMin {
		return secrets
	}
	secrets = append(secrets, []byte(value))
	if escaped := strings.ReplaceAll(value, "/", `\/`); escaped != value {
		secrets = append(secrets, []byte(escaped)) // as some write JSON
	}
	return secrets
}

// checkHeader refuses what would break out of a header line. It never quotes a value.
func checkHeader(header http.Header) error {
	for name, values := range header {
		if name == "" || strings.Trim(name, headerNameLetters) != "" {
			return errors.New("a header's name has characters that no header may have")
		}
		for _, value := range values {
			if strings.ContainsAny(value, "\r\n\x00") {
				return fmt.Errorf("the value of header %s holds a line break", name)
			}
		}
	}
	return nil
}

func accepting(header http.Header, contentType string) http.Header {
	header = header.Clone()
	header.Set("Accept", contentType)
	return header
}

// traced passes on which trace the call belongs to, in the form of W3C's Trace
// Context. A client's tracestate is not passed on: it is free text, which no
// policy has read.
func traced(ctx context.Context, header http.Header) http.Header {
	span := oteltrace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return header
	}
	header = header.Clone()
	header.Set("Traceparent", fmt.Sprintf("00-%s-%s-%s", span.TraceID(), span.SpanID(), span.TraceFlags()))
	return header
}

const headerNameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// credential returns the headers that carry cfg's key: "Authorization: Bearer"
// or, in any other header, the bare key. Without a key there are none.
func credential(cfg Config, headerDefault string) http.Header {
	header := make(http.Header)
	name := cfg.AuthHeader
	if name == "" {
		name = headerDefault
	}
	switch {
	case cfg.APIKey == "":
	case strings.EqualFold(name, "Authorization"):
		header.Set(name, "Bearer "+cfg.APIKey.Reveal())
	default:
		header.Set(name, cfg.APIKey.Reveal())
	}
	return header
}

// answer is a provider's success, its body still to be read. It must be closed.
type answer struct {
	receipt llm.Receipt
	header  http.Header
	length  int64 // of the body, as the provider says; -1: it does not
	body    io.ReadCloser
	call    *timedCall
	limit   int64 // bytes that may still be read
	secrets [][]byte
}

// post sends a request. It returns an answer only for a status that means success;
// everything else is an error as Provider.Do tells them. The receipt is valid in any case.
func (c *client) post(ctx context.Context, o outgoing) (*answer, llm.Receipt, error) {
	call := c.begin(ctx)
	response, err := c.try(call, o)
	// The provider had closed these while they were idle: nothing of the request is
	// out. The transport knows that of some and repeats it by itself, not of all.
	for tries := 0; err != nil && call.unsent() && tries < idleConnsMax; tries++ {
		response, err = c.try(call, o)
	}
	if err != nil {
		defer call.end(errDone)
		return nil, llm.Receipt{}, call.failure(ctx, err)
	}
	a := &answer{
		header: response.Header, length: response.ContentLength, body: response.Body,
		call: call, limit: answerMax, secrets: c.secrets,
	}
	a.secrets = addSecret(slices.Clip(a.secrets), call.secret)
	a.receipt = llm.Receipt{Status: response.StatusCode, RequestID: a.untold(requestID(response.Header))}
	if o.stream {
		a.limit = streamMax
	}
	if err := a.refusal(ctx); err != nil {
		a.close()
		return nil, a.receipt, err
	}
	return a, a.receipt, nil
}

// try sends a request once. What was read before any of it was out is somebody else's
// answer, or nobody's.
func (c *client) try(call *timedCall, o outgoing) (*http.Response, error) {
	r := c.request(call.ctx, o)
	if c.authorize != nil {
		r.Header = r.Header.Clone()
		var err error
		if call.secret, err = c.authorize(r, o.body); err != nil {
			return nil, err
		}
	}
	response, err := c.transport.RoundTrip(r)
	if err == nil && call.strayed() {
		err = errors.Join(errStray, response.Body.Close())
	}
	return response, err
}

func (c *client) request(ctx context.Context, o outgoing) *http.Request {
	header := c.plain
	if o.stream {
		header = c.stream
	}
	address := c.address
	if o.path != "" {
		address = c.below(o.path)
	}
	address = asking(address, o.query)
	r := &http.Request{
		Method: http.MethodPost, URL: address, Host: address.Host, Header: traced(ctx, with(header, o.headers)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(o.body)), ContentLength: int64(len(o.body)),
		// With GetBody the transport repeats a request that met a connection
		// which the provider had closed while it was idle: nothing of it was read.
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(o.body)), nil },
	}
	return r.WithContext(ctx)
}

// below is an address below the base, with the query of all addresses.
func (c *client) below(path string) *url.URL {
	address := c.base.JoinPath(path)
	address.RawQuery = c.address.RawQuery
	return address
}

// asking is address with query, which is encoded, added to its own.
func asking(address *url.URL, query string) *url.URL {
	if query == "" {
		return address
	}
	more := *address
	more.RawQuery = strings.TrimPrefix(more.RawQuery+"&"+query, "&")
	return &more
}

// with adds headers to those that are shared by all requests. What would break
// out of a header line is left out.
func with(header http.Header, more map[string]string) http.Header {
	if len(more) == 0 {
		return header
	}
	header = header.Clone()
	for name, value := range more {
		if !strings.ContainsAny(value, "\r\n\x00") {
			header.Set(name, value)
		}
	}
	return header
}

// requestID is the provider's name for the call.
func requestID(header http.Header) string {
	const idMax = 200
	for _, name := range []string{"X-Request-Id", "Request-Id", "Apim-Request-Id", "X-Amzn-Requestid", "Cf-Ray"} {
		if id := header.Get(name); id != "" && len(id) <= idMax {
			return id
		}
	}
	return ""
}

// refusal turns every status and coding that is not an answer into its error.
func (a *answer) refusal(ctx context.Context) error {
	status := a.receipt.Status
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return wire.KeyRefused(fmt.Errorf("status %d", status))
	case status < 200 || status >= 300 && status < 400 || status >= 600:
		return sallyport.WrapError(sallyport.UpstreamInvalid, "The provider's answer is not a status of its API.",
			fmt.Errorf("status %d", status))
	}
	// None was asked for. To unpack it would be to trust a stranger's ratio.
	if coding := a.header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return invalid("compressed although that was not asked for", nil)
	}
	if status >= 400 {
		return a.upstreamError(ctx)
	}
	return nil
}

func (a *answer) upstreamError(ctx context.Context) error {
	body, err := io.ReadAll(io.LimitReader(a.reader(ctx), errorBodyMax))
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return emptyBody(a.refused(nil))
	}
	for _, secret := range a.secrets { // some tell what they were sent
		body = bytes.ReplaceAll(body, secret, []byte("[redacted]"))
	}
	return a.refused(body)
}

func (a *answer) refused(body []byte) *llm.UpstreamError {
	return &llm.UpstreamError{
		Status: a.receipt.Status, ContentType: a.untold(a.header.Get("Content-Type")), Body: body,
		RetryAfter: a.untold(a.header.Get("Retry-After")), RequestID: a.receipt.RequestID,
		RetryAfterMS: milliseconds(a.header.Get("Retry-After-Ms")), ShouldRetry: yesOrNo(a.header.Get("X-Should-Retry")),
	}
}

// milliseconds is a header that holds a number of them; "" where it holds anything else.
func milliseconds(value string) string {
	if ms, err := strconv.ParseUint(value, 10, 32); err == nil {
		return strconv.FormatUint(ms, 10)
	}
	return ""
}

// yesOrNo is a header that is true or false; "" where it is anything else.
func yesOrNo(value string) string {
	if value == "true" || value == "false" {
		return value
	}
	return ""
}

// untold is a header of the answer; "" where it tells one of our secrets.
func (a *answer) untold(value string) string {
	if slices.ContainsFunc(a.secrets, func(secret []byte) bool { return strings.Contains(value, string(secret)) }) {
		return ""
	}
	return value
}

// lengthTrusted is how much of what a provider says of a length is prepared for.
const lengthTrusted = 1 << 20

// whole reads a plain answer.
func (a *answer) whole(ctx context.Context) ([]byte, error) {
	var body bytes.Buffer
	if a.length > 0 {
		body.Grow(int(min(a.length, lengthTrusted)) + bytes.MinRead)
	}
	if _, err := body.ReadFrom(a.reader(ctx)); err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(body.Bytes())) == 0 {
		return nil, emptyBody(nil)
	}
	return body.Bytes(), nil
}

// events reads a stream and calls f for each event. The end of the stream is
// nil; only f knows whether the answer was complete. Errors of f come back as
// they are.
func (a *answer) events(ctx context.Context, read eventReader, f func(name string, data []byte) error) error {
	err := read(a.reader(ctx), f)
	if errors.Is(err, errEventTooLong) {
		return invalid("an event over the bound", err)
	}
	if err == nil && !a.call.begun {
		return emptyBody(nil)
	}
	return err
}

// close ends the provider's work, if it has not ended.
func (a *answer) close() {
	a.call.end(errDone)
	_ = a.body.Close()
}

// release lets the connection be used again after a complete answer: its last
// bytes, which carry nothing, may still be on their way, and the caller does
// not wait for them.
func (a *answer) release() {
	go func() {
		a.call.patience(drainTime)
		_, _ = io.CopyN(io.Discard, a.body, drainMax)
		a.close()
	}()
}

func (a *answer) reader(ctx context.Context) io.Reader { return &answerReader{a, ctx} }

// answerReader reads the body under the bounds of time and size, and tells
// failures in the words of Provider.Do.
type answerReader struct {
	a   *answer
	ctx context.Context
}

func (r *answerReader) Read(p []byte) (int, error) {
	a := r.a
	if a.limit <= 0 {
		return 0, invalid("over the bound of an answer", errAnswerTooLong)
	}
	a.call.await()
	n, err := a.body.Read(p[:min(int64(len(p)), a.limit)])
	a.call.arrived(n)
	a.limit -= int64(n)
	if err != nil && err != io.EOF {
		err = a.call.failure(r.ctx, err)
	}
	return n, err
}

// timedCall is the context of one request, cancelled with a cause when a bound
// of time is passed or the caller's context ends. It does not end with the
// caller's context as such: see answer.release.
type timedCall struct {
	ctx       context.Context
	cancel    context.CancelCauseFunc
	detach    func() bool
	timer     *time.Timer  // of the first byte, then of idleness
	late      atomic.Value // the error that the timer cancels with
	whole     *time.Timer
	idle      time.Duration
	begun     bool                 // the first byte of the body is there
	connected atomic.Bool          // the request may have been sent
	conn      atomic.Pointer[conn] // that the request goes out on, when no other shares it
	reused    bool                 // conn has carried another request before
	secret    string               // that the request carries beside those of all
}

func (c *client) begin(ctx context.Context) *timedCall {
	call := &timedCall{idle: c.idle}
	call.ctx, call.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	call.detach = context.AfterFunc(ctx, func() { call.cancel(context.Cause(ctx)) })
	call.ctx = httptrace.WithClientTrace(call.ctx, &httptrace.ClientTrace{
		GetConn: func(string) { call.connected.Store(false); call.conn.Store(nil) },
		GotConn: func(got httptrace.GotConnInfo) {
			call.connected.Store(true)
			call.reused = got.Reused
			if c := connOf(got.Conn); c != nil {
				c.begin()
				call.conn.Store(c)
			}
		},
		GotFirstResponseByte: func() {
			if c := call.conn.Load(); c != nil {
				c.answer()
			}
		},
	})
	call.late.Store(errFirstByteLate)
	call.timer = time.AfterFunc(c.firstByte, func() { call.cancel(call.late.Load().(error)) })
	call.whole = time.AfterFunc(answerTime, func() { call.cancel(errAnswerTime) })
	return call
}

// unsent says that the connection was an old one and failed before any part of
// the request was out, so that another may carry it.
func (c *timedCall) unsent() bool {
	conn := c.conn.Load()
	return conn != nil && c.reused && conn.unsent() && c.ctx.Err() == nil
}

// strayed says that what came is no answer to the request.
func (c *timedCall) strayed() bool {
	conn := c.conn.Load()
	return conn != nil && conn.strayed()
}

// await starts the idle time of a read. Before the first byte of the body the
// first timer still runs. The time that a sink takes is not the provider's.
func (c *timedCall) await() {
	if c.begun {
		c.timer.Reset(c.idle)
	}
}

func (c *timedCall) arrived(n int) {
	if n > 0 && !c.begun {
		c.begun = true
		c.late.Store(errIdle)
	}
	if c.begun {
		c.timer.Stop()
	}
}

// patience gives the rest of the call that long, whatever the caller's context does.
func (c *timedCall) patience(d time.Duration) {
	c.detach()
	c.timer.Stop()
	c.whole.Reset(d)
}

func (c *timedCall) end(cause error) {
	c.detach()
	c.timer.Stop()
	c.whole.Stop()
	c.cancel(cause)
}

// failure names what went wrong on the wire. ctx is the caller's.
func (c *timedCall) failure(ctx context.Context, err error) error {
	cause := context.Cause(c.ctx)
	var known *sallyport.Error
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("call the provider: %w", ctx.Err())
	case errors.As(err, &known):
		return err
	case errors.Is(cause, errFirstByteLate), errors.Is(cause, errIdle), errors.Is(cause, errAnswerTime):
		if !c.connected.Load() {
			return sallyport.WrapError(sallyport.UpstreamUnreachable, "The provider cannot be reached.", cause)
		}
		return sallyport.WrapError(sallyport.UpstreamTimeout, "The provider did not answer in time.", cause)
	case !c.connected.Load():
		return sallyport.WrapError(sallyport.UpstreamUnreachable, "The provider cannot be reached.", err)
	case malformed(err):
		return invalid("not HTTP", err)
	}
	return sallyport.WrapError(sallyport.UpstreamClosed, "The provider ended its answer before its end.", err)
}

// malformed recognises the transport's errors for an answer that breaks the
// rules of HTTP; net/http has no types for them.
func malformed(err error) bool {
	text := err.Error()
	return strings.Contains(text, "malformed") || strings.Contains(text, "response headers exceeded") ||
		strings.Contains(text, "invalid byte in chunk length") || strings.Contains(text, "unsupported transfer encoding")
}

func invalid(what string, cause error) error {
	return sallyport.WrapError(sallyport.UpstreamInvalid, "The provider's answer cannot be used: "+what+".", cause)
}

func emptyBody(cause error) error {
	return sallyport.WrapError(sallyport.UpstreamEmptyBody, "The provider answered with nothing.", cause)
}
