package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
)

// statement is one step of a journal's transaction. SQLite runs the steps one
// by one, Postgres gets them in one go, with the same text.
type statement struct {
	sql   string
	args  []any
	entry int                 // the entry it is for; noEntry: for the batch
	scan  func(scanner) error // of a query for one row
	each  func(scanner) error // of a query for any number of rows
	rows  int64               // how many rows it must change; anyRows: any number
}

const (
	noEntry = -1
	anyRows = -1
)

// check compares the number of rows with what must be: the guards in the
// statements hold even if the locks did not.
func (s *statement) check(rows int64) error {
	if s.rows != anyRows && rows != s.rows {
		return fmt.Errorf("%w: %d rows instead of %d", errGuard, rows, s.rows)
	}
	return nil
}

var errGuard = errors.New("another writer changed what this transaction had locked")

// runner runs statements in order, up to the first error, a *statementError.
type runner func([]statement) error

// statementError says for which entry a statement failed.
type statementError struct {
	entry int
	err   error
}

func (e *statementError) Error() string { return e.err.Error() }
func (e *statementError) Unwrap() error { return e.err }

// errCommitted ends the transaction of a batch that is there already.
var errCommitted = errors.New("the batch was committed before")

// CommitBatch writes all entries in one transaction; see journal.Store. It reads
// what the entries depend on under lock, decides in memory, and writes with
// guards that fail when the lock did not hold. A batch id that was committed
// before is not written again: its results are returned.
func (db *DB) CommitBatch(ctx context.Context, id journal.BatchID, entries []journal.Entry) ([]journal.Result, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	b := newBatch(db, id, entries)
	err := db.engine.batch(ctx, func(run runner) error {
		b.reset()
		if err := run(b.reads()); err != nil {
			return err
		}
		if b.committed != nil {
			return errCommitted
		}
		if reads := b.budgetReads(); len(reads) > 0 {
			if err := run(reads); err != nil {
				return err
			}
		}
		writes, err := b.writes()
		if err != nil {
			return err
		}
		return run(writes)
	})
	if errors.Is(err, errCommitted) {
		return decodeResults(b.committed)
	}
	if err != nil {
		return nil, db.entryError(err)
	}
	db.pruneBatches(ctx)
	return b.results, nil
}

// entryError names the entry whose data the database refused.
func (db *DB) entryError(err error) error {
	var known *journal.EntryError
	var failed *statementError
	if errors.As(err, &known) || !errors.As(err, &failed) || failed.entry == noEntry {
		return err
	}
	code, refused := db.engine.refused(failed.err)
	if !refused {
		return err
	}
	message := "The database refuses the entry's data."
	if code == sallyport.Conflict {
		message = "The record or the call exists already."
	}
	return &journal.EntryError{Index: failed.entry, Err: sallyport.WrapError(code, message, failed.err)}
}

// account is an organisation's credits, as the batch moves them along.
type account struct {
	balance, held, ledgerSeq             int64
	fromBalance, fromHeld, fromLedgerSeq int64 // when they were read
	budgeted                             bool  // the organisation has budgets
}

// call is what settling needs to know about a call.
type call struct {
	open         bool
	hold         int64
	model, price string
	who          spender
}

type callKey struct {
	org  sallyport.OrgID
	call sallyport.CallID
}

// batch is one transaction of the journal.
type batch struct {
	db      *DB
	id      journal.BatchID
	entries []journal.Entry

	heads     map[sallyport.OrgID]*chainHead
	accounts  map[sallyport.OrgID]*account
	budgets   map[subject][]*spending
	calls     map[callKey]*call
	alive     map[journal.Life]bool // lives under whose lease calls are opened
	committed []byte                // the stored results, when the batch is there already

	inserts []statement
	results []journal.Result
}

func newBatch(db *DB, id journal.BatchID, entries []journal.Entry) *batch {
	return &batch{db: db, id: id, entries: entries}
}

func (b *batch) reset() {
	b.heads = map[sallyport.OrgID]*chainHead{}
	b.accounts = map[sallyport.OrgID]*account{}
	b.budgets = map[subject][]*spending{}
	b.calls = map[callKey]*call{}
	b.alive = map[journal.Life]bool{}
	b.committed = nil
	b.inserts = make([]statement, 0, 3*len(b.entries)+4)
	b.results = make([]journal.Result, 0, len(b.entries))
}

// reads locks chain heads and accounts in the order of their ids, and reads the
// calls that are to be closed. That comes after the locks, so that it sees what
// the transaction before has left.
func (b *batch) reads() []statement {
	trails, payers := b.orgs()
	lock := b.db.engine.forUpdate()
	var reads []statement
	for _, org := range trails {
		reads = append(reads, statement{sql: sqlHead + lock, args: []any{string(org)}, entry: noEntry, scan: b.scanHead(org)})
	}
	for _, org := range payers {
		reads = append(reads, statement{sql: sqlPayer + lock, args: []any{string(org)}, entry: noEntry, scan: b.scanAccount(org)})
	}
	for i, e := range b.entries {
		if e.Close != nil {
			key := callKey{e.Org, e.Close.Call}
			reads = append(reads, statement{sql: sqlCall, args: []any{string(e.Org), string(e.Close.Call)}, entry: i, scan: b.scanCall(key)})
		}
	}
	for _, l := range b.lives() {
		reads = append(reads, statement{sql: sqlLease, args: []any{l.Node, l.Boot}, entry: noEntry, scan: b.scanLease(l)})
	}
	return append(reads, statement{sql: sqlBatch, args: []any{string(b.id)}, entry: noEntry, scan: b.scanCommitted})
}

