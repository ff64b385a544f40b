package store

import (
	"context"
	"database/sql"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/journal"
)

// The statements of the journal's batches, beside those of the trail and the ledger.
const (
	sqlCall = `
		SELECT hold, model, price_version, user_id, key_id, agent_id, group_ids FROM open_calls WHERE org_id = $1 AND id = $2`
	sqlInsertCall = `
		INSERT INTO open_calls (org_id, id, node, boot, key_id, user_id, agent_id, model, hold,
			price_input, price_cached_input, price_cache_write, price_output, price_reasoning, price_version,
			intent_seq, created, group_ids)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`
	sqlCloseCall = `
		DELETE FROM open_calls WHERE org_id = $1 AND id = $2`
	// The old amounts in the condition make a lost lock an error instead of a lost update.
	sqlMoveAccount = `
		UPDATE accounts SET balance = $2, held = $3, ledger_seq = $4
		WHERE org_id = $1 AND balance = $5 AND held = $6 AND ledger_seq = $7`
)

func callArgs(org sallyport.OrgID, o *journal.Open, intentSeq int64) []any {
	return []any{
		string(org), string(o.Call), o.Node, o.Boot, string(o.Key), string(o.User), string(o.Agent), text(o.Model, columnMax), int64(o.Hold),
		int64(o.Price.Input), int64(o.Price.CachedInput), int64(o.Price.CacheWrite), int64(o.Price.Output), int64(o.Price.Reasoning),
		o.Price.Version, intentSeq, o.Created, string(joinGroups(o.Groups)),
	}
}

// sqlOpenCall selects what scanOpenCall reads.
const sqlOpenCall = `
	SELECT c.org_id, c.id, c.node, c.boot, c.key_id, c.user_id, c.model, c.hold,
		c.price_input, c.price_cached_input, c.price_cache_write, c.price_output, c.price_version,
		c.created, c.agent_id, c.price_reasoning, c.group_ids, r.body
	FROM open_calls c JOIN records r ON r.org_id = c.org_id AND r.seq = c.intent_seq`

func scanOpenCall(rows *sql.Rows) (c journal.OpenCall, err error) {
	o := &c.Open
	var groups groupIDs
	err = rows.Scan(&c.Org, &c.Call, &c.Node, &c.Boot, &o.Key, &o.User, &o.Model, &o.Hold,
		&o.Price.Input, &o.Price.CachedInput, &o.Price.CacheWrite, &o.Price.Output, &o.Price.Version,
		&o.Created, &o.Agent, &o.Price.Reasoning, &groups, &c.Intent)
	o.Groups = groups.all()
	o.Call, o.Node, o.Boot = c.Call, c.Node, c.Boot
	return c, err
}

// OpenCalls lists the calls without an outcome that the node admitted in other
// boots than this one, oldest first, at most limit.
func (db *DB) OpenCalls(ctx context.Context, node, boot string, limit int) ([]journal.OpenCall, error) {
	return list(ctx, db.read, scanOpenCall, sqlOpenCall+`
		WHERE c.node = $1 AND c.boot <> $2
		ORDER BY c.created, c.id LIMIT $3`, node, boot, page(limit))
}
