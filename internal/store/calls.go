package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
)

// The statements of the journal's batches, beside those of the trail and the ledger.
const (
	sqlCall = `
		SELECT state = 'open', hold, model, price_version, user_id, key_id, agent_id FROM calls WHERE org_id = $1 AND id = $2`
	sqlInsertCall = `
		INSERT INTO calls (org_id, id, state, node, boot, key_id, user_id, model, hold,
			price_input, price_cached_input, price_cache_write, price_output, price_version,
			intent_seq, created, agent_id, price_reasoning)
		VALUES ($1, $2, 'open', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`
	sqlCloseCall = `
		UPDATE calls SET state = 'closed' WHERE org_id = $1 AND id = $2 AND state = 'open'`
	// The old amounts in the condition make a lost lock an error instead of a lost update.
	sqlMoveAccount = `
		UPDATE accounts SET balance = $2, held = $3, ledger_seq = $4
		WHERE org_id = $1 AND balance = $5 AND held = $6 AND ledger_seq = $7`
	sqlBatch = `
		SELECT results FROM batches WHERE id = $1`
	sqlInsertBatch = `
		INSERT INTO batches (id, created, results) VALUES ($1, $2, $3)`
)

// batchSQL is every text that a batch may run, as SQLite runs it.
var batchSQL = []string{
	sqlHead, sqlPayer, sqlBudgetsOf, sqlMoveBudget, sqlCall, sqlLease, sqlBatch,
	sqlInsertCall, sqlInsertRecord, sqlCloseCall, sqlInsertLedger,
	sqlMoveAccount, sqlMoveHead, sqlPruneInstance, sqlInsertBatch,
}

func callArgs(org sallyport.OrgID, o *journal.Open, intentSeq int64) []any {
	return []any{
		string(org), string(o.Call), o.Node, o.Boot, string(o.Key), string(o.User), text(o.Model, columnMax), int64(o.Hold),
		int64(o.Price.Input), int64(o.Price.CachedInput), int64(o.Price.CacheWrite), int64(o.Price.Output),
		o.Price.Version, intentSeq, o.Created, string(o.Agent), int64(o.Price.Reasoning),
	}
}

// sqlOpenCall selects what scanOpenCall reads.
const sqlOpenCall = `
	SELECT c.org_id, c.id, c.node, c.boot, c.key_id, c.user_id, c.model, c.hold,
		c.price_input, c.price_cached_input, c.price_cache_write, c.price_output, c.price_version,
		c.created, c.agent_id, c.price_reasoning, r.body
	FROM calls c JOIN records r ON r.org_id = c.org_id AND r.seq = c.intent_seq`

func scanOpenCall(rows *sql.Rows) (c journal.OpenCall, err error) {
	o := &c.Open
	err = rows.Scan(&c.Org, &c.Call, &c.Node, &c.Boot, &o.Key, &o.User, &o.Model, &o.Hold,
		&o.Price.Input, &o.Price.CachedInput, &o.Price.CacheWrite, &o.Price.Output, &o.Price.Version,
		&o.Created, &o.Agent, &o.Price.Reasoning, &c.Intent)
	o.Call, o.Node, o.Boot = c.Call, c.Node, c.Boot
	return c, err
}

// OpenCalls lists the calls without an outcome that the node admitted in other
// boots than this one, oldest first, at most limit.
func (db *DB) OpenCalls(ctx context.Context, node, boot string, limit int) ([]journal.OpenCall, error) {
	return list(ctx, db.read, scanOpenCall, sqlOpenCall+`
		WHERE c.state = 'open' AND c.node = $1 AND c.boot <> $2
		ORDER BY c.created, c.id LIMIT $3`, node, boot, page(limit))
}

// Batch returns the results of a batch that was committed in the last hours.
func (db *DB) Batch(ctx context.Context, id journal.BatchID) ([]journal.Result, error) {
	var stored []byte
	if err := db.read.QueryRowContext(ctx, sqlBatch, id).Scan(&stored); err != nil {
		return nil, orNotFound(err, "batch")
	}
	return decodeResults(stored)
}

// What a stored result tells by its first number; a refusal is followed by the balance.
const (
	resultPlain = iota
	resultRefused
	resultLate
	resultOverBudget
)

// encodeResults writes results small: each is its kind, its Seq and, of a
// refusal, the balance, as variable-length integers.
func encodeResults(results []journal.Result) []byte {
	b := binary.AppendUvarint(nil, uint64(len(results)))
	for _, r := range results {
		switch {
		case r.Budget != nil:
			b = appendOverBudget(append(b, resultOverBudget), r)
		case r.Refused:
			b = binary.AppendVarint(binary.AppendVarint(append(b, resultRefused), r.Seq), int64(r.Balance))
		case r.Late:
			b = binary.AppendVarint(append(b, resultLate), r.Seq)
		default:
			b = binary.AppendVarint(append(b, resultPlain), r.Seq)
		}
	}
	return b
}

var errBatchDamaged = errors.New("the stored results of a batch cannot be read")

func decodeResults(b []byte) (_ []journal.Result, err error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)) {
		return nil, errBatchDamaged
	}
	b = b[size:]
	results := make([]journal.Result, n)
	for i := range results {
		if len(b) == 0 {
			return nil, errBatchDamaged
		}
		r, kind := &results[i], b[0]
		r.Refused, r.Late = kind == resultRefused || kind == resultOverBudget, kind == resultLate
		if r.Seq, size = binary.Varint(b[1:]); size <= 0 {
			return nil, errBatchDamaged
		}
		b = b[1+size:]
		if !r.Refused {
			continue
		}
		var balance int64
		if balance, size = binary.Varint(b); size <= 0 {
			return nil, errBatchDamaged
		}
		r.Balance, b = sallyport.Credits(balance), b[size:]
		if kind == resultOverBudget {
			if r.Budget, b, err = cutOverBudget(b); err != nil {
				return nil, err
			}
		}
	}
	return results, nil
}
