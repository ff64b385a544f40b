package telemetry

import (
	"context"
	"time"

	"github.com/sallyport-ai/sallyport/internal/journal"
)

// Journal returns the store with its commits measured.
func (t *Telemetry) Journal(store journal.Store) journal.Store {
	if t.metrics == nil {
		return store
	}
	return &measuredStore{store, t.metrics}
}

// measuredStore measures what the journal commits.
type measuredStore struct {
	journal.Store
	metrics *metrics
}

// CommitBatch measures the commit. The time is of the machine's own clock: a
// clock that can be set does not measure.
func (s *measuredStore) CommitBatch(ctx context.Context, id journal.BatchID, entries []journal.Entry) ([]journal.Result, error) {
	begun := time.Now()
	results, err := s.Store.CommitBatch(ctx, id, entries)
	result := "ok"
	if err != nil {
		result = "failed"
	}
	s.metrics.batchEntries.Observe(float64(len(entries)))
	s.metrics.batchSeconds.WithLabelValues(result).Observe(time.Since(begun).Seconds())
	return results, err
}