// orgs returns whose trails the batch writes and whose accounts it may move.
func (b *batch) orgs() (trails, payers []sallyport.OrgID) {
	for _, e := range b.entries {
		trails = append(trails, e.Org)
		if e.Open != nil || e.Close != nil {
			payers = append(payers, e.Org)
		}
	}
	slices.Sort(trails)
	slices.Sort(payers)
	return slices.Compact(trails), slices.Compact(payers)
}

// lives returns under whose leases the batch opens calls; in practice one.
func (b *batch) lives() (lives []journal.Life) {
	for _, e := range b.entries {
		if e.Open == nil || !e.Open.Leased {
			continue
		}
		if l := (journal.Life{Node: e.Open.Node, Boot: e.Open.Boot}); !slices.Contains(lives, l) {
			lives = append(lives, l)
		}
	}
	return lives
}

// The scanners leave out what does not exist; decide then refuses the entry.

func (b *batch) scanHead(org sallyport.OrgID) func(scanner) error {
	return func(row scanner) error {
		h := &chainHead{org: org}
		var hash []byte
		if err := row.Scan(&h.seq, &hash); err != nil {
			return orNothing(err)
		}
		h.from = h.seq
		b.heads[org] = h
		return setHash(&h.hash, hash)
	}
}

func (b *batch) scanAccount(org sallyport.OrgID) func(scanner) error {
	return func(row scanner) error {
		a := &account{}
		if err := row.Scan(&a.balance, &a.held, &a.ledgerSeq, &a.budgeted); err != nil {
			return orNothing(err)
		}
		a.fromBalance, a.fromHeld, a.fromLedgerSeq = a.balance, a.held, a.ledgerSeq
		b.accounts[org] = a
		return nil
	}
}

func (b *batch) scanCall(key callKey) func(scanner) error {
	return func(row scanner) error {
		c := &call{}
		if err := row.Scan(&c.open, &c.hold, &c.model, &c.price, &c.who.user, &c.who.key, &c.who.agent); err != nil {
			return orNothing(err)
		}
		c.who.org, c.who.model = key.org, c.model
		b.calls[key] = c
		return nil
	}
}

func (b *batch) scanLease(l journal.Life) func(scanner) error {
	return func(row scanner) error {
		var alive bool
		err := row.Scan(&alive)
		b.alive[l] = alive
		return orNothing(err)
	}
}

func (b *batch) scanCommitted(row scanner) error { return orNothing(row.Scan(&b.committed)) }

