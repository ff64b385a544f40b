package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// NewConversation adds a conversation of the member.
func NewConversation(t *testing.T, db *store.DB, org sallyport.OrgID, user sallyport.UserID) sallyport.Conversation {
	t.Helper()
	c := sallyport.Conversation{
		Org: org, ID: sallyport.ConversationID(NewID()), User: user, Model: "model", CreatedAt: Time, UpdatedAt: Time,
	}
	ok(t, db.CreateConversation(t.Context(), c, Event("conversations.create")))
	return c
}

func testConversations(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	ann, bob := NewMember(t, db, org), NewMember(t, db, org)
	stranger := NewMember(t, db, other)
	var all []sallyport.ConversationID
	for i := range 5 {
		c := NewConversation(t, db, org, ann)
		turn := NewTurn("")
		turn.Answer.CreatedAt = Time.Add(time.Duration(i) * time.Second)
		addTurn(t, db, c, turn)
		all = append(all, c.ID)
	}
	theirs := NewConversation(t, db, org, bob)
	yes, no, title, folder, model := true, false, []byte("title"), []byte("folder"), "third"
	ok(t, db.ChangeConversation(ctx, org, ann, all[0], sallyport.ConversationChange{
		Title: title, Folder: &folder, Model: &model, Pinned: &yes,
	}, Event("conversations.update")))
	got, err := db.Conversation(ctx, org, ann, all[0])
	ok(t, err)
	if !bytes.Equal(got.Title, title) || !bytes.Equal(got.Folder, folder) || got.Model != model || !got.Pinned || got.Archived {
		t.Errorf("the conversation is %+v", got)
	}
	ok(t, db.ChangeConversation(ctx, org, ann, all[3], sallyport.ConversationChange{Archived: &yes}, Event("conversations.update")))

	want := []sallyport.ConversationID{all[0], all[4], all[2], all[1]}
	var list []sallyport.ConversationID
	q := sallyport.ConversationQuery{Limit: 3}
	for range 3 {
		page, err := db.Conversations(ctx, org, ann, q)
		ok(t, err)
		for _, c := range page {
			list = append(list, c.ID)
			place := sallyport.ConversationPlace{Pinned: c.Pinned, UpdatedAt: c.UpdatedAt, ID: c.ID}
			q.After = &place
		}
	}
	if !slices.Equal(list, want) {
		t.Errorf("the list is %v, want %v", list, want)
	}
	archived, err := db.Conversations(ctx, org, ann, sallyport.ConversationQuery{Archived: true})
	ok(t, err)
	if len(archived) != 1 || archived[0].ID != all[3] {
		t.Errorf("archived are %+v", archived)
	}

	leaf := addedTo(t, db, theirs)
	unchanged(t, db, org, func() {
		for _, who := range []sallyport.UserID{bob, stranger} {
			_, err := db.Conversation(ctx, org, who, all[0])
			fails(t, err, sallyport.NotFound)
			fails(t, db.ChangeConversation(ctx, org, who, all[0], sallyport.ConversationChange{Pinned: &no}, Event("x")), sallyport.NotFound)
			fails(t, db.DeleteConversation(ctx, org, who, all[0], Time, Event("x")), sallyport.NotFound)
			_, err = db.AddTurn(ctx, org, who, all[0], NewTurn(""), Event("x"))
			fails(t, err, sallyport.NotFound)
		}
		fails(t, db.ChangeConversation(ctx, org, ann, all[0], sallyport.ConversationChange{Leaf: &leaf}, Event("x")), sallyport.NotFound)
	})
	unchanged(t, db, other, func() {
		_, err := db.Conversation(ctx, other, ann, all[0])
		fails(t, err, sallyport.NotFound)
		fails(t, db.DeleteConversation(ctx, other, ann, all[0], Time, Event("x")), sallyport.NotFound)
		fails(t, db.CreateConversation(ctx, sallyport.Conversation{Org: other, ID: "x", User: ann, Model: "m"}, Event("x")), sallyport.NotFound)
	})
	VerifyChain(t, db, org)
}

