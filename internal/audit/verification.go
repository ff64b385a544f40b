package audit

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// The actions of the records that tell of a verification.
const (
	ActionVerify   = "audit.verify"   // somebody asked for it
	ActionVerified = "audit.verified" // it has ended, and how
)

const (
	// verificationPoll is the time between two looks for one that waits.
	verificationPoll = time.Second
	// verificationNote is how often is told how far one has got, and
	// verificationStale after how long without that another process takes it over.
	verificationNote  = time.Second
	verificationStale = 30 * time.Second
	// verificationLeave bounds how long a process that stops may take to leave one.
	verificationLeave = 5 * time.Second
)

// VerificationStore keeps verifications. All methods are safe for concurrent use,
// by several processes too.
type VerificationStore interface {
	// ClaimVerification gives holder one that nobody works on.
	ClaimVerification(ctx context.Context, holder string, stale time.Duration) (v sallyport.Verification, found bool, err error)
	// NoteVerification and EndVerification are Conflict when it is not the holder's
	// any more.
	NoteVerification(ctx context.Context, v sallyport.Verification, holder string) error
	LeaveVerification(ctx context.Context, v sallyport.Verification, holder string) error
	EndVerification(ctx context.Context, v sallyport.Verification, holder string, rec sallyport.Record) error
}

// Verifications works on the verifications that are asked for, one after the other.
// They are rows of a table: one that was begun by a process that died is begun anew
// by another, and several may look for them at once.
type Verifications struct {
	Store       VerificationStore
	Trails      TrailStore
	Checkpoints *Checkpointer
	Audit       Builder
	Now         func() time.Time
	Log         *slog.Logger
}

// Run works until ctx ends.
func (w *Verifications) Run(ctx context.Context) {
	follow(ctx, verificationPoll, w.Log, "verify trails that somebody asked for", w.Due)
}

// Due works on all that wait now.
func (w *Verifications) Due(ctx context.Context) error {
	for {
		v, found, err := w.Store.ClaimVerification(ctx, w.Audit.Boot, verificationStale)
		if err != nil || !found {
			return err
		}
		if err := w.verify(ctx, v); err != nil {
			return err
		}
	}
}

// verify reads the trail and ends the verification, unless ctx ends first or
// another process has taken it over: then it is that one's.
func (w *Verifications) verify(ctx context.Context, v sallyport.Verification) error {
	head, _, err := w.Checkpoints.Store.ChainHead(ctx, v.Org)
	if err != nil {
		return w.leave(ctx, v, err)
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	v.Head = head
	noted := w.Now()
	report, err := w.Checkpoints.Verify(reading, w.Trails, v.Org, Trust{}, func(records int64) {
		if v.Records = records; w.Now().Sub(noted) < verificationNote {
			return
		}
		noted = w.Now()
		if sallyport.CodeOf(w.Store.NoteVerification(reading, v, w.Audit.Boot)) == sallyport.Conflict {
			stop() // it is another's
		}
	})
	if err != nil {
		return w.leave(ctx, v, err)
	}
	return w.end(ctx, v, report.Verdict())
}

func (w *Verifications) end(ctx context.Context, v sallyport.Verification, verdict Verdict) (err error) {
	v.EndedAt, v.Records = w.Now(), verdict.Records
	if v.Verdict, err = json.Marshal(verdict); err != nil {
		return err
	}
	if !verdict.OK {
		w.Log.Error("the trail is not whole", "organisation", v.Org, "record", verdict.BadSeq, "why", verdict.Why)
	}
	rec := w.Audit.Event(sallyport.Principal{Org: v.Org}, ActionVerified, "verification/"+v.ID, verdictTold{
		verdict.OK, verdict.Records, verdict.Last, verdict.Signed, verdict.BadSeq, verdict.Why,
	})
	return notElsewhere(w.Store.EndVerification(ctx, v, w.Audit.Boot, rec))
}

// verdictTold is what a record tells of a verdict.
type verdictTold struct {
	OK      bool   `json:"ok"`
	Records int64  `json:"records"`
	Last    int64  `json:"last_seq"`
	Signed  int64  `json:"signed_seq"`
	BadSeq  int64  `json:"bad_seq,omitempty"`
	Why     string `json:"why,omitempty"`
}

// leave gives a verification up, for whoever looks next.
func (w *Verifications) leave(ctx context.Context, v sallyport.Verification, why error) error {
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), verificationLeave)
	defer cancel()
	if err := w.Store.LeaveVerification(after, v, w.Audit.Boot); err != nil {
		return err
	}
	return why
}

// notElsewhere is nil for what another process has by now.
func notElsewhere(err error) error {
	if sallyport.CodeOf(err) == sallyport.Conflict {
		return nil
	}
	return err
}
