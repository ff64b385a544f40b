package store

import (
	"bytes"
	"context"
	"database/sql"
	"slices"
	"sync"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
)

// lastMax is of how many organisations the last state is kept, and subjectsMax of how
// many subjects, of all of them together, the budgets: about three megabytes.
const lastMax, subjectsMax = 1024, 1 << 14

// steadyMin is how many batches in a row must have found an organisation as the one
// before had left it, until a batch is sent to PostgreSQL without looking. To look
// costs two round trips, and a mistake five and more, since pgx then prepares its
// statements anew. Nodes that share an organisation, and find it moved by another
// every third time, do not look in one batch of twenty-five.
const steadyMin = 8

// lastState is what the last batches left: the ends of trails and the accounts of
// organisations. Where nobody else writes, the next batch need not read them.
// It is never believed: whoever changes one of them moves the head of the trail
// or the ledger, and then the batch that began with what is here fails by the
// guards of its own statements and is written again from what it reads.
type lastState struct {
	mu       sync.Mutex
	orgs     map[sallyport.OrgID]lastOrg
	subjects int // at most so many have budgets in orgs

	// sent is the last batch that was sent, and tries what was sent of it: as often
	// as the journal repeats it when its outcome is unknown.
	sent  journal.BatchID
	tries []attempt
}

// attempt is a try to write a batch. Only this process can ask what became of it, so
// nothing of it is stored: its newest record is there or not. One of an unknown
// outcome can still be on its way to the database when the next is tried.
type attempt struct {
	newest  place
	results []journal.Result
}

type lastOrg struct {
	head    chainHead
	account *account                       // nil: it was not read
	budgets map[subject][]sallyport.Budget // of the subjects whose calls were written; may be none
	moved   bool                           // this process has moved the head since: nothing of it is known
	steady  int                            // how many batches in a row found it as it was left
}

// forget is for when a batch has failed: nothing is known then.
func (l *lastState) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.orgs = nil
}

// doubt is for when the batch was mistaken in what it took on trust.
func (l *lastState) doubt(b *batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range b.entries {
		delete(l.orgs, e.Org)
	}
}

// moved is for when this process itself writes to a trail beside the batches.
func (l *lastState) moved(org sallyport.OrgID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o, ok := l.orgs[org]; ok {
		l.orgs[org] = lastOrg{moved: true, steady: o.steady}
	}
}

// note remembers what a batch left.
func (l *lastState) note(b *batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.orgs == nil {
		l.orgs = make(map[sallyport.OrgID]lastOrg)
	}
	for org, h := range b.heads {
		l.makeRoom(org, b)
		o := l.orgs[org].found(h.from)
		o.head = *h
		o.head.from = h.place()
		if a := b.accounts[org]; a != nil {
			left := *a
			left.fromBalance, left.fromHeld, left.fromLedgerSeq = a.balance, a.held, a.ledgerSeq
			o.account = &left
		}
		l.orgs[org] = o
	}
	if _, can := b.db.engine.(atOnce); can {
		l.noteBudgets(b)
	}
}

// makeRoom drops an organisation that the batch does not write to when another comes
// to as many as may be, with mu held. A batch has fewer than those.
func (l *lastState) makeRoom(org sallyport.OrgID, b *batch) {
	if _, known := l.orgs[org]; known || len(l.orgs) < lastMax {
		return
	}
	for other := range l.orgs {
		if b.heads[other] == nil {
			delete(l.orgs, other)
			return
		}
	}
}

// noteBudgets remembers what a batch left of budgets, with mu held.
func (l *lastState) noteBudgets(b *batch) {
	if l.subjects >= subjectsMax {
		l.dropBudgets()
	}
	for _, of := range b.bound() {
		o := l.orgs[of.org]
		if o.budgets == nil {
			o.budgets = make(map[subject][]sallyport.Budget)
			l.orgs[of.org] = o
		}
		if _, known := o.budgets[of]; !known {
			l.subjects++
		}
		var left []sallyport.Budget
		for _, s := range b.budgets[of] {
			left = append(left, s.Budget)
		}
		o.budgets[of] = left
	}
}

func (l *lastState) dropBudgets() {
	for org, o := range l.orgs {
		o.budgets = nil
		l.orgs[org] = o
	}
	l.subjects = 0
}

// fillBudgets gives the batch the budgets that bind its calls, or says that not all
// are known.
func (l *lastState) fillBudgets(b *batch) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, of := range b.bound() {
		left, known := l.orgs[of.org].budgets[of]
		if !known {
			return false
		}
		for _, was := range left {
			b.budgets[of] = append(b.budgets[of], &spending{Budget: was, read: was})
		}
	}
	return true
}

// found compares what a batch has found, or what a guard of it has, with what was
// left, and keeps what is still so.
func (o lastOrg) found(from place) lastOrg {
	switch {
	case o.moved:
		return lastOrg{steady: o.steady}
	case o.head.place() != from:
		return lastOrg{}
	}
	o.steady = min(o.steady+1, steadyMin)
	return o
}

// steady says that these organisations are most likely as they were left.
func (l *lastState) steady(orgs []sallyport.OrgID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !slices.ContainsFunc(orgs, func(org sallyport.OrgID) bool { return l.orgs[org].steady < steadyMin })
}

// fill gives the batch what is known, and returns the organisations of which it
// must read the head and the account.
func (l *lastState) fill(b *batch, trails, payers []sallyport.OrgID) (unknownTrails, unknownPayers []sallyport.OrgID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, org := range trails {
		if o, ok := l.orgs[org]; ok && !o.moved {
			head := o.head
			b.heads[org] = &head
		} else {
			unknownTrails = append(unknownTrails, org)
		}
	}
	for _, org := range payers {
		if o := l.orgs[org]; o.account != nil {
			a := *o.account
			b.accounts[org] = &a
		} else {
			unknownPayers = append(unknownPayers, org)
		}
	}
	return unknownTrails, unknownPayers
}

// try notes the batch that is about to be sent.
func (l *lastState) try(b *batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sent != b.id {
		l.sent, l.tries = b.id, nil
	}
	if b.newest != (place{}) { // what writes no record takes no effect
		l.tries = append(l.tries, attempt{b.newest, b.results})
	}
}

// tried returns what was sent of the batch before.
func (l *lastState) tried(id journal.BatchID) []attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sent != id {
		return nil
	}
	return slices.Clone(l.tries)
}

// Batch returns the results of the last batch that was sent through db, if it
// was committed.
func (db *DB) Batch(ctx context.Context, id journal.BatchID) ([]journal.Result, error) {
	for _, tried := range db.last.tried(id) {
		there, err := stands(ctx, db.read, tried.newest)
		if err != nil {
			return nil, err
		}
		if there {
			return slices.Clone(tried.results), nil
		}
	}
	return nil, notFound("batch")
}

// stands says that the record with this hash is in its place. The hash vouches for
// all records before it.
func stands(ctx context.Context, q rowQuerier, p place) (bool, error) {
	var hash []byte
	err := q.QueryRowContext(ctx, sqlRecordHash, string(p.org), p.seq).Scan(&hash)
	return bytes.Equal(hash, p.hash[:]), orNothing(err)
}

// rowQuerier is *sql.DB or *sql.Tx.
type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}
