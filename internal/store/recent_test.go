package store

import (
	"strconv"
	"testing"

	"github.com/sallyport-ai/sallyport"
)

// What went through note in its order is there; where something is missing, or
// came in another order, nothing is made up.
func TestRecent(t *testing.T) {
	t.Parallel()
	hash := func(seq int64) sallyport.Hash { return sallyport.Hash{byte(seq)} }
	note := func(r *recent, from, to int64) {
		for seq := from; seq <= to; seq++ {
			r.note([]committed{{org: "o", seq: seq, prev: hash(seq - 1), hash: hash(seq), terms: []term{1}}})
		}
	}
	t.Run("blocks", func(t *testing.T) {
		var r recent
		note(&r, 1, 300)
		note(&r, 302, 700) // 301 was written by somebody else
		note(&r, 768, 900)
		note(&r, 767, 767) // too late
		note(&r, 901, 1100)
		for n, want := range []bool{false, false, false, true} {
			b := r.block(blockKey{"o", int64(n)})
			if (b != nil) != want {
				t.Errorf("block %d is whole: %t", n, b != nil)
			}
			if b != nil && len(b.places[1]) != blockRecords {
				t.Errorf("block %d has its term at %d places", n, len(b.places[1]))
			}
		}
		if b := r.block(blockKey{"o", 3}); b != nil {
			t.Error("a block that was taken is still there")
		}
	})
	t.Run("links", func(t *testing.T) {
		var r recent
		note(&r, 1, 10)
		const last = 2 * recentLinks
		note(&r, 12, last)
		for _, c := range []struct {
			after int64
			n     int
			there bool
		}{{0, 10, false}, {11, 10, false}, {last - 1000, 1000, true}, {last - 10, 10, true}, {last - 10, 11, false}, {last - 1000, 1, true}} {
			links := r.chain("o", c.after, c.n)
			if (links != nil) != c.there {
				t.Errorf("%d links after %d are there: %t", c.n, c.after, links != nil)
			}
			for i, l := range links {
				if seq := c.after + int64(i) + 1; l.Seq != seq || l.Hash[0] != byte(seq) {
					t.Fatalf("link %d after %d is %d", i+1, c.after, l.Seq)
				}
			}
		}
		if r.chain("another", 0, 1) != nil {
			t.Error("links of nobody are there")
		}
		// The database has lost the last, and somebody else has written another one.
		r.note([]committed{{org: "o", seq: last + 1, prev: sallyport.Hash{1, 2}}})
		if r.chain("o", last-10, 11) != nil {
			t.Error("links that do not follow each other are there")
		}
	})
	t.Run("links of many trails", func(t *testing.T) {
		var r recent
		note(&r, 1, 3*recentLinks/4)
		for i := range recentLinks {
			r.note([]committed{{org: sallyport.OrgID(strconv.Itoa(i)), seq: 1, hash: hash(1)}})
			if kept := keptLinks(&r); kept > recentLinks || kept != r.linked {
				t.Fatalf("%d links are kept, %d counted, and %d may be", kept, r.linked, recentLinks)
			}
		}
		if r.chain(sallyport.OrgID(strconv.Itoa(recentLinks-1)), 0, 1) == nil {
			t.Error("the newest link is not there")
		}
	})
}

func keptLinks(r *recent) (n int) {
	for _, links := range r.links {
		n += len(links)
	}
	return n
}
