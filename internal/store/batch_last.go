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

// lastMax is of how many organisations the last state is kept.
const lastMax = 1024

// lastState is what the last batches left: the ends of trails and the accounts of
// organisations. Where nobody else writes, the next batch need not read them.
// It is never believed: whoever changes one of them moves the head of the trail
// or the ledger, and then the batch that began with what is here fails by the
// guards of its own statements and is written again from what it reads.
type lastState struct {
	mu      sync.Mutex
	orgs    map[sallyport.OrgID]lastOrg
	attempt attempt
}

// attempt is the last batch that was sent. Only this process can ask what became
// of it, so nothing of it is stored: its newest record is there or not.
type attempt struct {
	id      journal.BatchID
	newest  place
	results []journal.Result
}

// place is where a record stands, and its hash. The zero value is nowhere.
type place struct {
	org  sallyport.OrgID
	seq  int64
	hash sallyport.Hash
}

type lastOrg struct {
	head    chainHead
	account *account // nil: it was not read
}

// forget is for when a batch has failed: nothing is known then.
func (l *lastState) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.orgs = nil
}

// note remembers what a batch left.
func (l *lastState) note(b *batch) {
	if !b.db.engine.trusts() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.orgs == nil || len(l.orgs)+len(b.heads) > lastMax {
		l.orgs = make(map[sallyport.OrgID]lastOrg)
	}
	for org, h := range b.heads {
		o := lastOrg{head: *h, account: l.orgs[org].account}
		o.head.from = h.seq
		if a := b.accounts[org]; a != nil {
			left := *a
			left.fromBalance, left.fromHeld, left.fromLedgerSeq = a.balance, a.held, a.ledgerSeq
			o.account = &left
		}
		l.orgs[org] = o
	}
}

// fill gives the batch what is known, and returns the organisations of which it
// must read the head and the account.
func (l *lastState) fill(b *batch, trails, payers []sallyport.OrgID) (unknownTrails, unknownPayers []sallyport.OrgID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, org := range trails {
		if o, ok := l.orgs[org]; ok {
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
	l.attempt = attempt{b.id, b.newest, b.results}
}

// tried says whether the batch was sent before, and where its newest record then
// stands. What wrote no record took no effect.
func (l *lastState) tried(id journal.BatchID) (newest place, again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.attempt.newest, l.attempt.id == id && l.attempt.newest != place{}
}

// results are those of the batch when it was sent.
func (l *lastState) results() []journal.Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.attempt.results)
}

// Batch returns the results of the last batch that was sent through db, if it
// was committed.
func (db *DB) Batch(ctx context.Context, id journal.BatchID) ([]journal.Result, error) {
	newest, again := db.last.tried(id)
	if !again {
		return nil, notFound("batch")
	}
	there, err := stands(ctx, db.read, newest)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, notFound("batch")
	}
	return db.last.results(), nil
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
