package sallyport

// Tombstone stands for the oldest records of a trail, which retention has
// removed. Tombstones of a trail follow each other without a gap from record 1.
type Tombstone struct {
	Org   OrgID
	First int64 // the first record that it stands for
	Last  int64 // the last one
	// Body is what a record of the trail tells of it, byte for byte: see audit.Removal.
	Body []byte
}

// The policy that is an organisation's legal hold: while it is there, nothing of
// its trail is removed or erased.
const (
	KindAudit = "audit"      // the kind of all policies on the trail
	LegalHold = "legal_hold" // the subject
)
