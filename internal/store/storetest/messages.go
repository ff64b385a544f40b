package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

var life = sallyport.Answer{Node: "node", Boot: "boot"}

// NewTurn is a question below parent, and an answer that is being written.
func NewTurn(parent sallyport.MessageID) sallyport.Turn {
	return sallyport.Turn{
		Parent: parent, Model: "other", Title: []byte("named"),
		Said: &sallyport.Message{
			ID: sallyport.MessageID(NewID()), Role: sallyport.MessageUser, State: sallyport.MessageDone, Content: []byte("question"), CreatedAt: Time,
		},
		Answer: &sallyport.Message{
			ID: sallyport.MessageID(NewID()), Role: sallyport.MessageAssistant, State: sallyport.MessageStreaming, Model: "other",
			CreatedAt: Time, Answer: life,
		},
	}
}

func addTurn(t *testing.T, db *store.DB, c sallyport.Conversation, turn sallyport.Turn) sallyport.Turn {
	t.Helper()
	before, err := db.AddTurn(t.Context(), c.Org, c.User, c.ID, turn, Event("conversations.send"))
	ok(t, err)
	if before != nil {
		t.Fatalf("the turn was there: %+v", before)
	}
	return turn
}

func endTurn(t *testing.T, db *store.DB, turn sallyport.Turn) sallyport.Message {
	t.Helper()
	m := *turn.Answer
	m.State, m.Content = sallyport.MessageDone, []byte("answer")
	ok(t, db.FinishAnswer(t.Context(), m, nil))
	return m
}

// addedTo adds a turn and returns its leaf.
func addedTo(t *testing.T, db *store.DB, c sallyport.Conversation) sallyport.MessageID {
	t.Helper()
	return addTurn(t, db, c, NewTurn("")).Answer.ID
}

// Messages are a tree: nothing is overwritten, and paths are read upwards.
func testMessages(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	ann := NewMember(t, db, org)
	c, elsewhere := NewConversation(t, db, org, ann), NewConversation(t, db, org, ann)
	foreign := addedTo(t, db, elsewhere)
	var path []sallyport.MessageID
	parent := sallyport.MessageID("")
	for range 3 {
		turn := addTurn(t, db, c, NewTurn(parent))
		_, err := db.AddTurn(ctx, org, ann, c.ID, NewTurn(turn.Answer.ID), Event("x"))
		fails(t, err, sallyport.Conflict) // it is still being written
		parent = endTurn(t, db, turn).ID
		path = append(path, turn.Said.ID, turn.Answer.ID)
	}
	branch := addTurn(t, db, c, NewTurn(path[1]))
	endTurn(t, db, branch)
	again := addTurn(t, db, c, sallyport.Turn{Parent: branch.Said.ID, Answer: NewTurn("").Answer})

	read := func(from sallyport.MessageID, limit int) (ids []sallyport.MessageID) {
		t.Helper()
		found, err := db.Path(ctx, org, c.ID, from, limit)
		ok(t, err)
		for _, m := range found {
			ids = append(ids, m.ID)
		}
		slices.Reverse(ids)
		return ids
	}
	if got := read(path[5], 100); !slices.Equal(got, path) {
		t.Errorf("the path is %v, want %v", got, path)
	}
	if got := read(path[5], 2); !slices.Equal(got, path[4:]) {
		t.Errorf("the end of the path is %v, want %v", got, path[4:])
	}
	if got, want := read(again.Answer.ID, 100), []sallyport.MessageID{path[0], path[1], branch.Said.ID, again.Answer.ID}; !slices.Equal(got, want) {
		t.Errorf("the branch is %v, want %v", got, want)
	}
	for from, want := range map[sallyport.MessageID]sallyport.MessageID{
		path[0]: again.Answer.ID, path[2]: path[5], branch.Answer.ID: branch.Answer.ID, branch.Said.ID: again.Answer.ID,
	} {
		if got, err := db.NewestBelow(ctx, org, c.ID, from); err != nil || got != want {
			t.Errorf("the newest below %s is %s, %v; want %s", from, got, err, want)
		}
	}
	_, err := db.NewestBelow(ctx, org, c.ID, foreign)
	fails(t, err, sallyport.NotFound)
	found, err := db.Path(ctx, org, c.ID, again.Answer.ID, 1)
	ok(t, err)
	siblings, err := db.Siblings(ctx, org, c.ID, found)
	ok(t, err)
	if got, want := siblings[branch.Said.ID], []sallyport.MessageID{branch.Answer.ID, again.Answer.ID}; !slices.Equal(got, want) {
		t.Errorf("the siblings are %v, want %v", got, want)
	}
	conversation, err := db.Conversation(ctx, org, ann, c.ID)
	ok(t, err)
	if conversation.Leaf != again.Answer.ID || conversation.Model != "other" || string(conversation.Title) != "named" {
		t.Errorf("the conversation is %+v", conversation)
	}
	every, err := db.Messages(ctx, org, c.ID, path[0], 100)
	ok(t, err)
	if len(every) != 8 || every[0].ID != path[1] {
		t.Errorf("there are %d messages after the first", len(every))
	}
	ok(t, db.RateMessage(ctx, org, ann, c.ID, path[1], -1, Event("conversations.rate")))
	m, err := db.Message(ctx, org, ann, c.ID, path[1])
	ok(t, err)
	if m.Rating != -1 || m.Parent != path[0] || m.Depth != 1 || string(m.Content) != "answer" || m.Answer.Node != life.Node {
		t.Errorf("the answer is %+v", m)
	}

	unchanged(t, db, org, func() {
		_, err := db.AddTurn(ctx, org, ann, c.ID, NewTurn(foreign), Event("x"))
		fails(t, err, sallyport.NotFound)
		_, err = db.AddTurn(ctx, org, ann, c.ID, NewTurn("nothing"), Event("x"))
		fails(t, err, sallyport.NotFound)
		_, err = db.Message(ctx, org, ann, c.ID, foreign)
		fails(t, err, sallyport.NotFound)
		_, err = db.Message(ctx, other, ann, c.ID, path[1])
		fails(t, err, sallyport.NotFound)
		fails(t, db.RateMessage(ctx, org, "nobody", c.ID, path[1], 1, Event("x")), sallyport.NotFound)
		fails(t, db.RateMessage(ctx, org, ann, c.ID, path[0], 1, Event("x")), sallyport.NotFound) // no answer
		fails(t, db.AskToStop(ctx, org, "nobody", c.ID, path[1], Event("x")), sallyport.NotFound)
	})
	ids, err := db.PathIDs(ctx, org, c.ID, path[5])
	ok(t, err)
	if slices.Reverse(ids); !slices.Equal(ids, path) {
		t.Errorf("the ids of the path are %q", ids)
	}
	if ids, err := db.PathIDs(ctx, other, c.ID, path[5]); err != nil || len(ids) != 0 {
		t.Errorf("of another organisation: %q, %v", ids, err)
	}
	if p, err := db.Path(ctx, other, c.ID, path[5], 10); err != nil || len(p) != 0 {
		t.Errorf("another organisation reads %v, %v", p, err)
	}
	VerifyChain(t, db, org)
}

