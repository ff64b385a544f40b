package server

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// Threads keeps the conversations of OpenAI's API; *store.DB is the real one. Those
// that change one find none that is not t.User's: NotFound.
type Threads interface {
	CreateThread(ctx context.Context, t sallyport.Thread, items []sallyport.ThreadItem, rec sallyport.Record) error
	// Thread returns whoever's it is; NotFound for one that is deleted, or was
	// added to at since or before.
	Thread(ctx context.Context, org sallyport.OrgID, id sallyport.ThreadID, since time.Time) (sallyport.Thread, error)
	UpdateThread(ctx context.Context, t sallyport.Thread, rec sallyport.Record) error
	DeleteThread(ctx context.Context, t sallyport.Thread, at time.Time, rec sallyport.Record) error
	// AddThreadItems returns the items as they stand; InvalidBody where there is no room.
	AddThreadItems(ctx context.Context, t sallyport.Thread, items []sallyport.ThreadItem, at time.Time, rec sallyport.Record) ([]sallyport.ThreadItem, error)
	ThreadItems(ctx context.Context, t sallyport.Thread, q sallyport.ThreadQuery) ([]sallyport.ThreadItem, error)
	// ThreadItem finds an item by its id or that of its call; NotFound.
	ThreadItem(ctx context.Context, t sallyport.Thread, id string) (sallyport.ThreadItem, error)
	// DeleteThreadItem erases it; Conflict under a legal hold.
	DeleteThreadItem(ctx context.Context, t sallyport.Thread, i sallyport.ThreadItem, rec sallyport.Record) error
}

// thread returns a conversation of the caller. That another member has one is no
// secret; that another organisation has one is.
func (s *Server) thread(r *request, id string) (sallyport.Thread, error) {
	t, err := s.parts.Threads.Thread(r.Context(), r.principal.Org, sallyport.ThreadID(id), s.parts.Now().Add(-sallyport.ThreadsKept))
	if err == nil && t.User != r.principal.User {
		err = sallyport.NewError(sallyport.Forbidden, "This conversation belongs to somebody else.")
	}
	return t, err
}

// threadPlace and threadItemPlace bind what is sealed to its row.
func threadPlace(t sallyport.Thread) []byte {
	return []byte("thread\x00" + string(t.Org) + "\x00" + string(t.User) + "\x00" + string(t.ID))
}

func threadItemPlace(t sallyport.Thread, key string) []byte {
	return []byte("thread item\x00" + string(t.Org) + "\x00" + string(t.User) + "\x00" + string(t.ID) + "\x00" + key)
}

func (s *Server) sealPieces(ctx context.Context, t sallyport.Thread, pieces []responses.Piece) ([]sallyport.ThreadItem, error) {
	items := make([]sallyport.ThreadItem, len(pieces))
	for n, p := range pieces {
		content, err := s.parts.Sealer.Seal(ctx, t.Org, secret.Content, p.JSON, threadItemPlace(t, p.Key))
		if err != nil {
			return nil, err
		}
		items[n] = sallyport.ThreadItem{Key: p.Key, ID: p.ID, Call: p.Call, Message: p.Message, Content: content}
	}
	return items, nil
}

func (s *Server) openItem(ctx context.Context, t sallyport.Thread, i sallyport.ThreadItem) ([]byte, error) {
	return s.parts.Sealer.Unseal(ctx, t.Org, secret.Content, i.Content, threadItemPlace(t, i.Key))
}

// itemsOf lists items of a conversation, if there is room for them.
func (s *Server) itemsOf(r *request, t sallyport.Thread, q sallyport.ThreadQuery) ([]sallyport.ThreadItem, error) {
	items, err := s.parts.Threads.ThreadItems(r.Context(), t, q)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, i := range items {
		size += len(i.Content)
	}
	return items, r.lodger.take(int64(size))
}

