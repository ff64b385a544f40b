package storetest

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func fileOf(org sallyport.OrgID, user sallyport.UserID, id sallyport.FileID) sallyport.File {
	return sallyport.File{
		Org: org, ID: id, User: user, Purpose: "user_data", Size: 7, CreatedAt: Time, ExpiresAt: Time.Add(time.Hour),
		Head: []byte("head"), Content: []byte("content"),
	}
}

func testFiles(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	f := fileOf(org, "ann", "file-1")
	ok(t, db.CreateFile(ctx, f, Event("files.create")))
	fails(t, db.CreateFile(ctx, f, Event("files.create")), sallyport.Conflict)
	got, err := db.File(ctx, org, "ann", "file-1", Time)
	ok(t, err)
	if got.Purpose != "user_data" || got.Size != 7 || string(got.Head) != "head" || string(got.Content) != "content" || !got.CreatedAt.Equal(Time) || !got.ExpiresAt.Equal(f.ExpiresAt) {
		t.Errorf("got %+v", got)
	}
	if head, err := db.FileHead(ctx, org, "ann", "file-1", Time); err != nil || string(head.Head) != "head" || head.Content != nil {
		t.Errorf("got %+v, %v", head, err)
	}
	for _, nobodys := range []struct {
		org  sallyport.OrgID
		user sallyport.UserID
		id   sallyport.FileID
		now  time.Time
	}{{other, "ann", "file-1", Time}, {org, "bob", "file-1", Time}, {org, "ann", "file-9", Time}, {org, "ann", "file-1", f.ExpiresAt}, {org, "ann", "file-\x00", Time}, {org, "ann", "\xff", Time}} {
		_, err := db.File(ctx, nobodys.org, nobodys.user, nobodys.id, nobodys.now)
		fails(t, err, sallyport.NotFound)
		fails(t, db.DeleteFile(ctx, nobodys.org, nobodys.user, nobodys.id, nobodys.now, Event("files.delete")), sallyport.NotFound)
	}

	for _, id := range []sallyport.FileID{"file-2", "file-3", "file-4"} {
		ok(t, db.CreateFile(ctx, fileOf(org, "ann", id), Event("files.create")))
	}
	vision := fileOf(org, "ann", "file-5")
	vision.Purpose = "vision"
	ok(t, db.CreateFile(ctx, vision, Event("files.create")))
	ok(t, db.CreateFile(ctx, fileOf(org, "bob", "file-6"), Event("files.create")))
	ok(t, db.DeleteFile(ctx, org, "ann", "file-3", Time, Event("files.delete")))
	fails(t, db.DeleteFile(ctx, org, "ann", "file-3", Time, Event("files.delete")), sallyport.NotFound)
	for _, tt := range []struct {
		q    sallyport.FileQuery
		want []sallyport.FileID
	}{
		{sallyport.FileQuery{Limit: 9}, []sallyport.FileID{"file-5", "file-4", "file-2", "file-1"}},
		{sallyport.FileQuery{Limit: 2, Oldest: true}, []sallyport.FileID{"file-1", "file-2"}},
		{sallyport.FileQuery{Limit: 9, After: "file-4"}, []sallyport.FileID{"file-2", "file-1"}},
		{sallyport.FileQuery{Limit: 9, After: "file-2", Oldest: true}, []sallyport.FileID{"file-4", "file-5"}},
		{sallyport.FileQuery{Limit: 9, Purpose: "vision"}, []sallyport.FileID{"file-5"}},
	} {
		files, err := db.Files(ctx, org, "ann", tt.q, Time)
		ok(t, err)
		var ids []sallyport.FileID
		for _, f := range files {
			ids = append(ids, f.ID)
		}
		if !slices.Equal(ids, tt.want) {
			t.Errorf("%+v: got %v, want %v", tt.q, ids, tt.want)
		}
	}

	forgets := func(now time.Time, want int64) {
		t.Helper()
		if n, err := db.ForgetFiles(ctx, now, 10); err != nil || n != want {
			t.Errorf("forgot %d files, %v, want %d", n, err, want)
		}
	}
	ok(t, db.SetPolicy(ctx, org, sallyport.KindAudit, sallyport.LegalHold, []byte("{}"), Event("audit.hold")))
	forgets(f.ExpiresAt, 0)
	ok(t, db.SetPolicy(ctx, org, sallyport.KindAudit, sallyport.LegalHold, nil, Event("audit.hold")))
	forgets(Time, 1)
	forgets(f.ExpiresAt, 5)
}

