package server

import (
	"cmp"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// meaning is how a code looks from outside.
type meaning struct {
	status int
	kind   string // error.type of the OpenAI shape
	label  string // error of the flat shape
}

// meanings is the one table from codes to answers.
var meanings = map[sallyport.Code]meaning{
	sallyport.InvalidBody:         {400, "invalid_request_error", "Bad Request"},
	sallyport.UnsupportedField:    {400, "invalid_request_error", "Bad Request"},
	sallyport.UnsupportedTool:     {400, "invalid_request_error", "Bad Request"},
	sallyport.ExclusiveFields:     {400, "invalid_request_error", "Bad Request"},
	sallyport.InvalidCursor:       {400, "invalid_request_error", "Bad Request"},
	sallyport.AgentVersion:        {400, "invalid_request_error", "Bad Request"},
	sallyport.AgentInputs:         {400, "invalid_request_error", "Bad Request"},
	sallyport.PreviousNotFound:    {404, "invalid_request_error", "Not found"},
	sallyport.ModelNotFound:       {400, "invalid_request_error", "Bad Request"},
	sallyport.DLPBlocked:          {400, "invalid_request_error", "Bad Request"},
	sallyport.Unauthorized:        {401, "authentication_error", "Unauthorized"},
	sallyport.InsufficientCredits: {402, "insufficient_credits", "Payment Required"},
	sallyport.BudgetExceeded:      {402, "insufficient_credits", "Payment Required"},
	sallyport.Forbidden:           {403, "permission_error", "Forbidden"},
	sallyport.ModelAccessDenied:   {403, "permission_error", "Forbidden"},
	sallyport.NotFound:            {404, "not_found_error", "Not found"},
	sallyport.Conflict:            {409, "invalid_request_error", "Conflict"},
	sallyport.BodyTooLarge:        {413, "invalid_request_error", "Payload Too Large"},
	sallyport.MissingInputs:       {422, "invalid_request_error", "Unprocessable Entity"},
	sallyport.RateLimited:         {429, "rate_limit_error", "Too Many Requests"},
	sallyport.PromptTooLong:       {400, "invalid_request_error", "Bad Request"},
	sallyport.ClientClosed:        {499, "invalid_request_error", "Client Closed Request"}, // nobody is there to see it
	sallyport.Internal:            {500, "server_error", "Internal Server Error"},
	sallyport.UpstreamAuth:        {502, "server_error", "Bad Gateway"},
	sallyport.UpstreamUnreachable: {502, "server_error", "Bad Gateway"},
	sallyport.UpstreamEmptyBody:   {502, "server_error", "Bad Gateway"},
	sallyport.UpstreamInvalid:     {502, "server_error", "Bad Gateway"},
	sallyport.UpstreamClosed:      {502, "server_error", "Bad Gateway"},
	sallyport.UpstreamError:       {502, "server_error", "Bad Gateway"},
	sallyport.Overloaded:          {503, "server_error", "Service Unavailable"},
	sallyport.ServerStopping:      {503, "server_error", "Service Unavailable"},
	sallyport.AuditUnavailable:    {503, "server_error", "Service Unavailable"},
	sallyport.LimitsUnavailable:   {503, "server_error", "Service Unavailable"},
	sallyport.UpstreamTimeout:     {504, "server_error", "Gateway Timeout"},
}

// Status is the HTTP status that a client sees for err; 200 for nil.
func Status(err error) int {
	if err == nil {
		return http.StatusOK
	}
	var refused *llm.UpstreamError
	if errors.As(err, &refused) && len(refused.Body) > 0 { // one without a word is not passed on
		return refused.Status
	}
	if isTooLong(err) {
		return meanings[sallyport.PromptTooLong].status
	}
	return meanings[sallyport.CodeOf(err)].status
}

// outside is what may be said of err: an error without a meaning of its own is
// an internal error, and its text stays here. A prompt that is too long is upstream_error
// in the trail, and has a code for clients alone.
func outside(err error) (sallyport.Error, meaning) {
	if isTooLong(err) {
		m := meanings[sallyport.PromptTooLong]
		m.status = Status(err)
		return sallyport.Error{Code: sallyport.PromptTooLong, Message: "The prompt is too long for the model."}, m
	}
	var known *sallyport.Error
	if errors.As(err, &known) {
		if m, found := meanings[known.Code]; found {
			return *known, m
		}
	}
	return sallyport.Error{Code: sallyport.Internal, Message: "internal error"}, meanings[sallyport.Internal]
}

// surface is a family of routes with one shape of error.
type surface struct {
	dialect llm.Dialect // whose errors a provider's own may be passed on as; "": none
	// idHeader is where clients of the surface look for the request's id, beside
	// X-Request-Id; "": nowhere.
	idHeader string
	body     func(e sallyport.Error, m meaning, requestID string) any
}

// The surfaces. A stranger gets the flat shape, but for clients of the messages
// dialect: those tell by the type whether to try again.
var (
	chatSurface      = surface{dialect: llm.Chat, body: openAIError}
	responsesSurface = surface{dialect: llm.Responses, body: responsesError}
	threadsSurface   = surface{body: openAIError}
	messagesSurface  = surface{dialect: llm.Messages, idHeader: "Request-Id", body: anthropicError}
	flatSurface      = surface{body: flatError}
)

// responsesError is OpenAI's shape, with this surface's own type for what is not there.
func responsesError(e sallyport.Error, m meaning, requestID string) any {
	if e.Code == sallyport.NotFound {
		m.kind = "not_found"
	}
	return openAIError(e, m, requestID)
}

// speaks says whether the client can read a provider's errors of that dialect as
// they are. OpenAI's dialects have one shape.
func (sur surface) speaks(d llm.Dialect) bool {
	return d == sur.dialect || sur.dialect == llm.Responses && d == llm.Chat || sur.dialect == llm.Chat && d == llm.Responses
}

// passes says whether the client gets a provider's refusal as it is. Services that speak
// OpenAI's chat have words of their own for a prompt that is too long, by which clients of
// Responses do not act.
func (sur surface) passes(refused *llm.UpstreamError) bool {
	return sur.speaks(refused.Dialect) && (refused.Dialect == sur.dialect || !isTooLong(refused))
}

// anthropicError is the shape of Anthropic's errors.
func anthropicError(e sallyport.Error, m meaning, requestID string) any {
	if e.Code == sallyport.BodyTooLarge {
		return flatError(e, m, requestID)
	}
	kind, known := anthropicTypes[m.status]
	switch {
	case e.Code == sallyport.PromptTooLong:
		kind, e.Message = "invalid_request_error", tooLongForAnthropic(e.Message)
	case e.Code == sallyport.UpstreamEmptyBody:
		kind = string(e.Code)
	case !known && m.status < 500:
		kind = "invalid_request_error"
	case !known:
		kind = "api_error"
	}
	return struct {
		Type      string             `json:"type"`
		Error     messages.ErrorBody `json:"error"`
		RequestID string             `json:"request_id"`
	}{"error", messages.ErrorBody{Type: kind, Message: e.Message, Details: messages.Details(e.Cause)}, requestID}
}

// tooLongForAnthropic tells that the prompt is too long in the words of Anthropic's API:
// Claude Code makes the conversation shorter when it reads them.
func tooLongForAnthropic(message string) string {
	const words = "prompt is too long"
	if strings.Contains(message, words) {
		return message
	}
	return words + ": " + message
}

// anthropicTypes are the types of errors by their status. Others are
// invalid_request_error below 500 and api_error from there on.
var anthropicTypes = map[int]string{
	401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error",
	413: "request_too_large", 429: "rate_limit_error", 504: "timeout_error", 529: "overloaded_error",
}

// openAIError is the shape of OpenAI's errors.
func openAIError(e sallyport.Error, m meaning, requestID string) any {
	if e.Code == sallyport.Unauthorized || e.Code == sallyport.BodyTooLarge {
		return flatError(e, m, requestID)
	}
	return struct {
		Error wire.Failure `json:"error"`
	}{wire.Failure{Message: e.Message, Type: m.kind, Code: e.Code}}
}

// flatError is the shape of the agents' and models' routes.
func flatError(e sallyport.Error, m meaning, _ string) any {
	if e.Code == sallyport.BodyTooLarge {
		return struct {
			Message string `json:"message"`
		}{e.Message}
	}
	return struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}{m.label, e.Message}
}