// within is the request with the items of its conversation before its own. It
// notes the last of them in t.
func (s *Server) within(r *request, asked *llm.Request, t *turn) (*llm.Request, error) {
	stored, err := s.itemsOf(r, t.thread, sallyport.ThreadQuery{})
	if err != nil {
		return nil, err
	}
	size := len(responses.InputOf(asked))
	items := make([][]byte, len(stored))
	for n, i := range stored {
		size += len(i.Content)
		t.told = i.Seq
		if items[n], err = s.openItem(r.Context(), t.thread, i); err != nil {
			return nil, err
		}
	}
	// An answer that cannot be added would be paid for and lost.
	if asked.Operation != llm.CountTokens && (len(stored)+2 > sallyport.ThreadItems || size > sallyport.ThreadSize) {
		return nil, sallyport.NewError(sallyport.InvalidBody, "There is no room for more in this conversation: begin another.")
	}
	body, err := responses.Within(asked, items)
	if err != nil {
		return nil, err
	}
	return again(r, asked, body, "conversation")
}

// tell puts into a stored turn what its conversation said before it. It is NotFound
// where the conversation is there no more.
func (s *Server) tell(r *request, t *responses.Turn) error {
	if t.Thread == "" || t.Told == 0 {
		return nil
	}
	thread, err := s.thread(r, t.Thread)
	if err != nil {
		return err
	}
	stored, err := s.itemsOf(r, thread, sallyport.ThreadQuery{Newest: true, After: t.Told + 1})
	if err != nil {
		return err
	}
	slices.Reverse(stored)
	t.Before = make([]responses.Item, len(stored))
	for n, i := range stored {
		t.Before[n].ID = i.ID
		if t.Before[n].JSON, err = s.openItem(r.Context(), thread, i); err != nil {
			return err
		}
	}
	return nil
}

// inThread says whether a conversation of the caller, or none, has an item of that id.
func (s *Server) inThread(r *request, t sallyport.Thread, id string) (bool, error) {
	if t.ID == "" {
		return false, nil
	}
	i, err := s.parts.Threads.ThreadItem(r.Context(), t, id)
	if sallyport.CodeOf(err) == sallyport.NotFound {
		return false, nil
	}
	return i.ID == id, err // and not that of its call
}

// threadView is a conversation as OpenAI shows it.
type threadView struct {
	ID        sallyport.ThreadID `json:"id"`
	Object    string             `json:"object"`
	CreatedAt int64              `json:"created_at"`
	Metadata  json.RawMessage    `json:"metadata"`
}

func (s *Server) viewThread(ctx context.Context, t sallyport.Thread) (threadView, error) {
	metadata, err := s.parts.Sealer.Unseal(ctx, t.Org, secret.Content, t.Metadata, threadPlace(t))
	return threadView{t.ID, "conversation", t.CreatedAt.Unix(), metadata}, err
}

// The bounds of metadata, as OpenAI has them.
const (
	metadataMax      = 16
	metadataKeyMax   = 64
	metadataValueMax = 512
)

// metadataOf reads metadata; none is an empty object.
func metadataOf(v llm.Value) ([]byte, error) {
	if v.IsNull() {
		return []byte("{}"), nil
	}
	ok := v.Kind() == llm.Object && v.Len() <= metadataMax
	v.Members(func(key, value llm.Value) bool {
		ok = ok && value.Kind() == llm.String && len([]rune(key.Text())) <= metadataKeyMax && len([]rune(value.Text())) <= metadataValueMax
		return ok
	})
	if !ok {
		return nil, sallyport.NewError(sallyport.InvalidBody, "metadata must be an object of at most 16 texts of at most 512 characters, by names of at most 64.")
	}
	return v.Raw(), nil
}

// threadBody reads a body; none is an empty object.
func threadBody(r *request) (llm.Value, error) {
	body := r.body
	if len(body) == 0 {
		body = []byte("{}")
	}
	doc, err := llm.Parse(body)
	if err != nil || doc.Root().Kind() != llm.Object {
		return llm.Value{}, sallyport.WrapError(sallyport.InvalidBody, "The body must be a JSON object.", err)
	}
	return doc.Root(), nil
}

// addedItems reads the items that a request adds by hand.
func addedItems(v llm.Value) ([]responses.Piece, error) {
	switch {
	case v.Kind() != llm.Array:
		return nil, sallyport.NewError(sallyport.InvalidBody, "items must be an array.")
	case v.Len() > sallyport.ThreadAdded:
		return nil, sallyport.NewError(sallyport.InvalidBody, "items must be at most "+strconv.Itoa(sallyport.ThreadAdded)+".")
	case v.Len() == 0:
		return nil, nil
	}
	return responses.ReadItems(v.Raw())
}

