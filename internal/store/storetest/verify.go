package storetest

import (
	"encoding/json"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// VerifyChain recomputes an organisation's trail from its stored bytes, fails
// the test where it does not hold, and returns the decoded records.
func VerifyChain(t testing.TB, db *store.DB, org sallyport.OrgID) []sallyport.Record {
	t.Helper()
	const pageSize = 100 // small, so that paging is tested too
	var records []sallyport.Record
	var seq int64
	var prev sallyport.Hash
	for {
		page, err := db.Records(t.Context(), org, seq, pageSize)
		if err != nil {
			t.Fatalf("Records: %v", err)
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			seq++
			var rec sallyport.Record
			if err := json.Unmarshal(r.Body, &rec); err != nil {
				t.Fatalf("record %d cannot be read: %v", r.Seq, err)
			}
			if r.Seq != seq || rec.Seq != seq || rec.Org != org {
				t.Fatalf("record %d tells that it is %d of %s, want %d of %s", r.Seq, rec.Seq, rec.Org, seq, org)
			}
			if r.Prev != prev || r.Hash != sallyport.ChainHash(prev, r.Body) {
				t.Fatalf("record %d does not follow the one before", r.Seq)
			}
			prev = r.Hash
			records = append(records, rec)
		}
	}
	headSeq, head, err := db.ChainHead(t.Context(), org)
	if err != nil {
		t.Fatalf("ChainHead: %v", err)
	}
	if headSeq != seq || head != prev {
		t.Fatalf("chain head is %d, want %d and the last hash", headSeq, seq)
	}
	return records
}

// VerifyLedger adds an organisation's ledger up, fails the test unless it gives
// the balance, and returns it.
func VerifyLedger(t testing.TB, db *store.DB, org sallyport.OrgID) []sallyport.LedgerEntry {
	t.Helper()
	entries, err := db.Ledger(t.Context(), org, 0, 1<<20)
	if err != nil {
		t.Fatalf("Ledger: %v", err)
	}
	var sum sallyport.Credits
	for i, e := range entries {
		sum += e.Amount
		if e.Seq != int64(i+1) || e.BalanceAfter != sum {
			t.Fatalf("ledger entry %d: balance after it is %v, want number %d and %v", e.Seq, e.BalanceAfter, i+1, sum)
		}
	}
	balance, _, err := db.Balance(t.Context(), org)
	if err != nil {
		t.Fatalf("Balance: %v", err)
	}
	if balance != sum {
		t.Fatalf("balance is %v, want the ledger's sum %v", balance, sum)
	}
	return entries
}

// WantBalance fails the test unless balance and held are as given.
func WantBalance(t testing.TB, db *store.DB, org sallyport.OrgID, balance, held sallyport.Credits) {
	t.Helper()
	gotBalance, gotHeld, err := db.Balance(t.Context(), org)
	if err != nil {
		t.Fatalf("Balance: %v", err)
	}
	if gotBalance != balance || gotHeld != held {
		t.Errorf("balance is %v and %v held, want %v and %v", gotBalance, gotHeld, balance, held)
	}
}
