package server

import (
	"errors"
	"testing"
	"time"
)

// sums are what a look finds.
type sums map[turnsOwner]int64

func (s sums) look(of turnsOwner) (int64, error) { return s[of], nil }

var (
	turnsPerson, turnsOrg = turnsOwner{"o", "u"}, turnsOwner{"o", ""}
	turnsBounds           = []turnsBound{{of: turnsPerson, max: 10}, {of: turnsOrg, max: 100}}
)

// While somebody looks, others go by what was known, however long it takes.
func TestTurnsSizes_one_looks(t *testing.T) {
	t.Parallel()
	var sizes turnsSizes
	now := time.Unix(1, 0)
	if _, full, err := sizes.take(turnsBounds, 4, now, sums{turnsPerson: 10}.look); full == nil || full.of != turnsPerson || err != nil {
		t.Fatalf("full is %v, %v", full, err)
	}
	another := func(turnsOwner) (int64, error) {
		t.Error("another looks as well")
		return 0, nil
	}
	looks := 0
	_, full, err := sizes.take(turnsBounds, 4, now.Add(turnsAgain), func(turnsOwner) (int64, error) {
		looks++
		for _, later := range []time.Duration{turnsAgain, 2 * turnsAgain, 3 * turnsAgain} {
			if _, full, err := sizes.take(turnsBounds, 4, now.Add(later), another); full == nil || err != nil {
				t.Errorf("%s later there was room, %v", later, err)
			}
		}
		return 1, nil
	})
	if looks != 1 || full != nil || err != nil {
		t.Errorf("%d looks, full is %v, %v", looks, full, err)
	}
}

// After a look that failed, or was cut off by a bug, the next caller looks.
func TestTurnsSizes_failed_look(t *testing.T) {
	t.Parallel()
	var sizes turnsSizes
	now, broken := time.Unix(1, 0), errors.New("the disk is broken")
	if _, _, err := sizes.take(turnsBounds, 4, now, func(turnsOwner) (int64, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_, _, _ = sizes.take(turnsBounds, 4, now, func(turnsOwner) (int64, error) { panic("a bug") })
	}()
	if _, full, err := sizes.take(turnsBounds, 4, now, sums{turnsPerson: 10}.look); full == nil || err != nil {
		t.Errorf("full is %v, %v: nobody looked", full, err)
	}
}

// Room is taken of all that have to have it, or of nobody.
func TestTurnsSizes_all_or_none(t *testing.T) {
	t.Parallel()
	var sizes turnsSizes
	now := time.Unix(1, 0)
	if _, full, err := sizes.take(turnsBounds, 7, now, sums{turnsOrg: 95}.look); full == nil || full.of != turnsOrg || err != nil {
		t.Fatalf("full is %v, %v", full, err)
	}
	for of, want := range map[turnsOwner]int64{turnsPerson: 0, turnsOrg: 95} {
		if got := sizes.looks[of].bytes; got != want {
			t.Errorf("of %+v %d bytes are known, want %d", of, got, want)
		}
	}
}

func TestTurnsSizes_giveBack(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	take := func(t *testing.T, sizes *turnsSizes, bytes int64, at time.Time, found sums) turnsRoom {
		t.Helper()
		room, full, err := sizes.take(turnsBounds, bytes, at, found.look)
		if full != nil || err != nil {
			t.Fatalf("full is %v, %v", full, err)
		}
		return room
	}
	for name, tt := range map[string]struct {
		later time.Duration // when another takes 2 bytes
		found int64         // if a look is due then
		want  int64         // bytes of the person after 7 were given back
	}{
		"at once":      {0, 0, 2},
		"after a look": {turnsLook, 3, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sizes turnsSizes
			room := take(t, &sizes, 7, now, nil)
			take(t, &sizes, 2, now.Add(tt.later), sums{turnsPerson: tt.found, turnsOrg: tt.found})
			sizes.giveBack(room)
			for _, of := range []turnsOwner{turnsPerson, turnsOrg} {
				if got := sizes.looks[of].bytes; got != tt.want {
					t.Errorf("of %+v %d bytes are known, want %d", of, got, tt.want)
				}
			}
		})
	}
}
