package sallyport

import "time"

// ThreadID names a conversation of OpenAI's API: "conv_" and random hexadecimal
// digits. A Conversation is one of the Terminal's, and none of these.
type ThreadID string

// The bounds of threads.
const (
	// ThreadsMax is how many one person has; a new one takes the place of the one
	// that nothing was added to for longest.
	ThreadsMax = 1_000
	// ThreadItems bounds the items of one.
	ThreadItems = 5_000
	// ThreadAdded bounds how many items one request adds by hand, as OpenAI does.
	ThreadAdded = 20
	// ThreadSize bounds, in bytes, what is stored of one.
	ThreadSize = 32 << 20
	// ThreadsKept is for how long one is stored after something was added to it.
	ThreadsKept = ResponsesKept
)

// Thread is what was said with models, kept for a client of the API. Nobody but
// its owner reads it, an administrator included.
type Thread struct {
	Org       OrgID
	ID        ThreadID
	User      UserID
	Metadata  []byte // sealed
	CreatedAt time.Time
	UpdatedAt time.Time // when something was added
}

// ThreadItem is one item of a thread.
type ThreadItem struct {
	// Key is random, and what Content is bound to.
	Key string
	// ID is what the item is called. Where the thread has one of that ID already,
	// and where it is "", Key takes its place when it is added.
	ID      string
	Call    string // whose call the item is, or answers; "": none
	Seq     int64  // its place; set by the store
	Message int64  // groups the items of one message; of what is added, counted from 0
	Content []byte // sealed
}

// ThreadQuery chooses some of a thread's items.
type ThreadQuery struct {
	Newest   bool  // the newest first
	After    int64 // the Seq of the item before the first one; 0: from the beginning
	Messages int   // of so many messages at most; 0: of all
}
