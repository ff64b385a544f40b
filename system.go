package sallyport

import "time"

// Followers is how far what follows an organisation's trail and ledger has got: by
// the numbers of records, and of entries.
type Followers struct {
	Head, Oldest     int64 // the last and the first record that are there
	Signed           int64 // the last record that a checkpoint covers
	SignedAt         time.Time
	Indexed          int64 // the last record that the index of searches has
	Removed          int64 // the last record that retention has removed
	Ledger, RolledUp int64 // the last entry, and the last that is in the sums of usage
}

// NodeLife is a node that serves, until its lease ends.
type NodeLife struct {
	Node, Boot string
	Expires    time.Time
}
