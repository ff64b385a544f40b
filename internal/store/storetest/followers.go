package storetest

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
	"github.com/sallyport-ai/sallyport/internal/store"
)

func testCheckpoints(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	at := func(size int64) sallyport.Checkpoint {
		return sallyport.Checkpoint{Org: org, Size: size, Root: sallyport.Hash{byte(size)}, At: Time, Note: []byte("note")}
	}
	tile := func(hashes string) []sallyport.TreeTile {
		return []sallyport.TreeTile{{Level: 0, N: 0, Hashes: []byte(hashes)}}
	}
	_, err := db.LastCheckpoint(ctx, org)
	fails(t, err, sallyport.NotFound)
	_, err = db.TreeTile(ctx, org, 0, 0)
	fails(t, err, sallyport.NotFound)

	ok(t, db.AddCheckpoint(ctx, 0, at(1), tile("one")))
	ok(t, db.AddCheckpoint(ctx, 1, at(3), tile("three")))
	// Another process began from what the first has passed by now.
	fails(t, db.AddCheckpoint(ctx, 1, at(2), tile("two")), sallyport.Conflict)
	fails(t, db.AddCheckpoint(ctx, 0, at(3), tile("two")), sallyport.Conflict)
	nobody := at(1)
	nobody.Org = "nobody"
	fails(t, db.AddCheckpoint(ctx, 0, nobody, nil), sallyport.NotFound)

	last, err := db.LastCheckpoint(ctx, org)
	ok(t, err)
	if !reflect.DeepEqual(last, at(3)) {
		t.Errorf("LastCheckpoint is %+v, want %+v", last, at(3))
	}
	all, err := db.Checkpoints(ctx, org, 0, 0)
	ok(t, err)
	if !reflect.DeepEqual(all, []sallyport.Checkpoint{at(1), at(3)}) {
		t.Errorf("Checkpoints are %+v, want those of size 1 and 3", all)
	}
	if above, err := db.Checkpoints(ctx, org, 1, 1); err != nil || len(above) != 1 || above[0].Size != 3 {
		t.Errorf("above 1: %+v %v, want the one of size 3", above, err)
	}
	hashes, err := db.TreeTile(ctx, org, 0, 0)
	ok(t, err)
	if string(hashes) != "three" {
		t.Errorf("tile is %q, want three", hashes)
	}

	_, err = db.LastCheckpoint(ctx, other)
	fails(t, err, sallyport.NotFound)
	_, err = db.TreeTile(ctx, other, 0, 0)
	fails(t, err, sallyport.NotFound)
	none, err := db.Checkpoints(ctx, other, 0, 0)
	ok(t, err)
	if len(none) != 0 {
		t.Errorf("the other organisation has %+v", none)
	}
}

func testUnsigned(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	commit(t, db, journal.Entry{Org: sallyport.InstanceOrg, Record: Event("refused")})
	ok(t, db.AddCheckpoint(ctx, 0, sallyport.Checkpoint{Org: org, Size: 1, At: Time, Note: []byte("note")}, nil))
	want := func(want ...sallyport.Trail) {
		t.Helper()
		got, err := db.Unsigned(ctx, 0)
		ok(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("Unsigned are %+v, want %+v", got, want)
		}
	}
	want(sallyport.Trail{Org: other, Head: 1})
	ok(t, db.SetPolicy(ctx, org, "dlp", "", []byte("x"), Event("policy.set")))
	want(sallyport.Trail{Org: other, Head: 1}, sallyport.Trail{Org: org, Head: 2, Done: 1, At: Time})
}

func testSinkHolder(t *testing.T, db *store.DB) {
	ctx := t.Context()
	hold := func(holder string, hold time.Duration, want bool) {
		t.Helper()
		got, err := db.HoldSink(ctx, "siem", holder, hold)
		ok(t, err)
		if got != want {
			t.Errorf("%s holds the sink: %t, want %t", holder, got, want)
		}
	}
	hold("a", time.Minute, true)
	hold("b", time.Minute, false)
	hold("a", 0, true) // its time has run out
	hold("b", time.Minute, true)
	hold("a", time.Minute, false)

	// A life that has ended is not waited for, and does not go on.
	ok(t, db.TakeLease(ctx, journal.Life{Node: "node", Boot: "b"}, time.Minute))
	hold("a", time.Minute, false)
	ok(t, db.TakeLease(ctx, journal.Life{Node: "node", Boot: "c"}, time.Minute)) // it ends the one before
	hold("c", time.Minute, true)
	hold("b", time.Minute, false)

	state := sallyport.SinkState{
		Name: "siem", Holder: "c",
		Failures: 3, Error: "refused", At: Time, Next: Time.Add(time.Hour),
	}
	ok(t, db.SaveSinkState(ctx, state))
	lost := state
	lost.Holder, lost.Error = "a", "of one that holds it no more"
	ok(t, db.SaveSinkState(ctx, lost))
	states, err := db.SinkStates(ctx)
	ok(t, err)
	if !reflect.DeepEqual(states, []sallyport.SinkState{state}) {
		t.Errorf("SinkStates are %+v, want %+v", states, state)
	}
}

