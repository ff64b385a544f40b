package dlp

import (
	"cmp"
	"slices"
)

// resolve drops the hits that longer or more specific ones overlap, and sorts the
// rest. It may reorder hits.
func resolve(hits []hit) []hit {
	if len(hits) < 2 {
		return hits
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Compare(a.start, b.start) })
	kept := make([]hit, 0, len(hits))
	for from := 0; from < len(hits); {
		to, end := from+1, hits[from].end
		for to < len(hits) && hits[to].start < end {
			end = max(end, hits[to].end)
			to++
		}
		kept = appendBest(kept, hits[from:to], end)
		from = to
	}
	return kept
}

// appendBest takes hits that hang together, the best first, and keeps those that
// no better one covers. A hit that overlaps a longer one has its first or its
// last byte in it, so two looks are enough: the work is linear but for the sort.
func appendBest(kept, hits []hit, end int) []hit {
	if len(hits) == 1 {
		return append(kept, hits[0])
	}
	base := hits[0].start
	covered := make([]bool, end-base)
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(b.end-b.start, a.end-a.start), cmp.Compare(a.id, b.id), cmp.Compare(a.start, b.start))
	})
	first := len(kept)
	for _, h := range hits {
		if covered[h.start-base] || covered[h.end-1-base] {
			continue
		}
		for i := h.start; i < h.end; i++ {
			covered[i-base] = true
		}
		kept = append(kept, h)
	}
	slices.SortFunc(kept[first:], func(a, b hit) int { return cmp.Compare(a.start, b.start) })
	return kept
}