// writeError answers with an error. A provider's own refusal is passed on byte
// for byte, with its status and content type, to a client of its dialect; to
// another it is told in the shape that it can read.
func (sur surface) writeError(w http.ResponseWriter, err error) {
	e, m := outside(err)
	var refused *llm.UpstreamError
	if errors.As(err, &refused) {
		tellRetry(w.Header(), refused)
		if len(refused.Body) > 0 {
			if sur.passes(refused) {
				writeUpstreamError(w, refused)
				return
			}
			if e.Message = toldBy(refused); e.Code != sallyport.PromptTooLong {
				e.Code, m = sallyport.UpstreamError, meaning{refused.Status, refusedKind(refused.Status), m.label}
			}
		}
	}
	if e.Code == sallyport.ClientClosed {
		return
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", retrySeconds(e.RetryAfter))
	}
	if m.status == http.StatusUnauthorized {
		// The clients of OpenAI and Anthropic obey it. Without it Claude Code tries a
		// wrong key again for minutes, in the hope of a fresh one.
		w.Header().Set("X-Should-Retry", "false")
	}
	_ = writeJSON(w, m.status, sur.body(e, m, w.Header().Get("X-Request-Id"))) // fails only when the client has left
}

// refusedKind is error.type of OpenAI's shape for what a provider has refused with that
// status: clients tell by it whether to try again.
func refusedKind(status int) string {
	switch {
	case status == http.StatusTooManyRequests:
		return meanings[sallyport.RateLimited].kind
	case status == http.StatusNotFound:
		return meanings[sallyport.NotFound].kind
	case status < http.StatusInternalServerError:
		return meanings[sallyport.InvalidBody].kind
	}
	return meanings[sallyport.UpstreamError].kind
}