func orNothing(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// writes decides every entry in its order and returns what is to be written.
func (b *batch) writes() ([]statement, error) {
	for i := range b.entries {
		if err := b.decide(i); err != nil {
			return nil, &journal.EntryError{Index: i, Err: err}
		}
	}
	writes := b.inserts
	trails, payers := b.orgs()
	for _, org := range payers {
		if a := b.accounts[org]; a.moved() {
			writes = append(writes, statement{sql: sqlMoveAccount, entry: noEntry, rows: 1, args: []any{
				string(org), a.balance, a.held, a.ledgerSeq, a.fromBalance, a.fromHeld, a.fromLedgerSeq}})
		}
	}
	writes = append(writes, b.budgetWrites()...)
	for _, org := range trails {
		h := b.heads[org]
		writes = append(writes, statement{sql: sqlMoveHead, entry: noEntry, rows: 1, args: moveHeadArgs(h)})
		if org == sallyport.InstanceOrg {
			writes = append(writes, statement{sql: sqlPruneInstance, entry: noEntry, rows: anyRows,
				args: []any{string(org), h.seq - InstanceRecordsMax}})
		}
	}
	return append(writes, statement{sql: sqlInsertBatch, entry: noEntry, rows: 1, args: []any{
		string(b.id), micros(b.db.now()), encodeResults(b.results)}}), nil
}

func (a *account) moved() bool {
	return a.balance != a.fromBalance || a.held != a.fromHeld || a.ledgerSeq != a.fromLedgerSeq
}

// decide settles one entry on what the entries before it have left.
func (b *batch) decide(i int) error {
	e := b.entries[i]
	head := b.heads[e.Org]
	if head == nil {
		return notFound("organisation")
	}
	rec := e.Record
	var result journal.Result
	var err error
	switch {
	case e.Open != nil && e.Close != nil:
		err = errors.New("an entry cannot both open and close a call")
	case e.Open != nil:
		result, rec, err = b.open(i, e, rec, head.seq+1)
	case e.Close != nil:
		result, rec, err = b.close(i, e, rec)
	}
	if err != nil {
		return err
	}
	if result.Late && e.Close.OnlyOpen {
		b.results = append(b.results, result)
		return nil
	}
	args, err := b.db.seal(head, &rec)
	if err != nil {
		return err
	}
	b.insert(i, sqlInsertRecord, args)
	result.Seq = head.seq
	b.results = append(b.results, result)
	return nil
}

// open sets the hold aside, in the account and in every budget that binds the
// call, and notes the call; or it puts the refusal in the record's place. A hold
// of nothing always passes.
func (b *batch) open(i int, e journal.Entry, rec sallyport.Record, seq int64) (journal.Result, sallyport.Record, error) {
	a, hold := b.accounts[e.Org], int64(e.Open.Hold)
	if a == nil {
		return journal.Result{}, rec, notFound("account")
	}
	if hold < 0 || hold > int64(AmountMax) {
		return journal.Result{}, rec, sallyport.ErrTooDear
	}
	if e.Open.Leased && !b.alive[journal.Life{Node: e.Open.Node, Boot: e.Open.Boot}] {
		return journal.Result{}, rec, errLeaseEnded
	}
	free := a.balance - a.held
	if hold > 0 && free < hold {
		rec = e.Open.Refusal
		cost := sallyport.RecordCost{}
		if rec.Cost != nil {
			cost = *rec.Cost
		}
		cost.Balance = sallyport.Credits(free)
		rec.Cost = &cost
		return journal.Result{Refused: true, Balance: cost.Balance}, rec, nil
	}
	who := spenderOf(e.Org, e.Open)
	if over := b.overBudget(who, hold, b.time(rec)); over != nil {
		return journal.Result{Refused: true, Balance: sallyport.Credits(free), Budget: over}, budgetRefusal(e.Open.Refusal, over), nil
	}
	a.held += hold
	b.spend(who, hold, 0, b.time(rec))
	b.calls[callKey{e.Org, e.Open.Call}] = &call{open: true, hold: hold, model: e.Open.Model, price: e.Open.Price.Version, who: who}
	b.insert(i, sqlInsertCall, callArgs(e.Org, e.Open, seq))
	return journal.Result{}, rec, nil
}

// errLeaseEnded keeps a node that others took for dead from opening calls that
// nobody would close.
var errLeaseEnded = sallyport.NewError(sallyport.AuditUnavailable, "The lease of this node has ended.")

// close charges an open call, or marks the record of one that is closed already.
func (b *batch) close(i int, e journal.Entry, rec sallyport.Record) (journal.Result, sallyport.Record, error) {
	a, cost := b.accounts[e.Org], int64(e.Close.Cost)
	if a == nil {
		return journal.Result{}, rec, notFound("account")
	}
	if cost < 0 || cost > int64(AmountMax) || a.balance-cost < -int64(AmountMax) {
		return journal.Result{}, rec, sallyport.ErrTooDear
	}
	c := b.calls[callKey{e.Org, e.Close.Call}]
	if c == nil || !c.open {
		rec.Phase = sallyport.PhaseLate
		return journal.Result{Late: true}, rec, nil
	}
	c.open = false
	a.balance -= cost
	a.held -= c.hold
	a.ledgerSeq++
	at := b.time(rec)
	b.spend(c.who, -c.hold, cost, at)
	b.insert(i, sqlCloseCall, []any{string(e.Org), string(e.Close.Call)})
	b.insert(i, sqlInsertLedger, ledgerArgs(sallyport.LedgerEntry{
		Org: e.Org, Seq: a.ledgerSeq, Kind: sallyport.LedgerCharge,
		Amount: -e.Close.Cost, BalanceAfter: sallyport.Credits(a.balance), At: at,
		Call: e.Close.Call, Model: c.model, Usage: e.Close.Usage,
		Estimated: e.Close.Estimated, Overrun: e.Close.Overrun, PriceVersion: c.price,
	}))
	return journal.Result{}, rec, nil
}

// time is when what a record tells of happened.
func (b *batch) time(rec sallyport.Record) time.Time {
	if rec.Time.IsZero() {
		return b.db.now()
	}
	return rec.Time
}

// insert adds a statement that must change exactly one row.
func (b *batch) insert(i int, text string, args []any) {
	b.inserts = append(b.inserts, statement{sql: text, args: args, entry: i, rows: 1})
}

// batchesKept is how long results of batches are kept, at least, and
// batchesPruned how often older ones are deleted.
const (
	batchesKept   = 2 * time.Hour
	batchesPruned = 10 * time.Minute
)

// pruneBatches deletes old results now and then, outside the transactions that
// callers wait for. When it fails they stay until the next time.
func (db *DB) pruneBatches(ctx context.Context) {
	now := db.now()
	last := db.pruned.Load()
	if now.UnixMicro()-last < batchesPruned.Microseconds() || !db.pruned.CompareAndSwap(last, now.UnixMicro()) {
		return
	}
	_, err := db.write.ExecContext(ctx, `DELETE FROM batches WHERE created < $1`, micros(now.Add(-batchesKept)))
	if err != nil {
		db.pruned.Store(last)
	}
}
