package dlp

import (
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

// adjacent finds values that go over from one text to the next, as the parts of a
// message can be cut, and keeps their changes for the texts: the first part of a
// value becomes what stands for the whole, the others vanish.
func (r *request) adjacent(texts []llm.Value) error {
	if len(texts) < 2 {
		return nil
	}
	seams := make([]int, 0, len(texts)+1) // where each text begins in the joined one, and the end
	var joined strings.Builder
	for _, v := range texts {
		seams = append(seams, joined.Len())
		joined.WriteString(v.Text())
	}
	seams = append(seams, joined.Len())
	all := joined.String()
	if err := r.countTwice(all); err != nil {
		return err
	}
	var crossing []hit
	for _, h := range r.scan(all) {
		if first, last := partOf(seams, h.start), partOf(seams, h.end-1); first != last {
			crossing = append(crossing, h)
		}
	}
	for _, h := range resolve(crossing) {
		if h.id != typePlaceholder && r.joins(texts, seams, h) {
			if err := r.share(texts, seams, h, all[h.start:h.end]); err != nil {
				return err
			}
		}
	}
	return nil
}

// countTwice refuses texts that are too long to be joined; they are counted for
// good when each is looked at.
func (r *request) countTwice(all string) error {
	err := r.count(len(all))
	for r.outer != nil {
		r = r.outer
	}
	r.bytes -= len(all)
	return err
}

// partOf returns the text in which the byte at of the joined text stands.
func partOf(seams []int, at int) int {
	i, exact := slices.BinarySearch(seams, at)
	if !exact {
		return i - 1
	}
	for seams[i+1] == at { // an empty text
		i++
	}
	return i
}

// joins says whether a value over a seam is one value, rather than a word that
// stands before a whole value: "mail me" and "ann@example.com" are two things.
// A key may well be found in its first part alone, so secrets always join.
func (r *request) joins(texts []llm.Value, seams []int, h hit) bool {
	if types[h.id].Category == CategorySecret {
		return true
	}
	for i := partOf(seams, h.start); i <= partOf(seams, h.end-1); i++ {
		for _, own := range r.scan(texts[i].Text()) {
			if own.start+seams[i] < h.end && h.start < own.end+seams[i] {
				return false
			}
		}
	}
	return true
}

// share decides about a value and gives each text its part of the change.
func (r *request) share(texts []llm.Value, seams []int, h hit, value string) error {
	first, last := partOf(seams, h.start), partOf(seams, h.end-1)
	at := place{"in", func() string { return r.path(texts[first]) }, h.start - seams[first], seams[first+1] - seams[first]}
	with, err := r.decide(h, value, at)
	if err != nil || with == "" {
		return err
	}
	if r.shared == nil {
		r.shared = make(map[int][]change)
	}
	for i := first; i <= last; i++ {
		part := hit{start: max(h.start, seams[i]) - seams[i], end: min(h.end, seams[i+1]) - seams[i], id: h.id}
		if part.start < part.end {
			offset := texts[i].Offset()
			r.shared[offset] = append(r.shared[offset], change{part, with})
		}
		with = ""
	}
	return nil
}