// isTooLong says whether a provider tells by err that the prompt is longer than its model
// takes. It is looked for in refusals of a request alone: who is over a rate reads of tokens, too.
func isTooLong(err error) bool {
	var told *llm.ToldFailure
	if errors.As(err, &told) {
		return told.TooLong && sallyport.CodeOf(err) == sallyport.UpstreamError
	}
	var refused *llm.UpstreamError
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
	default:
		return false
	}
	doc, err := llm.Parse(refused.Body)
	if err != nil {
		return false
	}
	long := wire.TooLong(doc.Root()) || wire.TooLong(doc.Root().Get("error"))
	doc.Root().Items(func(_ int, first llm.Value) bool {
		long = long || wire.TooLong(first.Get("error"))
		return false
	})
	return long
}

// toldBy is the sentence in a provider's refusal: nearly all APIs have it at error.message,
// AWS has no error around it, xAI has nothing in it, and Google has a list around it all.
func toldBy(refused *llm.UpstreamError) string {
	told := ""
	if doc, err := llm.Parse(refused.Body); err == nil {
		told = sentence(doc.Root())
		doc.Root().Items(func(_ int, first llm.Value) bool {
			told = sentence(first)
			return false
		})
	}
	return cmp.Or(told, "The provider refused the call.")
}

func sentence(refusal llm.Value) string {
	e := refusal.Get("error")
	return cmp.Or(e.Get("message").Text(), refusal.Get("message").Text(), e.Text())
}

// retrySeconds is a wait as headers say it.
func retrySeconds(wait time.Duration) string { return strconv.Itoa(int(math.Ceil(wait.Seconds()))) }

func writeUpstreamError(w http.ResponseWriter, e *llm.UpstreamError) {
	allowWrite(w)
	h := w.Header()
	if e.ContentType != "" {
		h.Set("Content-Type", e.ContentType)
	}
	h.Set("Content-Length", strconv.Itoa(len(e.Body)))
	w.WriteHeader(e.Status)
	_, _ = w.Write(e.Body) // fails only when the client has left
}

// tellRetry passes on what a provider says of when, and whether, to ask again.
func tellRetry(h http.Header, e *llm.UpstreamError) {
	for name, value := range map[string]string{
		"Retry-After": e.RetryAfter, "Retry-After-Ms": e.RetryAfterMS, "X-Should-Retry": e.ShouldRetry,
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
}