// A large file is written in pieces, between which others write. It is there when it is whole,
// and goes whole; of an upload that broke off nothing stays.
func testFilesLarge(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	large := fileOf(org, "ann", "file-1")
	large.Content = make([]byte, 3<<20+7)
	for i := range large.Content {
		large.Content[i] = byte(i ^ i>>8 ^ i>>16)
	}
	large.Size = int64(len(large.Content))
	ok(t, db.CreateFile(ctx, large, Event("files.create")))
	fails(t, db.CreateFile(ctx, large, Event("files.create")), sallyport.Conflict)
	if got, err := db.File(ctx, org, "ann", "file-1", Time); err != nil || !bytes.Equal(got.Content, large.Content) || !got.ExpiresAt.Equal(large.ExpiresAt) {
		t.Errorf("got %d bytes until %v, %v", len(got.Content), got.ExpiresAt, err)
	}

	// Where its record cannot be written, a file is not there.
	lost := large
	lost.Org = "org_of_nobody"
	fails(t, db.CreateFile(ctx, lost, Event("files.create")), sallyport.NotFound)
	if n, err := db.ForgetFiles(ctx, large.ExpiresAt.Add(-time.Nanosecond), 10); err != nil || n != 0 {
		t.Errorf("forgot %d, %v: nothing was to be left", n, err)
	}

	ok(t, db.DeleteFile(ctx, org, "ann", "file-1", Time, Event("files.delete")))
	_, err := db.File(ctx, org, "ann", "file-1", Time)
	fails(t, err, sallyport.NotFound)
	if n, err := db.ForgetFiles(ctx, Time, 10); err != nil || n != 1 {
		t.Errorf("forgot %d, %v", n, err)
	}
	ok(t, db.CreateFile(ctx, large, Event("files.create"))) // none of its pieces is left
	more, err := db.EraseFiles(ctx, org, sallyport.Erasure{User: "ann"}, func(int64) sallyport.Record { return Event("audit.erase") })
	if err != nil || more {
		t.Errorf("erased: %v, %v", more, err)
	}
	ok(t, db.CreateFile(ctx, large, Event("files.create")))
}

// What a person has is bounded, and what an organisation has.
func testFilesBounds(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	large := fileOf(org, "ann", "file-large")
	large.Size = sallyport.FilesSize
	ok(t, db.CreateFile(ctx, large, Event("files.create")))
	fails(t, db.CreateFile(ctx, fileOf(org, "ann", "file-more"), Event("files.create")), sallyport.InvalidBody)
	ok(t, db.CreateFile(ctx, fileOf(org, "bob", "file-bob"), Event("files.create")))
	ok(t, db.DeleteFile(ctx, org, "ann", "file-large", Time, Event("files.delete")))
	for range sallyport.FilesMax {
		ok(t, db.CreateFile(ctx, fileOf(org, "ann", sallyport.FileID(NewID())), Event("files.create")))
	}
	fails(t, db.CreateFile(ctx, fileOf(org, "ann", "file-more"), Event("files.create")), sallyport.InvalidBody)
	over := fileOf(org, "ann", "file-later") // the others are over by then
	over.CreatedAt, over.ExpiresAt = Time.Add(time.Hour), Time.Add(2*time.Hour)
	ok(t, db.CreateFile(ctx, over, Event("files.create")))

	full := NewOrg(t, db)
	for i := range sallyport.FilesSizeAll / sallyport.FilesSize {
		f := fileOf(full, sallyport.UserID(NewID()), sallyport.FileID(NewID()))
		f.Size = sallyport.FilesSize
		ok(t, db.CreateFile(ctx, f, Event("files.create")))
		if i == 0 { // it counts until it is erased
			ok(t, db.DeleteFile(ctx, full, f.User, f.ID, Time, Event("files.delete")))
		}
	}
	fails(t, db.CreateFile(ctx, fileOf(full, "ann", "file-1"), Event("files.create")), sallyport.InvalidBody)
	if n, err := db.ForgetFiles(ctx, Time, 10); err != nil || n != 2 {
		t.Errorf("forgot %d, %v", n, err)
	}
	ok(t, db.CreateFile(ctx, fileOf(full, "ann", "file-1"), Event("files.create")))
}

func testEraseFiles(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org := NewOrg(t, db)
	for range 23 {
		ok(t, db.CreateFile(ctx, fileOf(org, "ann", sallyport.FileID(NewID())), Event("files.create")))
	}
	ok(t, db.CreateFile(ctx, fileOf(org, "bob", "file-bob"), Event("files.create")))
	var counts []int64
	erase := func(f sallyport.Erasure) (more bool, err error) {
		return db.EraseFiles(ctx, org, f, func(n int64) sallyport.Record {
			counts = append(counts, n)
			return Event("audit.erase")
		})
	}
	_, err := erase(sallyport.Erasure{})
	fails(t, err, sallyport.InvalidBody)
	_, err = erase(sallyport.Erasure{User: "ann", Call: "c"})
	fails(t, err, sallyport.InvalidBody)
	ok(t, db.SetPolicy(ctx, org, sallyport.KindAudit, sallyport.LegalHold, []byte("{}"), Event("audit.hold")))
	_, err = erase(sallyport.Erasure{User: "ann"})
	fails(t, err, sallyport.Conflict)
	ok(t, db.SetPolicy(ctx, org, sallyport.KindAudit, sallyport.LegalHold, nil, Event("audit.hold")))
	for more := true; more; {
		more, err = erase(sallyport.Erasure{User: "ann"})
		ok(t, err)
	}
	if !slices.Equal(counts, []int64{20, 3}) {
		t.Errorf("the steps tell of %v", counts)
	}
	if left, err := db.Files(ctx, org, "bob", sallyport.FileQuery{Limit: 9}, Time); err != nil || len(left) != 1 {
		t.Errorf("left is %v, %v", left, err)
	}
}
