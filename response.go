package sallyport

import "time"

// ResponseID names a response that is stored: "resp_" and random hexadecimal digits.
type ResponseID string

// The bounds of stored responses.
const (
	// ResponsesMax is how many one person has; a new one takes the place of the oldest.
	ResponsesMax = 1_000
	// ResponsesChained bounds how many turns one that follows others has before it.
	ResponsesChained = 500
	// ResponsesSize bounds, in bytes, what is stored of one response, and of all
	// that one follows.
	ResponsesSize = 32 << 20
	// ResponseItems bounds how many items of one response can be named by their
	// ids, and how many one request names.
	ResponseItems = 500
	// TurnsSize bounds, in bytes, what one person has of stored responses and threads
	// together, and TurnsSizeAll what is stored of an organisation, what is deleted and
	// not erased yet included. Nothing is deleted to make room: that is for who asked for it.
	TurnsSize    = 2 << 30
	TurnsSizeAll = 64 << 30
	// ResponsesKept is for how long they are stored, as OpenAI keeps its own.
	ResponsesKept = 30 * 24 * time.Hour
)

// StoredResponse is a response that can be read and followed. Nobody but its
// owner does, an administrator included.
type StoredResponse struct {
	Org       OrgID
	ID        ResponseID
	User      UserID
	Previous  ResponseID // that it follows; "": none
	Items     []string   // ids of what it said; told when it is stored, and not read again
	Content   []byte     // sealed: what was asked and what was answered
	CreatedAt time.Time
	// Thread is the conversation that Said is added to with it; "": none. A response
	// without an ID is not stored, and what was said is added all the same.
	Thread ThreadID
	Said   []ThreadItem
}

// ResponseCall is the call that makes a response in the background, and the life
// of the server that works on it.
type ResponseCall struct {
	ID         CallID
	Node, Boot string
}
