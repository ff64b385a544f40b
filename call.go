package sallyport

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// CallID names one call. It is a UUIDv7 in text form.
type CallID string

// Call is the facts of one call: what came in, what was decided, what it used.
// The stages of the gateway fill it in; the trail and the ledger are told from it.
type Call struct {
	// Set by the surface that received the call.

	ID        CallID
	Principal Principal
	Action    string // what is done, e.g. "chat.completions" or "runs.start"
	Route     string // pattern of the route, e.g. "POST /v1/chat/completions"
	RequestID string // joins answer, log and trail
	Source    Source
	Run       RunID // set when a step of a run makes the call
	RunStep   int
	Agent     AgentID // of the run
	Requested string  // the model name that was asked for
	Stream    bool
	BytesIn   int64
	StartedAt time.Time
	Success   int // HTTP status of an answer that succeeds; 0: 200

	// Set by the stages, in their order.

	Model    Model        // resolve: what is asked for, and who serves it first
	Limits   []LimitState // limit: every bucket that binds the call
	DLP      DLPResult    // screen
	Hold     Credits      // admit: what was set aside; 0 before the intent is durable
	Admitted bool         // admit: the intent is durable
	Served   Model        // dispatch: who answers, or was tried last; zero: nobody yet
	Attempts []Attempt    // dispatch

	// Set while the answer passes.

	FirstByteAt    time.Time // when the first event came from the provider; zero: none came
	BytesOut       int64
	DeliveredChars int64 // characters of answer text that went to the client
	Usage          Usage
	UsageKnown     bool // the provider reported it; otherwise Usage is an estimate
	UsageClamped   bool // the provider reported something impossible

	Charge Credits // record: what the call cost
}

// Source is where a call came from. It is kept apart from the chain, erasable.
type Source struct {
	IP        string
	UserAgent string
}

// Hash binds the source to a record without telling it: the hex SHA-256 of
// salt, IP, a zero byte and user agent.
func (s Source) Hash(salt []byte) string {
	h := sha256.New()
	h.Write(salt)
	h.Write([]byte(s.IP))
	h.Write([]byte{0})
	h.Write([]byte(s.UserAgent))
	return hex.EncodeToString(h.Sum(nil))
}

// LimitState is one bucket that binds a call, after the call has taken from it.
type LimitState struct {
	Scope     string // "organisation", "group", "user" or "key"
	Subject   string // which group; empty for the others: a call has one of each
	Unit      string // "requests", "tokens" or "concurrent"
	Limit     int64  // per minute, or at once
	Remaining int64
	Reset     time.Duration // until the bucket is full again
}

// DLPResult is what the screen decided about a call.
type DLPResult struct {
	Mode          string // "enforce", "observe" or "off"
	PolicyVersion string
	Action        string         // the strongest thing that was done: "", "tokenize", "redact", "block"
	Findings      []Finding      // at most FindingsKept of them
	Counts        map[string]int // all findings by type and direction, e.g. "in:EMAIL_ADDRESS"
	RestoreMissed int            // placeholders of ours that could not be restored
}

// FindingsKept bounds the findings that one record lists; counts have no bound.
const FindingsKept = 100

// Attempt is one try of a candidate that may serve a call.
type Attempt struct {
	Provider string `json:"provider"`
	Target   string `json:"target"`
	Status   int    `json:"status,omitempty"` // of the provider's answer; 0: none came
	Code     Code   `json:"code,omitempty"`   // why it failed
	MS       int64  `json:"ms"`
	// UpstreamRequestID is the provider's own name for it, to ask them about.
	UpstreamRequestID string `json:"upstream_request_id,omitempty"`
}
