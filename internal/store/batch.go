package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
)

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
	err := b.commit(ctx)
	if b.trusting && db.mistaken(err) {
		db.last.doubt(b)
		b.trusting = false
		err = db.engine.batch(ctx, b.run)
	}
	if errors.Is(err, errCommitted) {
		return slices.Clone(b.committed), nil
	}
	if err != nil {
		db.last.forget()
		return nil, db.entryError(err)
	}
	db.last.note(b)
	db.recent.note(b.sealed)
	return b.results, nil
}

// mistaken says that a batch may have failed because what it took on trust was
// not so: by a guard, by what it decided, or by a place in the trail that is taken.
// A batch that may have been committed is not written again.
func (db *DB) mistaken(err error) bool {
	var decided *journal.EntryError
	var failed *statementError
	if errors.Is(err, journal.ErrOutcomeUnknown) {
		return false
	}
	if errors.Is(err, errGuard) || errors.As(err, &decided) {
		return true
	}
	if !errors.As(err, &failed) {
		return false
	}
	_, refused := db.engine.refused(failed.err)
	return refused
}

// commit writes the batch without reading anything where that is possible.
func (b *batch) commit(ctx context.Context) error {
	if e, can := b.db.engine.(atOnce); can && b.known() {
		return b.commitAtOnce(ctx, e)
	}
	return b.db.engine.batch(ctx, b.run)
}

