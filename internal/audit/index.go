package audit

import (
	"context"
	"log/slog"
	"time"
)

// indexPoll is the time between two looks for records that are not in the index.
const indexPoll = time.Second

// IndexStore keeps an index of the trails beside them.
type IndexStore interface {
	// IndexRecords enters some of the records that are missing in it; more: there
	// may be others.
	IndexRecords(ctx context.Context) (more bool, err error)
}

// Indexer follows the trails, so that searches find old records as soon as new
// ones. It never waits on the road of a call, and what it could not do it does
// later: searches read what the index does not have. Several may run at once, in
// any process.
type Indexer struct {
	Store IndexStore
	Log   *slog.Logger
}

// Run indexes what there is, and then what is added, until ctx ends.
func (x *Indexer) Run(ctx context.Context) {
	follow(ctx, indexPoll, x.Log, "index the trails", x.Due)
}

// Due indexes all that is missing now. A trail that fails does not keep the others.
func (x *Indexer) Due(ctx context.Context) error {
	for {
		if more, err := x.Store.IndexRecords(ctx); !more || ctx.Err() != nil {
			return err
		}
	}
}
