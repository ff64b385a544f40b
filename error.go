package sallyport

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

// Code says what went wrong, for programs. Codes are few and never change their
// meaning; the table from code to HTTP status stands in internal/server/errors.go.
type Code string

// The codes.
const (
	InvalidBody         Code = "invalid_body"
	UnsupportedField    Code = "unsupported_parameter" // a field that the serving provider cannot honour
	UnsupportedTool     Code = "unsupported_tool_type"
	ExclusiveFields     Code = "mutually_exclusive_parameters"
	PreviousNotFound    Code = "previous_response_not_found" // unknown, not the caller's, or never kept
	InvalidCursor       Code = "invalid_cursor"              // the place in a list that is asked for is none
	AgentVersion        Code = "agent_version_pinning_unsupported"
	AgentInputs         Code = "agent_inputs_unmappable" // several inputs, or more than a text for them
	ModelNotFound       Code = "model_not_found"
	ModelAccessDenied   Code = "model_access_denied"
	Unauthorized        Code = "unauthorized"
	Forbidden           Code = "forbidden"
	NotFound            Code = "not_found"
	Conflict            Code = "conflict"
	MissingInputs       Code = "missing_inputs"
	BodyTooLarge        Code = "body_too_large"
	RateLimited         Code = "rate_limit_exceeded"
	Overloaded          Code = "overloaded" // the server holds as much as it can
	InsufficientCredits Code = "insufficient_credits"
	BudgetExceeded      Code = "budget_exceeded" // a budget of the organisation, a group, user, key, agent or model
	DLPBlocked          Code = "dlp_blocked"
	AuditUnavailable    Code = "audit_unavailable"
	LimitsUnavailable   Code = "limits_unavailable"
	UpstreamAuth        Code = "upstream_auth"        // the provider refused our credential
	UpstreamUnreachable Code = "upstream_unreachable" // no connection: nothing was sent
	UpstreamTimeout     Code = "upstream_timeout"
	UpstreamEmptyBody   Code = "upstream_empty_body"
	UpstreamInvalid     Code = "upstream_invalid"        // the answer is not what the provider's API promises
	UpstreamClosed      Code = "upstream_closed"         // the answer ended before its end
	UpstreamError       Code = "upstream_error"          // the provider answered with an error; see llm.UpstreamError
	PromptTooLong       Code = "context_length_exceeded" // the provider says that its model takes no prompt so long
	ClientClosed        Code = "client_closed"
	ServerStopping      Code = "server_stopping" // the server stopped before the answer's end
	Internal            Code = "internal_error"
)

// Error is the one error type that crosses package borders with a meaning.
// Message is a sentence for the caller and never holds a secret or a value
// from the request's content; Cause is for the log alone.
type Error struct {
	Code       Code
	Message    string
	Cause      error
	RetryAfter time.Duration // > 0: when trying again makes sense
}

// Error returns code and message; the cause is for logs that ask for it with Unwrap.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// NewError returns an error for the caller.
func NewError(code Code, message string) *Error { return &Error{Code: code, Message: message} }

// WrapError returns an error for the caller that keeps its cause for the log.
func WrapError(code Code, message string, cause error) *Error {
	return &Error{Code: code, Message: message, Cause: cause}
}

// Panicked is the error of a panic: Internal, with a cause for the log. What a
// panic says may quote what somebody wrote, so the cause has the runtime's own
// words or else the type alone.
func Panicked(value any) *Error {
	cause := fmt.Errorf("panic: %T", value)
	if known, ok := value.(runtime.Error); ok {
		cause = fmt.Errorf("panic: %w", known)
	}
	return WrapError(Internal, "internal error", cause)
}

// CodeOf returns the code of err: "" for nil, Internal for an error without one.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}
