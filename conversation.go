package sallyport

import "time"

// Ids of what a person's conversations are made of; all are UUIDs, and those of
// messages sort by time.
type (
	ConversationID string
	MessageID      string
	AttachmentID   string
	ShareID        string
)

// Conversation is a person's talk with models, in one organisation. Nobody else
// reads it, an administrator included.
type Conversation struct {
	Org       OrgID
	ID        ConversationID
	User      UserID
	Title     []byte // sealed; nil: not named yet
	Folder    []byte // sealed; nil: in none
	Model     string // that the next message goes to
	Pinned    bool
	Archived  bool
	Shared    bool      // a share of it stands
	Leaf      MessageID // the end of the branch that is shown; "": no messages
	CreatedAt time.Time
	UpdatedAt time.Time // when the newest message was added
}

// ConversationQuery chooses some of a person's conversations, the pinned ones
// first, then those that were used last.
type ConversationQuery struct {
	Archived bool
	After    *ConversationPlace // nil: from the first one
	Limit    int
}

// ConversationPlace is a conversation's place in the order of a list.
type ConversationPlace struct {
	Pinned    bool
	UpdatedAt time.Time
	ID        ConversationID
}

// ConversationChange is what is to change of a conversation; nil stays.
type ConversationChange struct {
	Title    []byte // sealed
	Folder   *[]byte
	Model    *string
	Pinned   *bool
	Archived *bool
	Leaf     *MessageID
}

// MessageRole is who speaks.
type MessageRole string

// The roles.
const (
	MessageUser      MessageRole = "user"
	MessageAssistant MessageRole = "assistant"
	MessageRun       MessageRole = "run" // a run of an agent, started from the conversation
)

// MessageState is how far a message has come.
type MessageState string

// The states. All but the first are final: a message is never written again.
const (
	MessageStreaming MessageState = "streaming" // an answer under way
	MessageDone      MessageState = "done"      // the provider's end came, and the outcome is durable
	MessageStopped   MessageState = "stopped"   // the person stopped it
	MessageCut       MessageState = "cut"       // it ended without the provider's end
	MessageFailed    MessageState = "failed"
	MessageBlocked   MessageState = "blocked" // data protection does not let it through
)

// Message is one node of a conversation's tree. Its children are what was said
// next, one for each branch.
type Message struct {
	Org          OrgID
	Conversation ConversationID
	ID           MessageID
	Parent       MessageID // "": it begins the conversation
	Depth        int       // how many stand above it
	Role         MessageRole
	State        MessageState
	Model        string // that was asked; "" for other roles
	Run          RunID  // of the role run
	Content      []byte // sealed
	Masked       []byte // sealed: what data protection replaced in it; nil: nothing
	Rating       int    // -1, 0 or 1
	CreatedAt    time.Time
	Answer       Answer // of the role assistant
}

// Answer is what is known of how an answer came to be. While it is under way
// its text stands in steps beside it.
type Answer struct {
	// Node and Boot are the life of the server that works on it.
	Node, Boot string
	RequestID  string
	Call       CallID
	LedgerFrom int64 // the ledger's newest line when it began
	Seq        int64 // how much of it there is, see package chat
	LeftOut    int   // messages above it that the model was not shown
	Code       Code  // why it failed
	RetryAfter time.Duration
	Usage      Usage
	Credits    Credits
	Duration   time.Duration
}

// Turn is what one request adds to a conversation, in this order, each below the
// one before: what a person said, and the answer to it. Either may be missing.
type Turn struct {
	Parent      MessageID // of the first
	Said        *Message
	Attachments []Attachment // of Said
	Answer      *Message
	Title       []byte // sealed, for a conversation without one
	Model       string // the conversation's from now on; "": as before
	Once        *TurnOnce
}

// TurnOnce lets a turn happen once.
type TurnOnce struct {
	Name []byte // SHA-256 of the Idempotency-Key
	Body []byte // keyed hash of what was asked
	// Digest is what Body is the keyed hash of; not stored.
	Digest []byte
	// Said and Answer are what the first request made.
	Said, Answer MessageID
}

// AnswerStep is a piece of an answer under way.
type AnswerStep struct {
	Begin, End int64 // from where to where it reaches
	Sealed     []byte
}

// Attachment is a file that was sent with a message.
type Attachment struct {
	Org          OrgID
	Conversation ConversationID
	Message      MessageID
	ID           AttachmentID
	Sealed       []byte
}

// Share is a snapshot of a conversation that all members of the organisation may
// read who have its id.
type Share struct {
	Org          OrgID
	ID           ShareID
	Conversation ConversationID
	User         UserID // who shared it
	CreatedAt    time.Time
	Title        []byte // sealed
	Snapshot     []byte // sealed; not set in lists
}

// Bounds of a person's conversations.
const (
	ConversationsMax = 10_000 // of one person in one organisation, deleted ones that stand included
	MessagesMax      = 20_000 // of one conversation, all branches
	SharesMax        = 1_000  // of one person in one organisation
)

// Messages are those that the turn adds.
func (t Turn) Messages() []*Message {
	var added []*Message
	if t.Said != nil {
		added = append(added, t.Said)
	}
	if t.Answer != nil {
		added = append(added, t.Answer)
	}
	return added
}