// A turn with a key happens once.
func testTurnOnce(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	ann := NewMember(t, db, org)
	c := NewConversation(t, db, org, ann)
	first := NewTurn("")
	first.Once = &sallyport.TurnOnce{Name: []byte("name"), Body: []byte("body"), Said: first.Said.ID, Answer: first.Answer.ID}
	addTurn(t, db, c, first)
	unchanged(t, db, org, func() {
		repeat := NewTurn("")
		repeat.Once = &sallyport.TurnOnce{Name: []byte("name"), Body: []byte("other"), Said: repeat.Said.ID, Answer: repeat.Answer.ID}
		before, err := db.AddTurn(ctx, org, ann, c.ID, repeat, Event("x"))
		ok(t, err)
		if before == nil || before.Said != first.Said.ID || before.Answer != first.Answer.ID || string(before.Body) != "body" {
			t.Errorf("what stands is %+v", before)
		}
	})
	if all, err := db.Messages(ctx, org, c.ID, "", 10); err != nil || len(all) != 2 {
		t.Errorf("there are %d messages, %v", len(all), err)
	}
	if before, err := db.TurnOnce(ctx, org, c.ID, []byte("another")); before != nil || err != nil {
		t.Errorf("another name: %+v, %v", before, err)
	}
}

// An answer is written in steps and ended once.
func testAnswers(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	ann := NewMember(t, db, org)
	c := NewConversation(t, db, org, ann)
	turn := addTurn(t, db, c, NewTurn(""))
	m := *turn.Answer
	m.Org = org
	save := func(begin, end int64) error {
		return db.SaveAnswerStep(ctx, m, sallyport.AnswerStep{Begin: begin, End: end, Sealed: fmt.Append(nil, begin)})
	}
	ok(t, save(0, 10))
	ok(t, save(10, 15))
	ok(t, save(10, 15))                        // the same again
	fails(t, save(10, 20), sallyport.Conflict) // not where it ends
	stranger := m
	stranger.Answer.Boot = "another life"
	fails(t, db.SaveAnswerStep(ctx, stranger, sallyport.AnswerStep{Begin: 15, End: 16, Sealed: []byte("x")}), sallyport.Conflict)
	for after, want := range map[int64]int{0: 2, 9: 2, 10: 1, 14: 1, 15: 0} {
		steps, err := db.AnswerSteps(ctx, org, m.ID, after)
		ok(t, err)
		if len(steps) != want || want == 2 && string(steps[1].Sealed) != "10" {
			t.Errorf("after %d: %+v", after, steps)
		}
	}
	gone := NewConversation(t, db, org, ann)
	inGone, beside := *addTurn(t, db, gone, NewTurn("")).Answer, *addTurn(t, db, NewConversation(t, db, org, ann), NewTurn("")).Answer
	inGone.Org, beside.Org = org, org
	wanted := func(want ...sallyport.MessageID) {
		t.Helper()
		got, err := db.WantedAnswers(ctx, []sallyport.Message{m, inGone, beside, {Org: org, ID: "none"}, {Org: "other", ID: m.ID}})
		ok(t, err)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("wanted are %q, want %q", got, want)
		}
	}
	wanted(m.ID, inGone.ID, beside.ID)
	ok(t, db.AskToStop(ctx, org, ann, c.ID, m.ID, Event("conversations.stop")))
	ok(t, db.DeleteConversation(ctx, org, ann, gone.ID, Time, Event("conversations.delete")))
	wanted(beside.ID)

	m.State, m.Content, m.Masked = sallyport.MessageFailed, []byte("end"), []byte("hidden")
	m.Answer.Seq, m.Answer.Code, m.Answer.RetryAfter = 15, sallyport.RateLimited, 3*time.Second
	m.Answer.Usage, m.Answer.Credits, m.Answer.Duration = sallyport.Usage{Input: 1, CachedInput: 2, CacheWrite: 3, Output: 4, Reasoning: 5}, 77, 1500*time.Millisecond
	m.Parent = turn.Said.ID
	ok(t, db.FinishAnswer(ctx, m, []byte("masked")))
	fails(t, db.FinishAnswer(ctx, m, nil), sallyport.Conflict)
	fails(t, save(15, 20), sallyport.Conflict)
	got, err := db.Message(ctx, org, ann, c.ID, m.ID)
	ok(t, err)
	got.CreatedAt = m.CreatedAt
	m.Conversation, m.Depth = c.ID, 1
	if fmt.Sprint(got) != fmt.Sprint(m) {
		t.Errorf("got  %+v\nwant %+v", got, m)
	}
	said, err := db.Message(ctx, org, ann, c.ID, turn.Said.ID)
	ok(t, err)
	if string(said.Masked) != "masked" {
		t.Errorf("the message is %+v", said)
	}
	if steps, err := db.AnswerSteps(ctx, org, m.ID, 0); err != nil || len(steps) != 0 {
		t.Errorf("steps are left: %v, %v", steps, err)
	}
}