// Deleting hides, and erasing leaves nothing.
func testConversationErased(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	ann := NewMember(t, db, org)
	c, kept := NewConversation(t, db, org, ann), NewConversation(t, db, org, ann)
	addedTo(t, db, kept)
	parent := sallyport.MessageID("")
	for range 120 {
		turn := NewTurn(parent)
		turn.Attachments = []sallyport.Attachment{{Org: org, Conversation: c.ID, Message: turn.Said.ID, ID: sallyport.AttachmentID(NewID()), Sealed: []byte("file")}}
		addTurn(t, db, c, turn)
		parent = endTurn(t, db, turn).ID
	}
	share := sallyport.Share{Org: org, ID: sallyport.ShareID(NewID()), Conversation: c.ID, User: ann, CreatedAt: Time, Title: []byte("t"), Snapshot: []byte("s")}
	ok(t, db.CreateShare(ctx, share, Event("conversations.share")))
	at := Time.Add(time.Minute)
	_, err := db.EraseConversation(ctx, org, c.ID, at, Event("conversations.erase"))
	fails(t, err, sallyport.Conflict) // it is not deleted
	ok(t, db.DeleteConversation(ctx, org, ann, c.ID, at, Event("conversations.delete")))
	_, err = db.Share(ctx, org, share.ID)
	fails(t, err, sallyport.NotFound)
	fails(t, db.RestoreConversation(ctx, org, ann, c.ID, at, Event("x")), sallyport.NotFound) // too late
	fails(t, db.RestoreConversation(ctx, other, ann, c.ID, Time, Event("x")), sallyport.NotFound)
	ok(t, db.RestoreConversation(ctx, org, ann, c.ID, Time, Event("conversations.restore")))
	if _, err := db.Share(ctx, org, share.ID); err != nil {
		t.Errorf("the share does not come back: %v", err)
	}
	ok(t, db.DeleteConversation(ctx, org, ann, c.ID, at, Event("conversations.delete")))
	_, err = db.EraseConversation(ctx, org, c.ID, at, Event("conversations.erase"))
	fails(t, err, sallyport.Conflict) // it can still be restored
	late := at.Add(time.Second)
	deleted := func() bool {
		found, err := db.DeletedConversations(ctx, late, 0)
		ok(t, err)
		return slices.ContainsFunc(found, func(d sallyport.Conversation) bool { return d.ID == c.ID })
	}
	ok(t, db.SetPolicy(ctx, org, sallyport.KindAudit, sallyport.LegalHold, []byte("{}"), Event("audit.hold")))
	if deleted() {
		t.Error("it is to be erased under a legal hold")
	}
	_, err = db.EraseConversation(ctx, org, c.ID, late, Event("conversations.erase"))
	fails(t, err, sallyport.Conflict)
	ok(t, db.SetPolicy(ctx, org, sallyport.KindAudit, sallyport.LegalHold, nil, Event("audit.hold")))
	if !deleted() {
		t.Error("it is not to be erased")
	}
	steps := 0
	for more := true; more; steps++ {
		more, err = db.EraseConversation(ctx, org, c.ID, late, Event("conversations.erase"))
		ok(t, err)
	}
	if steps != 3 || deleted() {
		t.Errorf("it took %d steps", steps)
	}
	if left, err := db.Messages(ctx, org, c.ID, "", 10); err != nil || len(left) != 0 {
		t.Errorf("messages are left: %v, %v", left, err)
	}
	if _, err := db.Conversation(ctx, org, ann, kept.ID); err != nil {
		t.Errorf("another conversation: %v", err)
	}
	records := VerifyChain(t, db, org)
	told := 0
	for _, r := range records {
		if strings.HasPrefix(r.Action, "conversations.erase") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the trail tells %d times of it", told)
	}
}

