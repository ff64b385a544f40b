package sallyport

import "time"

// PolicyVersion is a policy as it was in force once. Versions of one subject are
// numbered from 1, and none is ever changed.
type PolicyVersion struct {
	Number  int64
	Body    []byte // nil: from then on there was none
	Samples []byte // sealed; empty: none
	Note    string
	User    UserID // who published it; empty: the command line
	At      time.Time
}

// AnyVersion is the base of who does not care what is in force.
const AnyVersion = -1

// PolicyDraft is a policy that somebody works on.
type PolicyDraft struct {
	Body    []byte
	Samples []byte // sealed; empty: none
	// Base is the number of the version that it began from; 0: there was none.
	Base int64
	// Revision counts how often it was saved: who saves says which one they saw.
	Revision int64
	User     UserID
	At       time.Time
}
