package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
)

// InstanceRecordsMax bounds the instance's own trail, which strangers can make
// grow: older records are deleted.
const InstanceRecordsMax = 10_000

// columnMax bounds, in bytes, what is copied from a record to search by; what
// is longer is cut there, and whole in the record.
const columnMax = 256

// sourceMax bounds, in bytes, a user agent that is kept.
const sourceMax = 1024

const (
	sqlHead = `
		SELECT seq, hash FROM chain_heads WHERE org_id = $1`
	// The old end in the condition makes a lost lock an error instead of a fork. Its
	// hash vouches for all before it, also in a database that was set back to an
	// earlier state and has grown again.
	sqlMoveHead = `
		UPDATE chain_heads SET seq = $2, hash = $3 WHERE org_id = $1 AND seq = $4 AND hash = $5`
	sqlInsertRecord = `
		INSERT INTO records (org_id, seq, event_id, prev, hash, body, time, key_id, action, call_id,
			model_requested, model_used, outcome, code, source_ip, source_agent, source_salt)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`
	sqlRecordHash = `
		SELECT hash FROM records WHERE org_id = $1 AND seq = $2`
	sqlPruneInstance = `
		DELETE FROM records WHERE org_id = $1 AND seq <= $2`
)

// chainHead is the end of an organisation's trail, locked by a transaction.
type chainHead struct {
	org  sallyport.OrgID
	seq  int64
	hash sallyport.Hash
	from place // when it was read
}

// readHead reads the answer to sqlHead.
func readHead(row scanner, org sallyport.OrgID) (*chainHead, error) {
	h := &chainHead{org: org}
	var hash []byte
	if err := row.Scan(&h.seq, &hash); err != nil {
		return nil, err
	}
	if err := setHash(&h.hash, hash); err != nil {
		return nil, err
	}
	h.from = h.place()
	return h, nil
}

func (h *chainHead) place() place { return place{h.org, h.seq, h.hash} }

// place is where a record stands, and its hash. The zero value is nowhere.
type place struct {
	org  sallyport.OrgID
	seq  int64
	hash sallyport.Hash
}

// lockHead makes the transaction the only writer of the organisation.
func (db *DB) lockHead(ctx context.Context, tx *sql.Tx, org sallyport.OrgID) (*chainHead, error) {
	h, err := readHead(tx.QueryRowContext(ctx, sqlHead+db.engine.forUpdate(), org), org)
	if err != nil {
		return nil, orNotFound(err, "organisation")
	}
	return h, nil
}

// append writes one record and moves the head.
func (db *DB) append(ctx context.Context, tx *sql.Tx, head *chainHead, rec sallyport.Record) error {
	args, err := db.seal(head, &rec)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, sqlInsertRecord, args...); err != nil {
		return fmt.Errorf("append record: %w", err)
	}
	moved, err := changed(tx.ExecContext(ctx, sqlMoveHead, moveHeadArgs(head)...))
	if err != nil {
		return fmt.Errorf("move chain head: %w", err)
	}
	if !moved {
		return errHeadMoved
	}
	head.from = head.place()
	db.last.moved(head.org)
	if head.org != sallyport.InstanceOrg {
		return nil
	}
	_, err = tx.ExecContext(ctx, sqlPruneInstance, head.org, head.seq-InstanceRecordsMax)
	return err
}

// errHeadMoved means that the lock on a chain head did not hold.
var errHeadMoved = fmt.Errorf("another writer moved the chain head")

func moveHeadArgs(h *chainHead) []any {
	return []any{string(h.org), h.seq, append([]byte(nil), h.hash[:]...), h.from.seq, h.from.hash[:]}
}

// seal gives rec the next place after head, moves head (in memory), and returns
// the row to insert. The source is bound by a salted hash before the record is
// hashed, and stays beside it.
func (db *DB) seal(head *chainHead, rec *sallyport.Record) ([]any, error) {
	rec.Org = head.org
	if rec.EventID == "" {
		rec.EventID = uuid.Must(uuid.NewV7()).String()
	}
	if rec.Time.IsZero() {
		rec.Time = db.now()
	}
	ip, agent, salt := bindSource(rec)
	prev := head.hash
	body, hash, err := rec.Seal(head.seq+1, prev)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	head.seq, head.hash = head.seq+1, hash
	return []any{
		string(head.org), head.seq, text(rec.EventID, columnMax), prev[:], hash[:], body, rec.Time.UnixMicro(),
		text(string(rec.Actor.Key), columnMax), text(rec.Action, columnMax), text(string(rec.Call), columnMax),
		text(rec.ModelRequested, columnMax), text(rec.ModelUsed, columnMax),
		text(rec.Outcome, columnMax), text(string(rec.Code), columnMax),
		ip, agent, salt,
	}, nil
}

const saltSize = 16

// bindSource sets the record's SourceHash and returns the columns of its source.
func bindSource(rec *sallyport.Record) (ip, agent, salt any) {
	if rec.Source == (sallyport.Source{}) {
		rec.SourceHash = ""
		return nil, nil, nil
	}
	from := sallyport.Source{IP: text(rec.Source.IP, columnMax), UserAgent: text(rec.Source.UserAgent, sourceMax)}
	salted := rec.SourceSalt
	if len(salted) == 0 {
		salted = make([]byte, saltSize)
		rand.Read(salted) // never fails
	}
	rec.SourceHash = from.Hash(salted)
	return from.IP, from.UserAgent, salted
}

// text makes s fit for a text column of either database: valid UTF-8 without
// NUL, at most max bytes. A call must not fail because of what a client named.
func text(s string, max int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	if len(s) > max {
		s = strings.ToValidUTF8(s[:max], "")
	}
	return s
}

func setHash(h *sallyport.Hash, b []byte) error {
	if len(b) != len(h) {
		return fmt.Errorf("a stored hash has %d bytes instead of %d", len(b), len(h))
	}
	copy(h[:], b)
	return nil
}

// addInstanceChain makes the trail of what belongs to no organisation.
func (db *DB) addInstanceChain(ctx context.Context) error {
	var exists bool
	err := db.read.QueryRowContext(ctx,
		`SELECT EXISTS (SELECT 1 FROM chain_heads WHERE org_id = $1)`, sallyport.InstanceOrg).Scan(&exists)
	if err != nil || exists {
		return err
	}
	_, err = db.write.ExecContext(ctx, sqlAddHead, sallyport.InstanceOrg, make([]byte, len(sallyport.Hash{})))
	return err
}

const sqlAddHead = `
	INSERT INTO chain_heads (org_id, seq, hash) VALUES ($1, 0, $2) ON CONFLICT (org_id) DO NOTHING`
