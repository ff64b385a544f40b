package journal

import (
	"context"
	"errors"

	"github.com/sallyport-ai/sallyport"
)

// Entry is one change of the journal. Its parts are committed together or not at all.
type Entry struct {
	Org    sallyport.OrgID
	Record sallyport.Record
	// Open is set with the intent of a call, Close with its outcome; neither
	// with refusals and events.
	Open  *Open
	Close *Close
	// Content is what is kept of the call that Close ends; nil: nothing. The
	// record names its hash.
	Content *sallyport.Content
	// First is how the first request with an Idempotency-Key stands that the
	// entry ends: answered, too large to be kept, or free; nil: none. It changes
	// nothing when the request is not under way any more. An entry that is tried
	// again later does so without it, for it has been told that it failed.
	First *sallyport.FirstRequest
}

// Open sets credits aside for a call and notes it as under way.
type Open struct {
	Call    sallyport.CallID
	Node    string
	Boot    string
	Key     sallyport.KeyID
	User    sallyport.UserID
	Groups  []sallyport.GroupID // of User now; the call is settled with them, whatever becomes of them
	Agent   sallyport.AgentID   // whose run makes the call; may be empty
	Model   string
	Hold    sallyport.Credits
	Price   sallyport.Price
	Created int64 // microseconds since 1970, UTC
	// Refusal builds what takes the place of the entry's record when the balance
	// less what is held does not cover Hold, or a budget does not; the balance or
	// the budget is filled in, and of a budget the code BudgetExceeded. It is
	// called by the writer, while the caller waits.
	Refusal func() sallyport.Record
	// Leased says that Node and Boot must hold a lease: the entry is refused
	// with AuditUnavailable once that has ended. The journal sets it.
	Leased bool
}

// Close settles a call: its hold is freed and Cost is charged in the same
// transaction. Only an open call is settled; otherwise the record becomes
// PhaseLate and no money moves.
type Close struct {
	Call sallyport.CallID
	// Opened is what the process that closes the call opened it with; nil: the
	// store reads it.
	Opened    *Open
	Cost      sallyport.Credits
	Usage     sallyport.Usage
	Overrun   bool
	Estimated bool
	// OnlyOpen leaves the whole entry out when the call is closed already, as
	// when two nodes close what a third one left: the Result is Late, without Seq.
	OnlyOpen bool
}

// Result is what became of one entry.
type Result struct {
	Seq     int64
	Refused bool              // the hold failed; the refusal was recorded
	Balance sallyport.Credits // free to spend, when Refused
	Budget  *sallyport.Budget // which did not cover the hold, when that is why it was Refused
	Late    bool              // the call was closed already
	Err     error             // this entry alone was not written
}

// BatchID names a batch, so that after an unknown commit it can be looked up.
type BatchID string

// OpenCall is a call without an outcome.
type OpenCall struct {
	Org  sallyport.OrgID
	Call sallyport.CallID
	Node string
	Boot string
	Open Open
	// Intent is the stored body of its intent record.
	Intent []byte
}

// ErrOutcomeUnknown means that a commit was sent and its answer lost: the batch
// is there whole or not at all, and Store.Batch tells.
var ErrOutcomeUnknown = errors.New("it is not known whether the commit took effect")

// Store keeps journal entries; store.DB is the real one. All methods are safe
// for concurrent use, by several processes too.
type Store interface {
	// CommitBatch writes all entries in one transaction, in their order, and
	// returns one Result each. It locks accounts and chain heads in the order
	// of their ids, assigns sequence and hash, and decides each hold on what
	// the entries before it left. An error that one entry's data caused names
	// it by *EntryError, and nothing is written; a record or a call that exists
	// already has the code Conflict. ErrOutcomeUnknown as above; after any other
	// error nothing is written. A batch id that was committed before is not
	// written again: its results are returned, so that repeating is safe even
	// while the first attempt is still on its way.
	CommitBatch(ctx context.Context, id BatchID, entries []Entry) ([]Result, error)
	// Batch returns the results of the last batch that was committed through this
	// Store, or sallyport.NotFound for any other.
	Batch(ctx context.Context, id BatchID) ([]Result, error)
	// OpenCalls lists calls without an outcome that the node admitted in other
	// boots than this one, oldest first, at most limit.
	OpenCalls(ctx context.Context, node, boot string, limit int) ([]OpenCall, error)
}

// EntryError says which entry of a batch the database refused.
type EntryError struct {
	Index int
	Err   error
}

func (e *EntryError) Error() string { return "journal entry refused: " + e.Err.Error() }

// Unwrap returns the database's error.
func (e *EntryError) Unwrap() error { return e.Err }