// run is the transaction.
func (b *batch) run(run runner) error {
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
	heads, rest, err := b.writes()
	if err != nil {
		return err
	}
	b.db.last.try(b)
	return run(append(rest, heads...))
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

// callOf is the call that o opens.
func callOf(org sallyport.OrgID, o *journal.Open) *call {
	return &call{open: true, hold: int64(o.Hold), model: o.Model, price: o.Price.Version, who: spenderOf(org, o)}
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
	// trusting takes calls to be open as Close.Opened says, and on SQLite heads and
	// accounts to be as this process left them, without reading them. A guard fails
	// when they are not, and then they are read. On PostgreSQL heads and accounts are
	// read under a lock, or the whole batch goes without reading (batch_at_once.go).
	trusting bool

	heads     map[sallyport.OrgID]*chainHead
	accounts  map[sallyport.OrgID]*account
	budgets   map[subject][]*spending
	calls     map[callKey]*call
	alive     map[journal.Life]bool // lives under whose lease calls are opened
	committed []journal.Result      // of an earlier try that took effect; nil: none did
	newest    place                 // of the last record that the batch writes

	record  sallyport.Record // of the entry that is decided
	sealed  []committed      // the records that the batch writes
	terms   []term           // of them all
	inserts []statement
	results []journal.Result
}

func newBatch(db *DB, id journal.BatchID, entries []journal.Entry) *batch {
	return &batch{db: db, id: id, entries: entries, trusting: true}
}

func (b *batch) reset() {
	b.heads = map[sallyport.OrgID]*chainHead{}
	b.accounts = map[sallyport.OrgID]*account{}
	b.budgets = map[subject][]*spending{}
	b.calls = map[callKey]*call{}
	b.alive = map[journal.Life]bool{}
	b.committed, b.newest = nil, place{}
	b.sealed, b.terms = make([]committed, 0, len(b.entries)), nil
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
	if b.trusting && b.db.engine.trusts() {
		trails, payers = b.db.last.fill(b, trails, payers)
	}
	for _, org := range trails {
		reads = append(reads, statement{sql: sqlHead + lock, args: []any{string(org)}, entry: noEntry, scan: b.scanHead(org)})
	}
	for _, org := range payers {
		reads = append(reads, statement{sql: sqlPayer + lock, args: []any{string(org)}, entry: noEntry, scan: b.scanAccount(org)})
	}
	for i, e := range b.entries {
		if e.Close == nil {
			continue
		}
		key := callKey{e.Org, e.Close.Call}
		if opened := e.Close.Opened; b.trusting && opened != nil {
			b.calls[key] = callOf(e.Org, opened)
		} else {
			reads = append(reads, statement{sql: sqlCall, args: []any{string(e.Org), string(e.Close.Call)}, entry: i, scan: b.scanCall(key)})
		}
	}
	for _, l := range b.lives() {
		reads = append(reads, statement{sql: sqlLease, args: []any{l.Node, l.Boot}, entry: noEntry, scan: b.scanLease(l)})
	}
	for _, tried := range b.db.last.tried(b.id) {
		reads = append(reads, statement{sql: sqlRecordHash, entry: noEntry, scan: b.scanCommitted(tried),
			args: []any{string(tried.newest.org), tried.newest.seq}})
	}
	return reads
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
		h, err := readHead(row, org)
		if err != nil {
			return orNothing(err)
		}
		b.heads[org] = h
		return nil
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
		c := &call{open: true}
		if err := row.Scan(&c.hold, &c.model, &c.price, &c.who.user, &c.who.key, &c.who.agent, &c.who.groups); err != nil {
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

// scanCommitted reads the place of the newest record of an earlier try: it has
// that record's hash, which no other record can have, or the try took no effect.
func (b *batch) scanCommitted(tried attempt) func(scanner) error {
	return func(row scanner) error {
		var hash []byte
		err := row.Scan(&hash)
		if bytes.Equal(hash, tried.newest.hash[:]) {
			b.committed = tried.results
		}
		return orNothing(err)
	}
}

func orNothing(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// writes decides every entry in its order and returns what is to be written: the
// heads apart from the rest, since they come last under a lock, and are the lock
// where there is none.
func (b *batch) writes() (heads, rest []statement, err error) {
	for i := range b.entries {
		if err := b.decide(i); err != nil {
			return nil, nil, &journal.EntryError{Index: i, Err: err}
		}
	}
	trails, payers := b.orgs()
	rest = b.inserts
	for _, org := range payers {
		if a := b.accounts[org]; a.moved() {
			rest = append(rest, statement{sql: sqlMoveAccount, entry: noEntry, rows: 1, args: []any{
				string(org), a.balance, a.held, a.ledgerSeq, a.fromBalance, a.fromHeld, a.fromLedgerSeq}})
		}
	}
	rest = append(rest, b.budgetWrites()...)
	for _, org := range trails {
		h := b.heads[org]
		heads = append(heads, statement{sql: sqlMoveHead, entry: noEntry, rows: 1, args: moveHeadArgs(h)})
		if org == sallyport.InstanceOrg {
			rest = append(rest, statement{sql: sqlPruneInstance, entry: noEntry, rows: anyRows,
				args: []any{string(org), h.seq - InstanceRecordsMax}})
		}
	}
	return heads, rest, nil
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
	b.record = e.Record
	rec := &b.record
	var result journal.Result
	var err error
	switch {
	case e.Open != nil && e.Close != nil:
		err = errors.New("an entry cannot both open and close a call")
	case e.Open != nil:
		result, err = b.open(i, e, head.seq+1)
	case e.Close != nil:
		result, err = b.close(i, e)
	}
	if err != nil {
		return err
	}
	if result.Late && e.Close.OnlyOpen {
		b.results = append(b.results, result)
		return nil
	}
	prev := head.hash
	args, err := b.db.seal(head, rec)
	if err != nil {
		return err
	}
	b.insert(i, sqlInsertRecord, args)
	b.note(head, prev)
	if e.Content != nil {
		b.insert(i, sqlInsertContent, contentArgs(e.Org, head.seq, e.Content))
	}
	if e.First != nil {
		text, args := endRequest(*e.First)
		b.inserts = append(b.inserts, statement{sql: text, args: args, entry: i, rows: anyRows})
	}
	result.Seq = head.seq
	b.newest = head.place()
	b.results = append(b.results, result)
	return nil
}

// open sets the hold aside, in the account and in every budget that binds the
// call, and notes the call; or it puts the refusal in the record's place. A hold
// of nothing always passes.
func (b *batch) open(i int, e journal.Entry, seq int64) (journal.Result, error) {
	a, hold := b.accounts[e.Org], int64(e.Open.Hold)
	if a == nil {
		return journal.Result{}, notFound("account")
	}
	if hold < 0 || hold > int64(AmountMax) {
		return journal.Result{}, sallyport.ErrTooDear
	}
	if e.Open.Leased && !b.alive[journal.Life{Node: e.Open.Node, Boot: e.Open.Boot}] {
		return journal.Result{}, errLeaseEnded
	}
	free := a.balance - a.held
	if hold > 0 && free < hold {
		b.record = shortRefusal(e.Open.Refusal(), sallyport.Credits(free))
		return journal.Result{Refused: true, Balance: sallyport.Credits(free)}, nil
	}
	who := spenderOf(e.Org, e.Open)
	at := b.time(b.record)
	if over := b.overBudget(who, hold, at); over != nil {
		b.record = budgetRefusal(e.Open.Refusal(), over)
		return journal.Result{Refused: true, Balance: sallyport.Credits(free), Budget: over}, nil
	}
	a.held += hold
	b.spend(who, hold, 0, at)
	b.calls[callKey{e.Org, e.Open.Call}] = callOf(e.Org, e.Open)
	b.insert(i, sqlInsertCall, callArgs(e.Org, e.Open, seq))
	return journal.Result{}, nil
}

// shortRefusal is the refusal of a call that the balance does not cover.
func shortRefusal(rec sallyport.Record, free sallyport.Credits) sallyport.Record {
	cost := sallyport.RecordCost{}
	if rec.Cost != nil {
		cost = *rec.Cost
	}
	cost.Balance = free
	rec.Cost = &cost
	return rec
}

// errLeaseEnded keeps a node that others took for dead from opening calls that
// nobody would close.
var errLeaseEnded = sallyport.NewError(sallyport.AuditUnavailable, "The lease of this node has ended.")

// close charges an open call, or marks the record of one that is closed already.
func (b *batch) close(i int, e journal.Entry) (journal.Result, error) {
	a, cost := b.accounts[e.Org], int64(e.Close.Cost)
	if a == nil {
		return journal.Result{}, notFound("account")
	}
	if cost < 0 || cost > int64(AmountMax) || a.balance-cost < -int64(AmountMax) {
		return journal.Result{}, sallyport.ErrTooDear
	}
	c := b.calls[callKey{e.Org, e.Close.Call}]
	if c == nil || !c.open {
		b.record.Phase = sallyport.PhaseLate
		return journal.Result{Late: true}, nil
	}
	c.open = false
	a.balance -= cost
	a.held -= c.hold
	a.ledgerSeq++
	at := b.time(b.record)
	b.spend(c.who, -c.hold, cost, at)
	b.inserts = append(b.inserts, statement{sql: sqlCloseCall, args: []any{string(e.Org), string(e.Close.Call)}, entry: i, rows: 1})
	b.insert(i, sqlInsertLedger, ledgerArgs(sallyport.LedgerEntry{
		Org: e.Org, Seq: a.ledgerSeq, Kind: sallyport.LedgerCharge,
		Amount: -e.Close.Cost, BalanceAfter: sallyport.Credits(a.balance), At: at,
		Call: e.Close.Call, User: c.who.user, Key: c.who.key, Agent: c.who.agent, Groups: c.who.groups.all(),
		Model: c.model, Usage: e.Close.Usage, Estimated: e.Close.Estimated, Overrun: e.Close.Overrun, PriceVersion: c.price,
	}))
	return journal.Result{}, nil
}

// time is when what a record tells of happened.
func (b *batch) time(rec sallyport.Record) time.Time {
	if rec.Time.IsZero() {
		return b.db.now()
	}
	return rec.Time
}

// insert adds a statement that inserts one row. A batch that has failed is written
// again row by row, which tells whose row it was.
func (b *batch) insert(i int, text string, args []any) {
	b.inserts = append(b.inserts, statement{sql: text, args: args, entry: i, rows: 1, inserts: true, gather: b.trusting})
}
