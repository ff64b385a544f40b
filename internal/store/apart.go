package store

import (
	"errors"
	"slices"
	"sync"
)

// Rows that lie apart are read by at most apartReaders connections at once, and not
// less than apartMin by each: to ask costs as much as to read about so many.
const (
	apartReaders = 2
	apartMin     = 12
)

// apart reads rows that have these numbers. In a large database each lies on a page of
// its own, which is most of what it costs; so read is called with parts of the numbers
// at once, and what it returns is put together in the order of the numbers.
func apart[T any](numbers []int64, read func(part []int64) ([]T, error)) ([]T, error) {
	size := max(apartMin, (len(numbers)+apartReaders-1)/apartReaders)
	parts := slices.Collect(slices.Chunk(numbers, size))
	rows, errs := make([][]T, len(parts)), make([]error, len(parts))
	var all sync.WaitGroup
	for i, part := range parts {
		all.Go(func() { rows[i], errs[i] = read(part) })
	}
	all.Wait()
	return slices.Concat(rows...), errors.Join(errs...)
}
