package sallyport

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// ContentLevel says how much is kept of what calls say.
type ContentLevel string

// The levels. What is kept is what data protection let out: never a value that
// it hid.
const (
	ContentNone    ContentLevel = "metadata" // nothing: the trail tells of calls, not what they say
	ContentRequest ContentLevel = "request"
	ContentAnswer  ContentLevel = "answer" // the request and the answer
)

// Valid says whether l is one of the levels above.
func (l ContentLevel) Valid() bool {
	return l == ContentNone || l == ContentRequest || l == ContentAnswer
}

// Content is what is kept of one call, as it is stored: apart from the trail, so
// that it can be dropped without a trace in it.
type Content struct {
	Org    OrgID
	Seq    int64 // of the record that it belongs to, the call's outcome; the store sets it
	Call   CallID
	User   UserID // who made the call
	At     time.Time
	Salt   []byte
	Sealed []byte // see audit.Kept for what is in it
}

// ContentHash binds content to a record without telling it: the hex SHA-256 of
// salt and content. Without the salt nobody can try out what the content was.
func ContentHash(salt, content []byte) string {
	h := sha256.New()
	h.Write(salt)
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}

// Erasure chooses what is erased of what stands beside the trail. Fields that
// are zero do not restrict; one at least must be set.
type Erasure struct {
	Call   CallID
	User   UserID    // who made the call
	Before time.Time // only what happened before this instant
}