func testSinkCursors(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db)
	want := func(sink string, of sallyport.OrgID, done int64) {
		t.Helper()
		all, err := db.SinkTrails(ctx, sink, "")
		ok(t, err)
		if len(all) != 3 {
			t.Errorf("%d trails, want two organisations and the instance", len(all))
		}
		i := slices.IndexFunc(all, func(tr sallyport.Trail) bool { return tr.Org == of })
		one, err := db.SinkTrails(ctx, sink, of)
		ok(t, err)
		if len(one) != 1 || i < 0 || all[i] != one[0] || one[0].Head != 1 || one[0].Done != done {
			t.Errorf("%s in %s: %+v, want %d of 1", sink, of, one, done)
		}
	}
	want("siem", org, 0)
	ok(t, db.AdvanceSink(ctx, "siem", org, 0, 1, Time))
	fails(t, db.AdvanceSink(ctx, "siem", org, 0, 1, Time), sallyport.Conflict) // late, from one that held it before
	want("siem", org, 1)
	want("siem", other, 0)
	want("file", org, 0)
	fails(t, db.AdvanceSink(ctx, "siem", "nobody", 0, 1, Time), sallyport.NotFound)
	unchanged(t, db, other, func() {
		fails(t, db.RewindSink(ctx, "siem", other, 0, Event("sink.replay")), sallyport.NotFound)
	})
	ok(t, db.RewindSink(ctx, "siem", org, 0, Event("sink.replay")))
	seq, _, err := db.ChainHead(ctx, org)
	ok(t, err)
	if trails, err := db.SinkTrails(ctx, "siem", org); err != nil || trails[0].Done != 0 || seq != 2 {
		t.Errorf("after it was rewound: %+v %v, and %d records", trails, err, seq)
	}
	// What was under way when somebody rewound it does not undo that.
	ok(t, db.AdvanceSink(ctx, "siem", org, 0, 2, Time))
	ok(t, db.RewindSink(ctx, "siem", org, 1, Event("sink.replay")))
	fails(t, db.AdvanceSink(ctx, "siem", org, 2, 3, Time), sallyport.Conflict)
	if trails, err := db.SinkTrails(ctx, "siem", org); err != nil || trails[0].Done != 1 {
		t.Errorf("the cursor is %+v %v, want 1", trails, err)
	}
}

func testSinkLag(t *testing.T, db *store.DB) {
	ctx := t.Context()
	org, other := NewOrg(t, db), NewOrg(t, db) // each has a record
	at := func(minutes int) time.Time { return Time.Add(time.Duration(minutes) * time.Minute) }
	for i := range 3 {
		later := Event("key.create")
		later.Time = at(i + 1)
		ok(t, db.AddRecord(ctx, org, later))
	}
	want := func(of sallyport.OrgID, want sallyport.SinkLag) {
		t.Helper()
		got, err := db.SinkLag(ctx, "siem", of)
		ok(t, err)
		if got != want {
			t.Errorf("the lag is %+v, want %+v", got, want)
		}
	}
	ok(t, db.AdvanceSink(ctx, "siem", other, 0, 1, at(9)))
	ok(t, db.AdvanceSink(ctx, "siem", org, 0, 2, at(7)))
	want(org, sallyport.SinkLag{Records: 2, Oldest: at(2), Delivered: at(7)})
	want(other, sallyport.SinkLag{Delivered: at(9)})
	want("", sallyport.SinkLag{Records: 2, Oldest: at(2), Delivered: at(9)})

	letter := sallyport.DeadLetter{Org: org, Sink: "siem", Seq: 3, EventID: "e", Error: "the receiver answered 400", At: at(8)}
	told := Event("sink.dead_letter")
	told.Time = at(8)
	second := told
	second.EventID = NewID()
	ok(t, db.BuryRecords(ctx, []sallyport.DeadLetter{letter}, 2, 4, []sallyport.Record{told, second}))
	want(org, sallyport.SinkLag{Records: 2, Oldest: at(8), Delivered: at(8), Dead: 1})
	want(other, sallyport.SinkLag{Delivered: at(9)})
	unchanged(t, db, org, func() { // as a whole or not at all
		letter.Seq = 4
		fails(t, db.BuryRecords(ctx, []sallyport.DeadLetter{letter}, 2, 5, []sallyport.Record{told}), sallyport.Conflict)
	})
	for _, whose := range []sallyport.OrgID{org, ""} {
		letters, err := db.DeadLetters(ctx, "siem", whose, 0)
		ok(t, err)
		letter.Seq = 3
		if !reflect.DeepEqual(letters, []sallyport.DeadLetter{letter}) {
			t.Errorf("dead letters are %+v, want %+v", letters, letter)
		}
	}
	if letters, err := db.DeadLetters(ctx, "siem", other, 0); err != nil || len(letters) != 0 {
		t.Errorf("the other organisation has %+v %v", letters, err)
	}

	for minutes, want := range map[int]int64{-5: 1, 1: 2, 2: 3, 3: 4, 8: 5, 9: 7} {
		if seq, err := db.FirstRecordSince(ctx, org, at(minutes)); err != nil || seq != want {
			t.Errorf("since minute %d: %d %v, want %d", minutes, seq, err, want)
		}
	}
	_, err := db.FirstRecordSince(ctx, "nobody", Time)
	fails(t, err, sallyport.NotFound)

	ok(t, db.RewindSink(ctx, "siem", org, 2, Event("sink.replay")))
	if letters, err := db.DeadLetters(ctx, "siem", org, 0); err != nil || len(letters) != 0 {
		t.Errorf("what is sent again is no dead letter: %+v %v", letters, err)
	}
}