// createThread answers POST /v1/conversations.
func (s *Server) createThread(w http.ResponseWriter, r *request) error {
	t := sallyport.Thread{
		Org: r.principal.Org, User: r.principal.User, CreatedAt: s.parts.Now(),
		ID: sallyport.ThreadID("conv_" + strings.ReplaceAll(uuid.NewString(), "-", "")),
	}
	return s.changeThread(w, r, t, func(record sallyport.Record) (any, error) {
		root, err := threadBody(r)
		if err != nil {
			return nil, err
		}
		metadata, err := metadataOf(root.Get("metadata"))
		if err != nil {
			return nil, err
		}
		var items []sallyport.ThreadItem
		if v := root.Get("items"); !v.IsNull() {
			pieces, err := addedItems(v)
			if err != nil {
				return nil, err
			}
			if items, err = s.sealPieces(r.Context(), t, pieces); err != nil {
				return nil, err
			}
		}
		if t.Metadata, err = s.parts.Sealer.Seal(r.Context(), t.Org, secret.Content, metadata, threadPlace(t)); err != nil {
			return nil, err
		}
		return threadView{t.ID, "conversation", t.CreatedAt.Unix(), metadata}, s.withRoom(r, len(r.body), func() error {
			return s.parts.Threads.CreateThread(r.Context(), t, items, record)
		})
	})
}

// changeThread answers with what f returns, which has stored the record with its change.
func (s *Server) changeThread(w http.ResponseWriter, r *request, t sallyport.Thread, f func(record sallyport.Record) (any, error)) error {
	answer, err := f(s.parts.Audit.Change(&r.call.Call, "thread/"+string(t.ID), nil))
	if err != nil {
		return s.refuse(r, err)
	}
	r.begun = true
	return writeJSON(w, http.StatusOK, answer)
}

// getThread answers GET /v1/conversations/{id}.
func (s *Server) getThread(r *request) (any, error) {
	t, err := s.thread(r, r.PathValue("conversation"))
	if err != nil {
		return nil, err
	}
	return s.viewThread(r.Context(), t)
}

// updateThread answers POST /v1/conversations/{id}: it sets the metadata.
func (s *Server) updateThread(w http.ResponseWriter, r *request) error {
	t, err := s.thread(r, r.PathValue("conversation"))
	if err != nil {
		return s.refuse(r, err)
	}
	return s.changeThread(w, r, t, func(record sallyport.Record) (any, error) {
		root, err := threadBody(r)
		if err != nil {
			return nil, err
		}
		if !root.Get("metadata").Exists() {
			return nil, sallyport.NewError(sallyport.InvalidBody, "metadata is missing.")
		}
		metadata, err := metadataOf(root.Get("metadata"))
		if err != nil {
			return nil, err
		}
		if t.Metadata, err = s.parts.Sealer.Seal(r.Context(), t.Org, secret.Content, metadata, threadPlace(t)); err != nil {
			return nil, err
		}
		return threadView{t.ID, "conversation", t.CreatedAt.Unix(), metadata}, s.parts.Threads.UpdateThread(r.Context(), t, record)
	})
}

// deleteThread answers DELETE /v1/conversations/{id}.
func (s *Server) deleteThread(w http.ResponseWriter, r *request) error {
	t, err := s.thread(r, r.PathValue("conversation"))
	if err != nil {
		return s.refuse(r, err)
	}
	return s.changeThread(w, r, t, func(record sallyport.Record) (any, error) {
		return deletedResponse{string(t.ID), "conversation.deleted", true}, s.parts.Threads.DeleteThread(r.Context(), t, s.parts.Now(), record)
	})
}

// threadItems is a page of items. The ids are null where it is empty.
type threadItems struct {
	Object  string            `json:"object"`
	Data    []json.RawMessage `json:"data"`
	FirstID *string           `json:"first_id"`
	LastID  *string           `json:"last_id"`
	HasMore bool              `json:"has_more"`
}

func (s *Server) viewItems(ctx context.Context, t sallyport.Thread, items []sallyport.ThreadItem) (threadItems, error) {
	page := threadItems{Object: "list", Data: make([]json.RawMessage, len(items))}
	for n, i := range items {
		var err error
		if page.Data[n], err = s.viewItem(ctx, t, i); err != nil {
			return page, err
		}
	}
	if len(items) > 0 {
		page.FirstID, page.LastID = &items[0].ID, &items[len(items)-1].ID
	}
	return page, nil
}

