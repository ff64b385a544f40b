// Package chat keeps people's conversations with models and writes the answers.
//
// Chat is a client of the gateway like any other: each answer is a call of the
// person who asked, so access, limits, credits, data protection and the trail
// bind it without a line of code here.
//
// A conversation is a tree of messages. Nothing that was said is overwritten: to
// edit a message adds another below the same parent, to regenerate an answer
// adds another below the same question, and a conversation remembers which leaf
// is shown. What people wrote and models answered is sealed; titles and folders
// too.
//
// An answer goes on when its reader leaves. It is a log (answer.go) of which every
// byte of text or reasoning, and every state of a tool call, is one number of
// the sequence. The log is in memory for readers on this node (follow.go), and is
// written to the database in sealed steps, each after stepTime or stepBytes, for
// readers on other nodes and for a restart. At its end it becomes the message's
// content, in the transaction that makes its state final:
//
//	            the provider's end came, and the outcome is durable
//	           +----------------------------------------------------> done
//	           | the person stopped it                               stopped
//	streaming -+ it broke off, the server stopped or died            cut
//	           | data protection refused it                          blocked
//	           + anything else                                       failed
//
// What a crash leaves: an answer under way with its steps. Whoever finds that the
// life of the server which worked on it has ended (sweep.go) makes of the steps
// what they are: an answer that was cut. It is never done. The gateway's own
// recovery has charged the call by then.
//
// A person who is no member any more has no way to conversations, and neither has
// anybody else: they stay sealed as they are until they are erased. What was
// shared stays readable until somebody revokes it; administrators may.
package chat

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/background"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// Store keeps conversations; *store.DB is the real one. Whatever is not the
// person's is sallyport.NotFound. All methods are safe for concurrent use, by
// several processes too.
type Store interface {
	conversationStore
	messageStore
	answerStore
	shareStore
	erasureStore
}

// Gateway is the one road to a model; *gateway.Gateway is the real one.
type Gateway interface {
	Do(ctx context.Context, call *gateway.Call, out llm.Sink) error
	// Model returns a *sallyport.Error for a model that the principal may not use.
	Model(ctx context.Context, who sallyport.Principal, id string) (sallyport.Model, error)
}

// Sealer seals what people wrote and models answered; *secret.Ring is the real one.
type Sealer interface {
	Seal(ctx context.Context, org sallyport.OrgID, purpose secret.Purpose, plaintext, associated []byte) ([]byte, error)
	Unseal(ctx context.Context, org sallyport.OrgID, purpose secret.Purpose, sealed, associated []byte) ([]byte, error)
	MAC(ctx context.Context, org sallyport.OrgID, purpose secret.Purpose, data []byte) ([]byte, error)
	VerifyMAC(ctx context.Context, org sallyport.OrgID, purpose secret.Purpose, mac, data []byte) error
}

// Parts is what Chats is made of. All fields must be set.
type Parts struct {
	Store   Store
	Gateway Gateway
	Sealer  Sealer
	// Node and Boot name this life of this server.
	Node, Boot string
	Now        func() time.Time
	Log        *slog.Logger
	// Event builds the record of a change: of the call that ctx carries, or of
	// who when it carries none.
	Event func(ctx context.Context, who sallyport.Principal, action, resource string, change any) sallyport.Record
}

// Bounds of what goes on at once. An answer is a call of the provider and takes
// memory for its text; more of them are refused, with RateLimited.
const (
	AnswersMax         = 256 // of this process
	AnswersOfPersonMax = 8   // of one person, on this process
)

// Chats are the conversations of all people. It is safe for concurrent use.
type Chats struct {
	Parts

	mu       sync.Mutex
	stopping bool
	live     map[sallyport.MessageID]*live
	ofPerson map[person]int
	under    int            // answers under way, those included that have no message yet
	answers  sync.WaitGroup // their goroutines
	idle     chan struct{}  // closed and made anew when an answer ends
	sweeper  background.Task
	stopper  background.Task // see stopUnwanted
}

type person struct {
	org  sallyport.OrgID
	user sallyport.UserID
}

// New returns Chats. Answers are written from then on; Serve looks after those
// that were left.
func New(parts Parts) (*Chats, error) {
	if parts.Store == nil || parts.Gateway == nil || parts.Sealer == nil ||
		parts.Now == nil || parts.Log == nil || parts.Event == nil || parts.Node == "" || parts.Boot == "" {
		return nil, errors.New("a part of the conversations is missing")
	}
	return &Chats{
		Parts: parts, live: make(map[sallyport.MessageID]*live), ofPerson: make(map[person]int), idle: make(chan struct{}),
	}, nil
}

// Serve looks after what was left: answers of servers that have ended, and
// conversations that are to be erased; and it stops answers when another server
// was asked to. It goes on until Stop.
func (c *Chats) Serve(ctx context.Context) {
	c.stopper.Start(context.WithoutCancel(ctx), c.stopUnwantedOften)
	c.sweeper.Start(context.WithoutCancel(ctx), c.sweepOften)
}

// Drain lets no new answer begin and waits until those under way have ended, or
// ctx has.
func (c *Chats) Drain(ctx context.Context) {
	c.mu.Lock()
	c.stopping = true
	c.mu.Unlock()
	for {
		c.mu.Lock()
		under, idle := c.under, c.idle
		c.mu.Unlock()
		if under == 0 {
			return
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return
		}
	}
}

// Stop cuts all answers under way and waits until each is written, as long as
// ctx allows. Stopping twice is harmless.
func (c *Chats) Stop(ctx context.Context) error {
	c.sweeper.Stop()
	c.stopper.Stop()
	c.mu.Lock()
	c.stopping = true
	for _, l := range c.live {
		l.cancel(errStopping)
	}
	c.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		c.answers.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return errors.Join(errors.New("answers could not be written in time"), ctx.Err())
	}
}

var errStopping = sallyport.NewError(sallyport.ServerStopping, "The server stopped before the answer's end.")

// busyRetry is when somebody may try again who has too many answers under way.
const busyRetry = 2 * time.Second

// admit takes a place for an answer; leave gives it back.
func (c *Chats) admit(who sallyport.Principal) (leave func(), err error) {
	of := person{who.Org, who.User}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.stopping:
		return nil, errStopping
	case c.ofPerson[of] >= AnswersOfPersonMax:
		return nil, busy("You have as many answers under way as one person may have at once. Wait for one, or stop one.")
	case c.under >= AnswersMax:
		return nil, busy("The server writes as many answers as it can at once. Try again.")
	}
	c.ofPerson[of]++
	c.under++
	c.answers.Add(1)
	return sync.OnceFunc(func() {
		c.mu.Lock()
		if c.ofPerson[of]--; c.ofPerson[of] == 0 {
			delete(c.ofPerson, of)
		}
		c.under--
		close(c.idle)
		c.idle = make(chan struct{})
		c.mu.Unlock()
		c.answers.Done()
	}), nil
}

func busy(message string) error {
	e := sallyport.NewError(sallyport.RateLimited, message)
	e.RetryAfter = busyRetry
	return e
}

// newID returns a fresh id; ids sort by time.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
