package store

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
)

const (
	// A life is over for good once its lease has ended: it opens no call any
	// more. The life that asks ($4, $5) is alive, also without a lease.
	sqlRequestAlive = `
		(r.node = $4 AND r.boot = $5 OR EXISTS (
			SELECT 1 FROM leases l WHERE l.node = r.node AND l.boot = r.boot AND l.ended = 0))`
	// A call took effect when its intent is there, which tells neither of an
	// outcome nor of an error; what calls no model, when its record tells of success.
	sqlRequestEffect = `
		EXISTS (
			SELECT 1 FROM records e
			WHERE e.org_id = r.org_id AND e.call_id = r.call_id AND e.code = '' AND e.outcome IN ('', 'success'))`
	sqlClaimRequest = `
		INSERT INTO first_requests AS r (org_id, key_id, name, body, call_id, node, boot, created, state)
		VALUES ($1, $2, $3, $6, $7, $4, $5, $8, 'under_way')
		ON CONFLICT (org_id, key_id, name) DO UPDATE SET
			body = excluded.body, call_id = excluded.call_id, node = excluded.node, boot = excluded.boot,
			created = excluded.created, state = excluded.state, answer = NULL
		WHERE r.created <= $9 OR r.state = 'under_way' AND NOT ` + sqlRequestAlive + ` AND NOT ` + sqlRequestEffect
	sqlFirstRequest = `
		SELECT r.body, r.call_id, r.node, r.boot, r.created, r.state, r.answer,
			r.state = 'under_way' AND NOT ` + sqlRequestAlive + ` AND ` + sqlRequestEffect + ` AND NOT EXISTS (
				SELECT 1 FROM open_calls c WHERE c.org_id = r.org_id AND c.id = r.call_id)
		FROM first_requests r WHERE r.org_id = $1 AND r.key_id = $2 AND r.name = $3`
)

const (
	sqlAnswerRequest = `
		UPDATE first_requests SET state = $5, answer = $6
		WHERE org_id = $1 AND key_id = $2 AND name = $3 AND call_id = $4 AND state = 'under_way'`
	sqlFreeRequest = `
		DELETE FROM first_requests
		WHERE org_id = $1 AND key_id = $2 AND name = $3 AND call_id = $4 AND state = 'under_way'`
)

// claimTries bounds how often a claim is tried while others free and claim.
const claimTries = 3

// ClaimRequest makes c the first request of its name, unless there is one that
// began after expired, and returns the one that stands: its Call is c's when c
// is the first. What a server that died had begun is claimed anew when it took
// no effect, and is RequestInterrupted when it did and the call is closed.
func (db *DB) ClaimRequest(ctx context.Context, c sallyport.FirstRequest, expired time.Time) (sallyport.FirstRequest, error) {
	for range claimTries {
		mine, err := changed(db.write.ExecContext(ctx, sqlClaimRequest,
			c.Org, c.Key, c.Name, c.Node, c.Boot, c.Body, c.Call, micros(c.At), micros(expired)))
		if err != nil {
			return c, err
		}
		if mine {
			c.State, c.Answer = sallyport.RequestUnderWay, nil
			return c, nil
		}
		first, err := db.firstRequest(ctx, c)
		if sallyport.CodeOf(err) != sallyport.NotFound {
			return first, err
		}
	}
	return c, fmt.Errorf("others claimed and freed the request %d times meanwhile", claimTries)
}

func (db *DB) firstRequest(ctx context.Context, c sallyport.FirstRequest) (sallyport.FirstRequest, error) {
	first := sallyport.FirstRequest{Org: c.Org, Key: c.Key, Name: c.Name}
	var created int64
	var interrupted bool
	err := db.read.QueryRowContext(ctx, sqlFirstRequest, c.Org, c.Key, c.Name, c.Node, c.Boot).Scan(
		&first.Body, &first.Call, &first.Node, &first.Boot, &created, &first.State, &first.Answer, &interrupted)
	first.At = timeOf(created)
	if interrupted {
		first.State = sallyport.RequestInterrupted
	}
	return first, orNotFound(err, "request")
}

// EndRequest ends a request that is under way as first.State says. It does
// nothing to one that is not any more, or that another call has claimed.
func (db *DB) EndRequest(ctx context.Context, first sallyport.FirstRequest) error {
	text, args := endRequest(first)
	_, err := db.write.ExecContext(ctx, text, args...)
	return err
}

func endRequest(first sallyport.FirstRequest) (text string, args []any) {
	args = []any{string(first.Org), string(first.Key), first.Name, string(first.Call)}
	if first.State == sallyport.RequestFree {
		return sqlFreeRequest, args
	}
	return sqlAnswerRequest, append(args, string(first.State), first.Answer)
}

// ForgetRequests deletes the oldest requests that began at expired or before,
// at most limit, and returns how many.
func (db *DB) ForgetRequests(ctx context.Context, expired time.Time, limit int) (int64, error) {
	r, err := db.write.ExecContext(ctx, `
		DELETE FROM first_requests WHERE (org_id, key_id, name) IN (
			SELECT org_id, key_id, name FROM first_requests WHERE created <= $1 ORDER BY created LIMIT $2)`,
		micros(expired), limit)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
