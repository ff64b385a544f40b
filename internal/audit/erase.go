package audit

import (
	"context"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// The actions of records that tell of erasing, and what was erased, which they
// have as their resource.
const (
	ActionErase  = "audit.erase"  // somebody wanted it
	ActionExpire = "audit.expire" // it was kept as long as the organisation wants

	ErasedContent       = "content"
	ErasedAddresses     = "addresses"
	ErasedConversations = "conversations"
	ErasedFiles         = "files"
)

// ErasureStore erases what stands beside a trail, in steps; *store.DB is the
// real one. Nothing goes that the record does not tell of, which rec makes of how
// much went. All are Conflict under a legal hold.
type ErasureStore interface {
	EraseContents(ctx context.Context, org sallyport.OrgID, f sallyport.Erasure, rec func(erased int64) sallyport.Record) (more bool, err error)
	// EraseConversations counts messages.
	EraseConversations(ctx context.Context, org sallyport.OrgID, f sallyport.Erasure, rec func(erased int64) sallyport.Record) (more bool, err error)
	EraseFiles(ctx context.Context, org sallyport.OrgID, f sallyport.Erasure, rec func(erased int64) sallyport.Record) (more bool, err error)
	// EraseAddresses looks at records after one of them and says which was the last.
	EraseAddresses(ctx context.Context, org sallyport.OrgID, f sallyport.Erasure, after int64, rec func(erased int64) sallyport.Record) (last int64, more bool, err error)
}

// Erase erases what f chooses of the contents, the addresses, the conversations or the files
// of an organisation, in at most so many steps, and returns how much; more: there is
// still some. record makes the record of a step that tells of the change.
func Erase(ctx context.Context, store ErasureStore, org sallyport.OrgID, what string, f sallyport.Erasure, steps int,
	record func(change any) sallyport.Record,
) (erased int64, more bool, err error) {
	step := int64(0)
	told := func(n int64) sallyport.Record {
		step = n
		return record(EraseChange(f, n))
	}
	var last int64
	for more = true; more && steps > 0 && err == nil; steps-- {
		switch what {
		case ErasedContent:
			more, err = store.EraseContents(ctx, org, f, told)
		case ErasedConversations:
			more, err = store.EraseConversations(ctx, org, f, told)
		case ErasedFiles:
			more, err = store.EraseFiles(ctx, org, f, told)
		default:
			last, more, err = store.EraseAddresses(ctx, org, f, last, told)
		}
		if err == nil {
			erased += step
		}
	}
	return erased, more, err
}

// EraseChange is what a record tells of a step of erasing: what was chosen, and
// how much of it went in this step.
func EraseChange(f sallyport.Erasure, erased int64) any {
	change := struct {
		Call   sallyport.CallID `json:"call_id,omitempty"`
		User   sallyport.UserID `json:"user_id,omitempty"`
		Before *time.Time       `json:"before,omitempty"`
		Erased int64            `json:"erased"`
	}{Call: f.Call, User: f.User, Erased: erased}
	if !f.Before.IsZero() {
		change.Before = &f.Before
	}
	return change
}
