package store

import (
	"context"
	"slices"

	"github.com/sallyport-ai/sallyport"
)

// A search for the records that come first after one goes through windows of the
// trail, upwards, and through each window from its newer to its older records, as
// every search does. Windows grow while little is found in them.

const (
	risingWindow    = 256     // the first
	risingWindowMax = 1 << 17 // the largest
)

func (db *DB) searchRising(ctx context.Context, org sallyport.OrgID, f sallyport.RecordFilter, scan int64) (sallyport.FoundRecords, error) {
	there, err := db.reach(ctx, org)
	if err != nil {
		return sallyport.FoundRecords{}, err
	}
	limit := page(f.Limit)
	end := there.head + 1
	if f.Before > 0 {
		end = min(end, f.Before)
	}
	var rising []sallyport.StoredRecord
	for from, width := max(f.After+1, there.oldest), int64(risingWindow); from < end && len(rising) < limit; {
		if scan <= 0 {
			return newestFirst(rising, from-1), nil
		}
		width = min(width, scan)
		w := db.window(ctx, org, f, from, min(from+width, end), max(limit, risingWindow)+1)
		if err := w.run(); err != nil {
			return sallyport.FoundRecords{}, err
		}
		if len(w.found) >= w.limit && width > risingWindow { // there may be older ones
			width = max(width/2, risingWindow)
			continue
		}
		slices.Reverse(w.found)
		rising = append(rising, w.found...)
		from += width
		scan -= min(scan, w.scanned)
		width = min(2*width, risingWindowMax)
	}
	return newestFirst(rising[:min(len(rising), limit)], 0), nil
}

// window is a search of the records [from, to).
func (db *DB) window(ctx context.Context, org sallyport.OrgID, f sallyport.RecordFilter, from, to int64, limit int) *search {
	f.After, f.Before, f.Limit, f.Rising = from-1, to, limit, false
	return newSearch(ctx, db, org, f)
}

func newestFirst(rising []sallyport.StoredRecord, searched int64) sallyport.FoundRecords {
	slices.Reverse(rising)
	return sallyport.FoundRecords{Records: rising, Searched: searched}
}
