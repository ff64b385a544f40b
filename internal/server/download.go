package server

import (
	"encoding/csv"
	"io"
	"iter"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sallyport-ai/sallyport/internal/audit"
)

// The content types of downloads.
const (
	csvFile   = "text/csv; charset=utf-8"
	jsonLines = "application/x-ndjson"
)

// download is a file that write makes while it goes out. When it cannot go on the
// connection ends, so that nobody takes a part for the whole.
func download(contentType, name string, write func(w io.Writer) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(out huma.Context) {
		_, w := humago.Unwrap(out)
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Disposition", attachment(name))
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if err := write(patient{w}); err != nil {
			panic(http.ErrAbortHandler)
		}
	}}
}

func attachment(name string) string {
	if header := mime.FormatMediaType("attachment", map[string]string{"filename": name}); header != "" {
		return header
	}
	return "attachment"
}

// patient gives the client time to take each piece.
type patient struct{ http.ResponseWriter }

func (p patient) Write(b []byte) (int, error) {
	allowWrite(p.ResponseWriter)
	return p.ResponseWriter.Write(b)
}

// rows of a table, its head first. An error ends them.
type tableRows = iter.Seq2[[]string, error]

// downloadCSV is a table that goes out as its rows come. Its texts are what
// people wrote; see audit.PlainCell.
func downloadCSV(name string, rows tableRows) *huma.StreamResponse {
	return download(csvFile, name, func(w io.Writer) error {
		out := csv.NewWriter(w)
		for row, err := range rows {
			if err != nil {
				return err
			}
			for i := range row {
				row[i] = audit.PlainCell(row[i])
			}
			if err := out.Write(row); err != nil {
				return err
			}
		}
		out.Flush()
		return out.Error()
	})
}

// tableOf is a table with a row for each item.
func tableOf[T any](head []string, items iter.Seq2[T, error], row func(T) []string) tableRows {
	return func(yield func([]string, error) bool) {
		if !yield(head, nil) {
			return
		}
		for item, err := range items {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(row(item), nil) {
				return
			}
		}
	}
}

// paged is a page and all that come after it, up to an empty one: next reads the
// page after an item. The first is read before, so that what is wrong is told with
// a status, and the others while the answer is written. An error ends them.
func paged[T any](page []T, next func(last T) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for len(page) > 0 {
			for _, item := range page {
				if !yield(item, nil) {
					return
				}
			}
			var err error
			if page, err = next(page[len(page)-1]); err != nil {
				var none T
				yield(none, err)
				return
			}
		}
	}
}
