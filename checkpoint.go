package sallyport

import "time"

// Checkpoint is a signed statement of what an organisation's trail was at one
// moment: its first Size records are the leaves of a Merkle tree with this Root.
type Checkpoint struct {
	Org  OrgID
	Size int64
	Root Hash
	At   time.Time
	Note []byte // the statement as it is signed: a signed note
}

// TreeTile is a part of the Merkle tree over a trail: up to 256 neighbouring
// hashes of one level.
type TreeTile struct {
	Level  int   // of tiles, 0: the leaves
	N      int64 // which of the level
	Hashes []byte
}

// Trail is how far the trail of one organisation has got, and how far those
// have got who follow it.
type Trail struct {
	Org  OrgID
	Head int64     // number of its newest record
	Done int64     // the newest record that the follower has dealt with
	At   time.Time // when it did
}
