package sallyport

import "time"

// FirstRequest is what is kept of the first request that an API key or a person
// made with an Idempotency-Key, so that a repeat of it gets the same answer.
type FirstRequest struct {
	Org  OrgID
	Key  KeyID  // or the person, see Principal.RequestOwner
	Name []byte // SHA-256 of the Idempotency-Key
	Body []byte // keyed hash of what was asked
	Call CallID
	// Node and Boot are the life of the server that works on it.
	Node, Boot string
	At         time.Time
	State      RequestState
	Answer     []byte // sealed, with RequestAnswered
}

// RequestState is how far a FirstRequest has come.
type RequestState string

// The states. The last two are not stored: who ends a request as free forgets
// it, and what was interrupted is found out from the life of the server and the call.
const (
	RequestUnderWay    RequestState = "under_way"
	RequestAnswered    RequestState = "answered"
	RequestTooLarge    RequestState = "too_large"   // answered with more than is kept
	RequestFree        RequestState = "free"        // it failed: the next one is the first
	RequestInterrupted RequestState = "interrupted" // it took effect, and its server died before it was answered
)