func testShares(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	ann, bob := NewMember(t, db, org), NewMember(t, db, org)
	c := NewConversation(t, db, org, ann)
	s := sallyport.Share{Org: org, ID: sallyport.ShareID(NewID()), Conversation: c.ID, User: ann, CreatedAt: Time, Title: []byte("t"), Snapshot: []byte("s")}
	unchanged(t, db, org, func() {
		theirs := s
		theirs.User = bob
		fails(t, db.CreateShare(ctx, theirs, Event("x")), sallyport.NotFound)
	})
	ok(t, db.CreateShare(ctx, s, Event("conversations.share")))
	got, err := db.Share(ctx, org, s.ID)
	ok(t, err)
	if fmt.Sprint(got) != fmt.Sprint(s) {
		t.Errorf("got %+v, want %+v", got, s)
	}
	_, err = db.Share(ctx, other, s.ID)
	fails(t, err, sallyport.NotFound)
	if list, err := db.Shares(ctx, org, ann); err != nil || len(list) != 1 || list[0].ID != s.ID || list[0].Snapshot != nil {
		t.Errorf("the shares are %+v, %v", list, err)
	}
	if list, err := db.Shares(ctx, org, bob); err != nil || len(list) != 0 {
		t.Errorf("another's shares are %+v, %v", list, err)
	}
	if now, err := db.Conversation(ctx, org, ann, c.ID); err != nil || !now.Shared {
		t.Errorf("the conversation is %+v, %v", now, err)
	}
	unchanged(t, db, org, func() {
		fails(t, db.RevokeShare(ctx, org, bob, s.ID, Event("x")), sallyport.NotFound)
		fails(t, db.RevokeShare(ctx, other, "", s.ID, Event("x")), sallyport.NotFound)
	})
	ok(t, db.RevokeShare(ctx, org, ann, s.ID, Event("shares.delete")))
	_, err = db.Share(ctx, org, s.ID)
	fails(t, err, sallyport.NotFound)
}

// A fork is a conversation with messages and files of its own.
func testForkConversation(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	ann, bob := NewMember(t, db, org), NewMember(t, db, org)
	c := sallyport.Conversation{Org: org, ID: sallyport.ConversationID(NewID()), User: ann, Model: "model", CreatedAt: Time, UpdatedAt: Time}
	turn := NewTurn("")
	turn.Answer.State = sallyport.MessageDone
	c.Leaf = turn.Answer.ID
	file := sallyport.Attachment{Org: org, Conversation: c.ID, Message: turn.Said.ID, ID: sallyport.AttachmentID(NewID()), Sealed: []byte("file")}
	from := NewConversation(t, db, org, ann).ID
	ok(t, db.ForkConversation(ctx, from, c, turn.Messages(), []sallyport.Attachment{file}, Event("conversations.fork")))
	if p, err := db.Path(ctx, org, c.ID, c.Leaf, 10); err != nil || len(p) != 2 || p[1].ID != turn.Said.ID || p[0].Depth != 1 {
		t.Errorf("the path is %+v, %v", p, err)
	}
	got, err := db.Attachment(ctx, org, ann, c.ID, file.ID)
	ok(t, err)
	if string(got.Sealed) != "file" || got.Message != turn.Said.ID {
		t.Errorf("the file is %+v", got)
	}
	_, err = db.Attachment(ctx, org, bob, c.ID, file.ID)
	fails(t, err, sallyport.NotFound)
	if files, err := db.AttachmentsOf(ctx, org, turn.Said.ID); err != nil || len(files) != 1 {
		t.Errorf("the files are %+v, %v", files, err)
	}
	ok(t, db.DeleteConversation(ctx, org, ann, from, Time, Event("conversations.delete")))
	unchanged(t, db, org, func() {
		late := c
		late.ID = sallyport.ConversationID(NewID())
		fails(t, db.ForkConversation(ctx, from, late, NewTurn("").Messages(), nil, Event("conversations.fork")), sallyport.NotFound)
	})
}