func (s *Server) viewItem(ctx context.Context, t sallyport.Thread, i sallyport.ThreadItem) (json.RawMessage, error) {
	plain, err := s.openItem(ctx, t, i)
	if err != nil {
		return nil, err
	}
	return responses.Listed(plain, i.ID)
}

// listThreadItems answers GET /v1/conversations/{id}/items. limit counts messages:
// a page can have more items than that.
func (s *Server) listThreadItems(r *request) (any, error) {
	query := r.URL.Query()
	limit, err := limitOf(query, itemsPage, itemsPageMax)
	if err != nil {
		return nil, err
	}
	q := sallyport.ThreadQuery{Newest: true, Messages: limit + 1}
	switch query.Get("order") {
	case "asc":
		q.Newest = false
	case "desc", "":
	default:
		return nil, sallyport.NewError(sallyport.InvalidBody, "order must be asc or desc.")
	}
	t, err := s.thread(r, r.PathValue("conversation"))
	if err != nil {
		return nil, err
	}
	if after := query.Get("after"); after != "" {
		at, err := s.parts.Threads.ThreadItem(r.Context(), t, after)
		if sallyport.CodeOf(err) == sallyport.NotFound {
			err = sallyport.NewError(sallyport.InvalidCursor, "after must be the id of an item of this conversation.")
		}
		if err != nil {
			return nil, err
		}
		q.After = at.Seq
	}
	items, err := s.itemsOf(r, t, q)
	if err != nil {
		return nil, err
	}
	messages, more := 0, false
	for n, i := range items {
		if n == 0 || i.Message != items[n-1].Message {
			messages++
		}
		if messages > limit {
			items, more = items[:n], true
			break
		}
	}
	page, err := s.viewItems(r.Context(), t, items)
	page.HasMore = more
	return page, err
}

// addThreadItems answers POST /v1/conversations/{id}/items with what was added.
func (s *Server) addThreadItems(w http.ResponseWriter, r *request) error {
	t, err := s.thread(r, r.PathValue("conversation"))
	if err != nil {
		return s.refuse(r, err)
	}
	return s.changeThread(w, r, t, func(record sallyport.Record) (any, error) {
		root, err := threadBody(r)
		if err != nil {
			return nil, err
		}
		pieces, err := addedItems(root.Get("items"))
		if err != nil {
			return nil, err
		}
		items, err := s.sealPieces(r.Context(), t, pieces)
		if err != nil {
			return nil, err
		}
		err = s.withRoom(r, len(r.body), func() (err error) {
			items, err = s.parts.Threads.AddThreadItems(r.Context(), t, items, s.parts.Now(), record)
			return err
		})
		if err != nil {
			return nil, err
		}
		return s.viewItems(r.Context(), t, items)
	})
}

// threadAndItem finds what the path of an item names.
func (s *Server) threadAndItem(r *request) (t sallyport.Thread, i sallyport.ThreadItem, err error) {
	if t, err = s.thread(r, r.PathValue("conversation")); err == nil {
		i, err = s.parts.Threads.ThreadItem(r.Context(), t, r.PathValue("item"))
	}
	if err == nil {
		err = r.lodger.take(int64(len(i.Content)))
	}
	return t, i, err
}

// getThreadItem answers GET /v1/conversations/{id}/items/{item}.
func (s *Server) getThreadItem(r *request) (any, error) {
	t, i, err := s.threadAndItem(r)
	if err != nil {
		return nil, err
	}
	return s.viewItem(r.Context(), t, i)
}

// deleteThreadItem answers DELETE /v1/conversations/{id}/items/{item} with the
// conversation.
func (s *Server) deleteThreadItem(w http.ResponseWriter, r *request) error {
	t, i, err := s.threadAndItem(r)
	if err != nil {
		return s.refuse(r, err)
	}
	return s.changeThread(w, r, t, func(record sallyport.Record) (any, error) {
		view, err := s.viewThread(r.Context(), t)
		if err != nil {
			return nil, err
		}
		return view, s.parts.Threads.DeleteThreadItem(r.Context(), t, i, record)
	})
}
