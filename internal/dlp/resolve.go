package dlp

import (
	"cmp"
	"slices"
)

// chainMax bounds hits that overlap one the next. Which of them win is known only
// when the chain has ended; a chain that goes on beyond is one hit so far.
const chainMax = 8 << 10

// resolve drops the hits that longer or more specific ones overlap, and sorts the
// rest. It may reorder and change hits.
func resolve(hits []hit) []hit {
	if len(hits) < 2 {
		return hits
	}
	sortHits(hits)
	kept := make([]hit, 0, len(hits))
	for len(hits) > 0 {
		to, end, cut := chain(hits)
		if cut {
			kept = append(kept, merged(hits[:to], end))
			hits = clipHits(hits[to:], end)
			continue
		}
		kept = appendBest(kept, hits[:to], end)
		hits = hits[to:]
	}
	return kept
}

func sortHits(hits []hit) {
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Compare(a.start, b.start) })
}

// chain returns how many of the sorted hits hang together with the first, and
// where they end. cut says that the next one would too, but begins too far on.
func chain(hits []hit) (to, end int, cut bool) {
	last := hits[0].start + chainMax
	to, end = 1, hits[0].end
	for to < len(hits) && hits[to].start < end {
		if hits[to].start >= last {
			return to, end, true
		}
		end = max(end, hits[to].end)
		to++
	}
	return to, end, false
}

// merged is the one hit that a cut chain counts as: of the type of its longest.
func merged(hits []hit, end int) hit {
	longest := slices.MinFunc(hits, better)
	return hit{start: hits[0].start, end: end, id: longest.id}
}

// clipHits takes from sorted hits what lies before the byte end. It looks only at
// those that begin there: there may be many more.
func clipHits(hits []hit, end int) []hit {
	n := 0
	for n < len(hits) && hits[n].start < end {
		n++
	}
	first := n
	for i := n - 1; i >= 0; i-- {
		if hits[i].end > end {
			first--
			hits[first] = hits[i]
			hits[first].start = end
		}
	}
	return hits[first:]
}

// better orders hits: the longer first, then the more specific, then the earlier.
func better(a, b hit) int {
	return cmp.Or(cmp.Compare(b.end-b.start, a.end-a.start), cmp.Compare(a.id, b.id), cmp.Compare(a.start, b.start))
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
	slices.SortFunc(hits, better)
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
	sortHits(kept[first:])
	return kept
}