// A person's conversations are erased in steps, of which the trail tells each,
// with all that belongs to them, also what is under way or was deleted.
func testEraseConversations(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	ann, bob := NewMember(t, db, org), NewMember(t, db, org)
	c, deleted, kept := NewConversation(t, db, org, ann), NewConversation(t, db, org, ann), NewConversation(t, db, org, bob)
	addedTo(t, db, kept)
	addedTo(t, db, deleted)
	ok(t, db.DeleteConversation(ctx, org, ann, deleted.ID, Time, Event("conversations.delete")))
	parent := sallyport.MessageID("")
	var file sallyport.AttachmentID
	for range 60 {
		turn := NewTurn(parent)
		file = sallyport.AttachmentID(NewID())
		turn.Once = &sallyport.TurnOnce{Name: []byte(file), Body: []byte("b"), Said: turn.Said.ID, Answer: turn.Answer.ID}
		turn.Attachments = []sallyport.Attachment{{Org: org, Conversation: c.ID, Message: turn.Said.ID, ID: file, Sealed: []byte("file")}}
		addTurn(t, db, c, turn)
		parent = endTurn(t, db, turn).ID
	}
	under := *addTurn(t, db, c, NewTurn(parent)).Answer
	under.Org = org
	ok(t, db.SaveAnswerStep(ctx, under, sallyport.AnswerStep{Begin: 0, End: 3, Sealed: []byte("abc")}))
	share := sallyport.Share{Org: org, ID: sallyport.ShareID(NewID()), Conversation: c.ID, User: ann, CreatedAt: Time, Title: []byte("t"), Snapshot: []byte("s")}
	ok(t, db.CreateShare(ctx, share, Event("conversations.share")))

	var counts []int64
	erase := func(org sallyport.OrgID, f sallyport.Erasure) (more bool, err error) {
		return db.EraseConversations(ctx, org, f, func(n int64) sallyport.Record {
			counts = append(counts, n)
			return Event("audit.erase")
		})
	}
	unchanged(t, db, org, func() {
		_, err := erase(org, sallyport.Erasure{})
		fails(t, err, sallyport.InvalidBody)
		_, err = erase(org, sallyport.Erasure{User: ann, Call: "c"})
		fails(t, err, sallyport.InvalidBody)
	})
	if more, err := erase(other, sallyport.Erasure{User: ann}); err != nil || more || !slices.Equal(counts, []int64{0}) {
		t.Errorf("another organisation: %v, %v, %v", more, err, counts)
	}
	if more, err := erase(org, sallyport.Erasure{User: ann, Before: Time.Add(-time.Hour)}); err != nil || more || !slices.Equal(counts, []int64{0, 0}) {
		t.Errorf("what is older: %v, %v, %v", more, err, counts)
	}
	ok(t, db.SetPolicy(ctx, org, sallyport.KindAudit, sallyport.LegalHold, []byte("{}"), Event("audit.hold")))
	_, err := erase(org, sallyport.Erasure{User: ann})
	fails(t, err, sallyport.Conflict)
	if all, err := db.Messages(ctx, org, c.ID, "", 1000); err != nil || len(all) != 122 {
		t.Errorf("under a legal hold there are %d messages, %v", len(all), err)
	}
	ok(t, db.SetPolicy(ctx, org, sallyport.KindAudit, sallyport.LegalHold, nil, Event("audit.hold")))

	counts = nil
	for more := true; more; {
		more, err = erase(org, sallyport.Erasure{User: ann})
		ok(t, err)
		_, err = db.Conversation(ctx, org, ann, c.ID) // the first step hides it
		fails(t, err, sallyport.NotFound)
		fails(t, db.RestoreConversation(ctx, org, ann, c.ID, time.UnixMicro(1), Event("x")), sallyport.NotFound)
	}
	if !slices.Equal(counts, []int64{100, 22, 2}) {
		t.Errorf("the steps tell of %v", counts)
	}
	for _, id := range []sallyport.ConversationID{c.ID, deleted.ID} {
		if left, err := db.Messages(ctx, org, id, "", 10); err != nil || len(left) != 0 {
			t.Errorf("messages are left: %v, %v", left, err)
		}
	}
	if files, err := db.AttachmentsOf(ctx, org, under.Parent); err != nil || len(files) != 0 {
		t.Errorf("files are left: %v, %v", files, err)
	}
	if once, err := db.TurnOnce(ctx, org, c.ID, []byte(file)); err != nil || once != nil {
		t.Errorf("a key is left: %v, %v", once, err)
	}
	_, err = db.Share(ctx, org, share.ID)
	fails(t, err, sallyport.NotFound)
	fails(t, db.SaveAnswerStep(ctx, under, sallyport.AnswerStep{Begin: 3, End: 4, Sealed: []byte("d")}), sallyport.Conflict)
	fails(t, db.FinishAnswer(ctx, under, nil), sallyport.Conflict)
	if all, err := db.Messages(ctx, org, kept.ID, "", 10); err != nil || len(all) != 2 {
		t.Errorf("of another person there are %d messages, %v", len(all), err)
	}
	VerifyChain(t, db, org)
}
