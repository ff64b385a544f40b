package sallyport

import "time"

// LedgerKind says why credits moved.
type LedgerKind string

// The kinds of ledger entries.
const (
	LedgerGrant  LedgerKind = "grant"  // an administrator added credits, or took some back
	LedgerCharge LedgerKind = "charge" // a call was settled
	LedgerRefund LedgerKind = "refund" // an administrator gave back what a call was charged
)

// LedgerEntry is one line of an organisation's ledger. Lines are only ever
// added, and the sum of all amounts is the balance.
type LedgerEntry struct {
	Org          OrgID
	Seq          int64 // 1, 2, 3 … in the organisation, without a gap
	Kind         LedgerKind
	Amount       Credits // what the balance moved by: a charge is negative or zero
	BalanceAfter Credits
	Note         string // of a grant or refund
	At           time.Time

	// Of a charge alone.

	Call         CallID
	User         UserID // whose key it was
	Key          KeyID
	Agent        AgentID   // whose run made the call; may be empty
	Groups       []GroupID // of User when the call began
	Model        string
	Usage        Usage
	Estimated    bool   // the usage is ours, not the provider's
	Overrun      bool   // the cost was above the hold
	PriceVersion string // which price it was reckoned with
}
