package sallyport

import (
	"crypto/sha256"
	"encoding/json"
	"time"
)

// Phase is the place of a record in the life of what it tells of.
type Phase string

// A served call has an intent and an outcome; a refused call has one refusal.
// Everything else (reads, changes by people, starts and stops) is an event.
// Late is an outcome that arrived after recovery had closed the call: it moves no money.
const (
	PhaseIntent  Phase = "intent"
	PhaseOutcome Phase = "outcome"
	PhaseRefusal Phase = "refusal"
	PhaseEvent   Phase = "event"
	PhaseLate    Phase = "late"
)

// The outcomes that an outcome record names.
const (
	OutcomeSuccess     = "success"
	OutcomeFailure     = "failure"     // the provider or the gateway failed
	OutcomeClientLeft  = "client_left" // the client's connection ended first
	OutcomeBlocked     = "blocked"     // DLP stopped the answer half-way
	OutcomeInterrupted = "interrupted" // the server died; closed by recovery
)

// Record is one line of an organisation's trail. It names ids, types, counts
// and keyed hashes, never content and never a secret. Fields are only ever
// added; readers keep what they do not know.
type Record struct {
	Version int       `json:"v"`
	EventID string    `json:"event_id"` // UUIDv7, unique
	Seq     int64     `json:"org_seq"`  // assigned at commit: 1, 2, 3 … without a gap
	Phase   Phase     `json:"phase"`
	Time    time.Time `json:"time"` // UTC; Seq is the order, not this
	// MonoNS is the time since the process began, which nobody can set; 0: not known.
	MonoNS int64  `json:"mono_ns,omitempty"`
	Node   string `json:"node,omitempty"`
	Boot   string `json:"boot_id,omitempty"`
	Org    OrgID  `json:"org_id"`
	Actor  Actor  `json:"actor"`
	Action string `json:"action"`

	Call      CallID `json:"call_id,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	Run       RunID  `json:"run_id,omitempty"`
	RunStep   int    `json:"run_step,omitempty"`
	Route     string `json:"route,omitempty"`
	Resource  string `json:"resource,omitempty"` // what was touched, e.g. "key/0197…"

	ModelRequested string    `json:"model_requested,omitempty"`
	ModelUsed      string    `json:"model_used,omitempty"`
	Provider       string    `json:"provider,omitempty"`
	Stream         bool      `json:"stream,omitempty"`
	Attempts       []Attempt `json:"attempts,omitempty"`

	Outcome string `json:"outcome,omitempty"`
	Status  int    `json:"status,omitempty"` // HTTP status that the client saw
	Code    Code   `json:"error_code,omitempty"`

	LatencyMS int64 `json:"latency_ms,omitempty"`
	TTFTMS    int64 `json:"ttft_ms,omitempty"`
	BytesIn   int64 `json:"bytes_in,omitempty"`
	BytesOut  int64 `json:"bytes_out,omitempty"`
	Delivered int64 `json:"delivered_chars,omitempty"`

	Tokens *RecordTokens   `json:"tokens,omitempty"`
	Cost   *RecordCost     `json:"cost,omitempty"`
	Limits []RecordLimit   `json:"rate,omitempty"`
	DLP    *RecordDLP      `json:"dlp,omitempty"`
	Change json.RawMessage `json:"change,omitempty"` // what an administrator changed, without secrets

	Content    *RecordContent `json:"content_ref,omitempty"` // of an outcome: what is kept of the call apart from the chain
	Suppressed int64          `json:"suppressed,omitempty"`  // like refusals not written one by one, see journal
	SourceHash string         `json:"source_hash,omitempty"`

	// Source is kept beside the record and can be erased; SourceHash binds it.
	Source     Source `json:"-"`
	SourceSalt []byte `json:"-"`
}

// Actor is who did it.
type Actor struct {
	Type      string `json:"type"` // "key", "user", "agent", "system", "unknown"
	User      UserID `json:"user_id,omitempty"`
	Key       KeyID  `json:"key_id,omitempty"`
	KeyPrefix string `json:"key_prefix,omitempty"`
	Role      Role   `json:"role,omitempty"`
	// Session is set when a person who signed in did it.
	Session SessionID `json:"session_id,omitempty"`
}

// RecordTokens is the usage of a call. Source is "provider" or "estimated".
type RecordTokens struct {
	Input        int64  `json:"input"`
	CachedInput  int64  `json:"cached_input,omitempty"`
	CacheWrite   int64  `json:"cache_write,omitempty"`
	Output       int64  `json:"output"`
	Reasoning    int64  `json:"reasoning,omitempty"`
	AudioSeconds int64  `json:"audio_seconds,omitempty"`
	Source       string `json:"source"`
	Clamped      bool   `json:"clamped,omitempty"`
}

// RecordCost is the money of a call, in micro-credits.
type RecordCost struct {
	Hold         Credits `json:"hold_micros,omitempty"`
	Charge       Credits `json:"charge_micros,omitempty"`
	Balance      Credits `json:"balance_micros,omitempty"` // of a refusal: what was left
	Overrun      bool    `json:"overrun,omitempty"`
	Estimated    bool    `json:"estimated,omitempty"`
	PriceVersion string  `json:"price_version,omitempty"`

	Budget *RecordBudget `json:"budget,omitempty"` // of a refusal: which did not cover the call
}

// RecordBudget is a budget that refused a call, as it stood then, in
// micro-credits. Used is spent or held.
type RecordBudget struct {
	Scope   BudgetScope `json:"scope"`
	Subject string      `json:"subject,omitempty"`
	Period  Period      `json:"period"`
	Since   time.Time   `json:"since"`
	Limit   Credits     `json:"limit_micros"`
	Used    Credits     `json:"used_micros"`
}

// RecordLimit is one rate limit that bound the call.
type RecordLimit struct {
	Scope     string `json:"scope"`
	Subject   string `json:"subject,omitempty"` // which group
	Unit      string `json:"unit"`
	Limit     int64  `json:"limit"`
	Remaining int64  `json:"remaining"`
}

// RecordContent binds what is kept of a call's content; that itself may have
// been dropped since.
type RecordContent struct {
	Level ContentLevel `json:"level"`
	Hash  string       `json:"hash"` // see ContentHash
}

// RecordDLP is what the screen decided.
type RecordDLP struct {
	Mode          string         `json:"mode"`
	PolicyVersion string         `json:"policy_version,omitempty"`
	Action        string         `json:"action,omitempty"`
	Findings      []Finding      `json:"findings,omitempty"`
	Counts        map[string]int `json:"counts,omitempty"`
	RestoreMissed int            `json:"restore_missed,omitempty"`
}

// RecordVersion is the form that this program writes.
const RecordVersion = 1

// recordBytes is room for the records of most calls.
const recordBytes = 1536

// Seal gives the record its place in the chain and returns the bytes that are
// stored and hashed, for ever as they are: nobody encodes a stored record again.
func (r *Record) Seal(seq int64, prev Hash) (body []byte, hash Hash, err error) {
	r.Seq, r.Version = seq, RecordVersion
	r.Time = r.Time.UTC()
	body, err = r.appendJSON(make([]byte, 0, recordBytes))
	if err != nil {
		return nil, Hash{}, err
	}
	return body, ChainHash(prev, body), nil
}

// Hash is one link of a chain.
type Hash [sha256.Size]byte

// ChainHash is the link after prev for the record whose stored bytes are body.
// The first record of a chain follows the zero Hash.
func ChainHash(prev Hash, body []byte) Hash {
	h := sha256.New()
	h.Write(prev[:])
	h.Write(body)
	var sum Hash
	h.Sum(sum[:0])
	return sum
}
