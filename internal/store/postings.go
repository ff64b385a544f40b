package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/sallyport-ai/sallyport"
)

// postings are the blocks with one term, from newer to older, read page by page.
type postings struct {
	db    *DB
	org   sallyport.OrgID
	term  term
	first int64 // block before which nothing is wanted
	page  []posting
	ended bool    // there are none after page
	share float64 // of the records near the newest block that have the term
	each  float64 // how many of them there are in a block with the term
}

type posting struct {
	block  int64
	places []byte // ascending
}

const (
	// postingsProbe is how many blocks tell how frequent a term is; they are all
	// that is needed of a frequent one.
	postingsProbe = 8
	postingsMax   = 256
)

// rarestFirst returns the postings of terms in the blocks [first, last].
func (db *DB) rarestFirst(ctx context.Context, org sallyport.OrgID, terms []term, first, last int64) ([]*postings, error) {
	lists := make([]*postings, len(terms))
	for i, t := range terms {
		lists[i] = &postings{db: db, org: org, term: t, first: first}
		if err := lists[i].probe(ctx, last); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(lists, func(a, b *postings) int { return cmp.Compare(a.share, b.share) })
	return lists, nil
}

// probe reads the first page and estimates from it.
func (p *postings) probe(ctx context.Context, last int64) error {
	if err := p.read(ctx, last, postingsProbe); err != nil || len(p.page) == 0 {
		return err
	}
	oldest := p.first
	if !p.ended {
		oldest = p.page[len(p.page)-1].block
	}
	records := 0
	for _, one := range p.page {
		records += len(one.places)
	}
	p.each = float64(records) / float64(len(p.page))
	p.share = float64(records) / float64((last-oldest+1)*blockRecords)
	return nil
}

// blocksFor is in how many blocks of the first list there are so many records with the
// terms of all, if these have nothing to do with each other, and some blocks more: to
// look again costs more than they do.
func blocksFor(lists []*postings, records int) int {
	blocks := float64(records) / max(lists[0].each, 1)
	for _, other := range lists[1:] {
		blocks /= max(other.share, 1.0/postingsMax)
	}
	return int(min(1.25*blocks+1, postingsMax))
}

const sqlPostings = `
	SELECT block, places FROM record_terms
	WHERE org_id = $1 AND term = $2 AND block >= $3 AND block <= $4 ORDER BY block DESC LIMIT $5`

// read reads a page of blocks up to n.
func (p *postings) read(ctx context.Context, n int64, limit int) (err error) {
	p.page, err = p.list(ctx, sqlPostings, p.org, int64(p.term), p.first, n, limit)
	p.ended = len(p.page) < limit
	return err
}

// upTo returns the newest blocks up to n that have the term, about so many; none
// when there is none.
func (p *postings) upTo(ctx context.Context, n int64, about int) ([]posting, error) {
	if len(p.page) < about && !p.ended {
		known := p.page
		if len(known) > 0 {
			n = known[len(known)-1].block - 1
		}
		if err := p.read(ctx, n, about-len(known)); err != nil {
			return nil, err
		}
		p.page = append(known, p.page...)
	}
	some := p.page[:min(len(p.page), about)]
	p.page = p.page[len(some):]
	return some, nil
}

// common returns what is left of blocks when their records must have this term too.
func (p *postings) common(ctx context.Context, blocks []posting) ([]posting, error) {
	if len(blocks) == 0 {
		return nil, nil
	}
	numbers := make([]int64, len(blocks))
	for i, b := range blocks {
		numbers[i] = b.block
	}
	here, err := apart(numbers, func(part []int64) ([]posting, error) {
		query, args := p.db.engine.postingsAmong(p.org, p.term, part)
		return p.list(ctx, query, args...)
	})
	slices.SortFunc(here, func(a, b posting) int { return cmp.Compare(b.block, a.block) })
	var both []posting
	for _, b := range blocks {
		for len(here) > 0 && here[0].block > b.block {
			here = here[1:]
		}
		if len(here) == 0 || here[0].block < b.block {
			continue
		}
		if places := intersect(b.places, here[0].places); len(places) > 0 {
			both = append(both, posting{b.block, places})
		}
	}
	return both, err
}

func (p *postings) list(ctx context.Context, query string, args ...any) ([]posting, error) {
	return list(ctx, p.db.read, func(rows *sql.Rows) (one posting, err error) {
		err = rows.Scan(&one.block, &one.places)
		return one, err
	}, query, args...)
}

// intersect returns what is in both lists, which ascend.
func intersect(a, b []byte) []byte {
	both := make([]byte, 0, min(len(a), len(b)))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			both = append(both, a[0])
			a, b = a[1:], b[1:]
		}
	}
	return both
}
