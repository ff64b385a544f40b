package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
)

type auditExport struct {
	orgFlag
	recordFlags
	Format string `help:"trail: all records with hashes and checkpoints, to verify. jsonl, csv: those that the other flags choose, newest first." enum:"trail,jsonl,csv" default:"trail"`
	Out    string `help:"File to write. Default: standard output." placeholder:"FILE"`
}

func (c *auditExport) Run(ctx context.Context, a *app) error {
	if c.Format == "trail" && c.recordFlags != (recordFlags{}) {
		return errors.New("a trail can be verified only as a whole: choose --format jsonl or csv to choose records")
	}
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) (err error) {
		out := a.out
		if c.Out != "" {
			file, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, file.Close()) }()
			out = file
		}
		var lines int64
		switch c.Format {
		case "jsonl":
			lines, err = audit.WriteJSONL(out, i.found(ctx, org.ID, c.filter(recordsPage)))
		case "csv":
			lines, err = audit.WriteCSV(out, i.found(ctx, org.ID, c.filter(recordsPage)))
		default:
			key, err := i.checkpointKey(ctx, org.ID)
			if err != nil {
				return err
			}
			if lines, err = audit.ExportTrail(out, audit.Trail(ctx, i.db, org.ID, key.Public)); err != nil {
				return err
			}
		}
		fmt.Fprintf(a.log, "%d lines written\n", lines)
		return err
	})
}

// found reads the records that pass a filter, page by page, newest first.
func (i *instance) found(ctx context.Context, org sallyport.OrgID, f sallyport.RecordFilter) iter.Seq2[sallyport.StoredRecord, error] {
	return audit.Pages(f, func(f sallyport.RecordFilter) ([]sallyport.StoredRecord, error) {
		return i.db.FindRecords(ctx, org, f)
	})
}
