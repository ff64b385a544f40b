package sallyport

import (
	"encoding/json"
	"time"
)

// Verification is one reading of a whole trail that somebody asked for.
type Verification struct {
	Org       OrgID
	ID        string
	User      UserID // who asked
	CreatedAt time.Time
	EndedAt   time.Time       // zero: it is under way, or waits
	Records   int64           // so many were read
	Head      int64           // up to this one it goes; 0: it has not begun
	Verdict   json.RawMessage // once it has ended; see package audit
}

// SavedSearch is a search of the trail that a member keeps.
type SavedSearch struct {
	ID        string
	Name      string
	Query     json.RawMessage // the parts of it by their names
	CreatedAt time.Time
}

// SavedSearchesMax is how many a member may keep.
const SavedSearchesMax = 50
