package store

import "context"

// A batch that depends on nothing but what the last ones left is sent whole, with
// its COMMIT: one round trip instead of three. What it takes on trust it guards by
// statements that fail in the database, which then commits nothing. Moving the
// heads comes first, in the order of their ids: it locks the organisations as
// reading them does, and whoever had changed anything of one has moved its head.

// atOnce is an engine for which reading costs more than now and then a mistake.
type atOnce interface {
	// commitAtOnce commits a transaction of the journal: locks, then writes. A
	// statement that does not change as many rows as it must fails in the database:
	// nothing is committed then, and the error is errGuard. When it is not known
	// whether the commit took effect, the error is journal.ErrOutcomeUnknown.
	commitAtOnce(ctx context.Context, locks, writes []statement) error
}

// sqlLeased finds a life that may open calls.
const sqlLeased = `
	SELECT 1 FROM leases WHERE node = $1 AND boot = $2 AND ended = 0`

// known gives the batch all that it depends on, and says whether that is possible. It
// is not for a batch that was sent before.
func (b *batch) known() bool {
	trails, payers := b.orgs()
	if !b.db.last.steady(trails) || len(b.db.last.tried(b.id)) > 0 {
		return false
	}
	b.reset()
	unknownTrails, unknownPayers := b.db.last.fill(b, trails, payers)
	if len(unknownTrails)+len(unknownPayers) > 0 {
		return false
	}
	for _, e := range b.entries {
		if e.Close == nil {
			continue
		}
		if e.Close.Opened == nil {
			return false
		}
		b.calls[callKey{e.Org, e.Close.Call}] = callOf(e.Org, e.Close.Opened)
	}
	return b.db.last.fillBudgets(b)
}

// commitAtOnce is the transaction of a batch that knows all it depends on.
func (b *batch) commitAtOnce(ctx context.Context, e atOnce) error {
	var leased []statement
	for _, l := range b.lives() {
		b.alive[l] = true
		leased = append(leased, statement{sql: sqlLeased, args: []any{l.Node, l.Boot}, entry: noEntry, rows: 1})
	}
	heads, rest, err := b.writes()
	if err != nil {
		return err
	}
	b.db.last.try(b)
	return e.commitAtOnce(ctx, append(heads, leased...), rest)
}
