package server

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
)

// fileList is a page of files, of either API: object is OpenAI's alone.
type fileList struct {
	Object  string            `json:"object,omitempty"`
	Data    []any             `json:"data"`
	FirstID *sallyport.FileID `json:"first_id"`
	LastID  *sallyport.FileID `json:"last_id"`
	HasMore bool              `json:"has_more"`
	// NextPage is what Anthropic's clients ask for the next page with.
	NextPage *sallyport.FileID `json:"next_page,omitempty"`
}

// filesPage is how many files Anthropic's lists have unless more are asked for.
const filesPage = 20

// listFiles answers GET /v1/files with the caller's own.
func (s *Server) listFiles(r *request) (any, error) {
	list := fileList{Object: "list", Data: []any{}}
	read := openAIFiles
	if speaksAnthropic(r.Request) {
		list.Object, read = "", anthropicFiles
	}
	q, reversed, err := read(r.Request)
	if err != nil {
		return nil, err
	}
	limit := q.Limit
	q.Limit++
	files, err := s.parts.Files.Files(r.Context(), r.principal.Org, r.principal.User, q, s.parts.Now())
	if err != nil {
		return nil, err
	}
	list.HasMore = len(files) > limit
	files = files[:min(limit, len(files))]
	if reversed {
		slices.Reverse(files)
	}
	for i := range files {
		head, err := s.openFile(r.Context(), files[i])
		if err != nil {
			return nil, err
		}
		list.Data = append(list.Data, viewStored(r.Request, files[i], head))
		list.LastID = &files[i].ID
	}
	if len(files) > 0 {
		list.FirstID = &files[0].ID
	}
	if list.Object == "" && list.HasMore && !reversed {
		list.NextPage = list.LastID
	}
	return list, nil
}

// openAIFiles reads what a client of OpenAI's wants to see: all, unless it says how many.
func openAIFiles(r *http.Request) (q sallyport.FileQuery, reversed bool, err error) {
	const openAIMax = 10_000 // in its API; nobody has so many here
	query := r.URL.Query()
	q.Purpose, q.After = query.Get("purpose"), sallyport.FileID(query.Get("after"))
	switch query.Get("order") {
	case "asc":
		q.Oldest = true
	case "desc", "":
	default:
		return q, false, wire.Invalid("order must be asc or desc.")
	}
	q.Limit, err = limitOf(query, openAIMax, openAIMax)
	return q, false, err
}

// anthropicFiles reads what a client of Anthropic's wants to see. reversed says that the
// page before another is asked for.
func anthropicFiles(r *http.Request) (q sallyport.FileQuery, reversed bool, err error) {
	query := r.URL.Query()
	for _, name := range []string{"ids", "ids[]", "scope_id"} {
		if query.Has(name) {
			return q, false, sallyport.NewError(sallyport.UnsupportedField, name+": lists of files are not restricted by it here.")
		}
	}
	q.After = sallyport.FileID(cmp.Or(query.Get("page"), query.Get("after_id")))
	if before := query.Get("before_id"); before != "" {
		if q.After != "" {
			return q, false, wire.Invalid("before_id cannot be given with after_id or page.")
		}
		q.After, q.Oldest, reversed = sallyport.FileID(before), true, true
	}
	q.Limit, err = limitOf(query, filesPage, sallyport.FilesMax)
	return q, reversed, err
}
