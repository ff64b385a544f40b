package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// Verdict is a Report as it is told.
type Verdict struct {
	OK          bool         `json:"ok"`
	Records     int64        `json:"records"`
	Removed     int64        `json:"removed" doc:"By retention: so many records the tombstones stand for"`
	Tombstones  int64        `json:"tombstones"`
	Last        int64        `json:"last_seq"`
	Hash        string       `json:"hash"`
	Checkpoints int64        `json:"checkpoints"`
	Signed      int64        `json:"signed_seq" doc:"The last record that a checkpoint covers"`
	Key         string       `json:"checkpoint_key,omitempty"`
	BadSeq      int64        `json:"bad_seq,omitempty"`
	Why         string       `json:"why,omitempty"`
	Clock       ClockVerdict `json:"clock"`
}

// Verdict tells the report.
func (r Report) Verdict() Verdict {
	v := Verdict{
		OK: r.Bad == nil, Records: r.Records, Last: r.Last, Hash: fmt.Sprintf("%x", r.Hash[:]),
		Checkpoints: r.Checkpoints, Signed: r.Signed, Removed: r.Removed, Tombstones: r.Tombstones, Clock: clockVerdict(r.Clock),
	}
	if r.Checkpoints > 0 || r.Tombstones > 0 {
		v.Key = r.Key
	}
	if r.Bad != nil {
		v.BadSeq, v.Why = r.Bad.Seq, r.Bad.Why
	}
	return v
}

// ClockVerdict is how far the times of a trail can be believed. Its order does not
// depend on them: a clock that was set makes no trail bad.
type ClockVerdict struct {
	BackMS  int64         `json:"back_ms,omitempty"`  // by so much lies the time of a record
	BackSeq int64         `json:"back_seq,omitempty"` // of this one, before that of one before it
	Jumps   []JumpVerdict `json:"jumps,omitempty"`
}

type JumpVerdict struct {
	Seq      int64  `json:"seq"` // of the first record after it
	Boot     string `json:"boot_id"`
	MS       int64  `json:"by_ms"`
	Recorded bool   `json:"recorded"`
}

func clockVerdict(r *ClockReport) ClockVerdict {
	v := ClockVerdict{}
	if r.Back > ClockJumpMin {
		v.BackMS, v.BackSeq = r.Back.Milliseconds(), r.BackSeq
	}
	for _, j := range r.Jumps {
		v.Jumps = append(v.Jumps, JumpVerdict{j.Seq, j.Boot, j.By.Milliseconds(), j.Told})
	}
	return v
}

// String is what stands below a trail that was verified.
func (v ClockVerdict) String() (text string) {
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	if v.BackSeq > 0 {
		text += fmt.Sprintf("\n  time: that of record %d lies %s before that of one before it", v.BackSeq, ms(v.BackMS))
	}
	for _, j := range v.Jumps {
		told := "a record tells of it"
		if !j.Recorded {
			told = "no record tells of it"
		}
		text += fmt.Sprintf("\n  clock: it was set by %s before record %d; %s", ms(j.MS), j.Seq, told)
	}
	return text
}

// verifyTries bounds how often a trail is read of which records are removed meanwhile.
const verifyTries = 5

// Verify verifies a trail as it lies in its database, with all that is known of it
// there: its head and the key of its checkpoints. It calls read with how many
// records were read, time after time.
func (c *Checkpointer) Verify(ctx context.Context, store TrailStore, org sallyport.OrgID, trust Trust, read func(records int64)) (report Report, err error) {
	for range verifyTries {
		if report, err = c.verifyOnce(ctx, store, org, trust, read); !errors.Is(err, ErrRemoved) {
			break
		}
	}
	return report, err
}

func (c *Checkpointer) verifyOnce(ctx context.Context, store TrailStore, org sallyport.OrgID, trust Trust, read func(records int64)) (Report, error) {
	// The head is read first: what is added meanwhile lies beyond it and is verified too.
	seq, hash, err := c.Store.ChainHead(ctx, org)
	if err != nil {
		return Report{}, err
	}
	key, err := c.Key(ctx, org)
	if err != nil {
		return Report{}, err
	}
	if trust.Key == "" {
		trust.Key = key.Public
	}
	trust.Earlier = c.Earlier(ctx, org)
	head := Head{Seq: seq, Hash: hash, Pruned: org == sallyport.InstanceOrg}
	return VerifyTrail(counted(Trail(ctx, store, org, key.Public), read), head, trust)
}

// counted tells how many records were read, once for each page of them.
func counted(lines iter.Seq2[Line, error], read func(records int64)) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		records := int64(0)
		for line, err := range lines {
			if line.Record.Seq > 0 {
				if records++; records%trailPage == 0 {
					read(records)
				}
			}
			if !yield(line, err) {
				return
			}
		}
	}
}
