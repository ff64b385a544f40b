package store

import (
	"slices"
	"sync"

	"github.com/sallyport-ai/sallyport"
)

// What follows the trails would read again what a batch has just written. It finds
// it here instead, as far as this process wrote it, in batches, and lately; the
// rest it reads. The database may have lost it, after a crash of its own: whoever
// takes something looks whether the newest record of it is there, whose hash vouches
// for all before. What is too much, the older part, is forgotten.

const (
	recentBlocks = 64 // of the index, while their records are written
	// recentLinks is how many links are kept, of all trails: what is written in a few
	// looks of whoever makes checkpoints, at more than a server can do. A megabyte.
	recentLinks = 16 << 10
)

// committed is a record of a batch as those who follow the trail need it.
type committed struct {
	org        sallyport.OrgID
	seq        int64
	time       int64 // microseconds since 1970
	prev, hash sallyport.Hash
	terms      []term
}

// recent is what batches wrote last.
type recent struct {
	mu     sync.Mutex
	blocks map[blockKey]*block
	links  map[sallyport.OrgID][]sallyport.ChainLink // the newest, without a gap
	linked int                                       // how many of these there are
}

type blockKey struct {
	org sallyport.OrgID
	n   int64
}

// note keeps what those who follow the trail need of the record that is its head now.
func (b *batch) note(head *chainHead, prev sallyport.Hash) {
	from := len(b.terms)
	eachTerm(&b.record, func(t term) { b.terms = append(b.terms, t) })
	b.sealed = append(b.sealed, committed{
		org: head.org, seq: head.seq, time: b.record.Time.UnixMicro(),
		prev: prev, hash: head.hash, terms: b.terms[from:],
	})
}

// note adds records that are committed, those of a trail in their order.
func (r *recent) note(all []committed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range all {
		if one.org != sallyport.InstanceOrg { // which has neither index nor checkpoints
			r.noteBlock(one)
			r.noteLink(one)
		}
	}
}

func (r *recent) noteBlock(one committed) {
	key := blockKey{one.org, blockOf(one.seq)}
	b := r.blocks[key]
	if b == nil || !follows(one, b.last, b.hash) { // then it is read again
		if b == nil && len(r.blocks) >= recentBlocks || r.blocks == nil {
			r.blocks = make(map[blockKey]*block)
		}
		b = new(block)
		r.blocks[key] = b
	}
	b.add(one)
}

// follows says that a record is the next one of its trail: it is not when another
// process has written meanwhile, or the database has lost what it had committed.
func follows(next committed, seq int64, hash sallyport.Hash) bool {
	return next.seq == seq+1 && next.prev == hash
}

func (r *recent) noteLink(one committed) {
	if r.links == nil {
		r.links = make(map[sallyport.OrgID][]sallyport.ChainLink)
	}
	links := r.links[one.org]
	if n := len(links); n > 0 && !follows(one, links[n-1].Seq, links[n-1].Hash) {
		r.links[one.org], r.linked = links[:0], r.linked-n
	}
	if r.linked == recentLinks {
		r.forgetHalf()
	}
	r.links[one.org] = append(r.links[one.org], sallyport.ChainLink{Seq: one.seq, Prev: one.prev, Hash: one.hash})
	r.linked++
}

// forgetHalf forgets the older half of each trail's links.
func (r *recent) forgetHalf() {
	r.linked = 0
	for org, links := range r.links {
		newer := links[:copy(links, links[(len(links)+1)/2:])]
		if len(newer) == 0 {
			delete(r.links, org)
			continue
		}
		r.links[org] = newer
		r.linked += len(newer)
	}
}

// block returns a block of the index, and forgets it; nil: not all its records went
// through note.
func (r *recent) block(key blockKey) *block {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.blocks[key]
	delete(r.blocks, key)
	if b == nil || b.records < blockRecords {
		return nil
	}
	return b
}

// chain returns the n links after a Seq; nil: not all of them are here.
func (r *recent) chain(org sallyport.OrgID, after int64, n int) []sallyport.ChainLink {
	r.mu.Lock()
	defer r.mu.Unlock()
	links := r.links[org]
	if len(links) == 0 || after+1 < links[0].Seq || after+int64(n) > links[len(links)-1].Seq {
		return nil
	}
	from := after + 1 - links[0].Seq
	return slices.Clone(links[from : from+int64(n)])
}