// Answers of lives that have ended are found once their call is closed.
func testLeftAnswers(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	ann := NewMember(t, db, org)
	c := NewConversation(t, db, org, ann)
	ours, dead := journal.Life{Node: "left", Boot: NewID()}, journal.Life{Node: "gone", Boot: NewID()}
	ok(t, db.TakeLease(ctx, ours, time.Hour))
	ok(t, db.TakeLease(ctx, dead, time.Hour))
	var ids []sallyport.MessageID
	for _, l := range []journal.Life{ours, dead} {
		turn := NewTurn("")
		turn.Answer.Answer.Node, turn.Answer.Answer.Boot = l.Node, l.Boot
		ids = append(ids, addTurn(t, db, c, turn).Answer.ID)
	}
	left := func() (found []sallyport.MessageID) {
		t.Helper()
		all, err := db.LeftAnswers(ctx, 0)
		ok(t, err)
		for _, m := range all {
			if m.Org == org {
				found = append(found, m.ID)
			}
		}
		return found
	}
	if got := left(); len(got) != 0 {
		t.Errorf("left are %v while both live", got)
	}
	ok(t, db.EndLease(ctx, dead))
	if got := left(); !slices.Equal(got, ids[1:]) {
		t.Errorf("left are %v, want %v", got, ids[1:])
	}
	if got, err := db.AnswersOf(ctx, ours.Node, ours.Boot); err != nil || len(got) != 1 || got[0].ID != ids[0] {
		t.Errorf("ours are %v, %v", got, err)
	}
}
