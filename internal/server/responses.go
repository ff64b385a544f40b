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

// responsesDialect is POST /v1/responses.
var responsesDialect = clientDialect{
	surface: responsesSurface,
	decode:  responses.Decode,
	encoder: func(req *llm.Request, created time.Time) encoder { return responses.NewEncoder(req, created) },
	headers: []string{"Openai-Beta"},
	ready:   (*Server).readyWithFiles,
	agent:   (*Server).askAgent,
}

// inputTokensDialect is POST /v1/responses/input_tokens.
var inputTokensDialect = clientDialect{
	surface: responsesSurface,
	decode:  responses.DecodeCount,
	encoder: responsesDialect.encoder,
	headers: responsesDialect.headers,
	ready:   (*Server).readyWithFiles,
}

// readyResponse makes of a request that follows a stored response one that says
// all of it, and arranges that its own answer is stored.
func (s *Server) readyResponse(r *request, asked *llm.Request) (*llm.Request, *turn, error) {
	root := asked.Body.Root()
	background := root.Get("background").Kind() == llm.True
	switch {
	case !background:
	case asked.Operation == llm.CountTokens:
		return nil, nil, sallyport.NewError(sallyport.UnsupportedField, "background: tokens are counted while the client waits.")
	case responses.Conversation(asked) != "":
		return nil, nil, sallyport.NewError(sallyport.UnsupportedField, "background: a response in a conversation is made while the client waits.")
	}
	t := &turn{s: s, row: sallyport.StoredResponse{
		Org: r.principal.Org, User: r.principal.User, Previous: sallyport.ResponseID(root.Get("previous_response_id").Text()),
	}}
	var err error
	if id := responses.Conversation(asked); id != "" {
		if t.thread, err = s.thread(r, id); err != nil {
			return nil, nil, err
		}
		t.row.Thread = t.thread.ID
	}
	if asked, err = s.resolveItems(r, asked, t.thread); err != nil {
		return nil, nil, err
	}
	if asked.Operation == llm.CountTokens {
		asked, err = s.continued(r, asked, t)
		return asked, nil, err
	}
	// OpenAI stores what is not asked to be forgotten; Kindo's clients expect the contrary.
	store, said := root.Get("store").Bool()
	if store = said && store || !said && !strings.EqualFold(r.Header.Get(compatHeader), responses.Kindo); store {
		t.row.ID = newResponseID()
	}
	if t.apart = background; background && !store {
		return nil, nil, sallyport.NewError(sallyport.InvalidBody, `background: a response in the background has to be stored; say "store": true, or leave it out.`)
	}
	if t.kept() {
		t.input = responses.InputOf(asked)
		if len(t.input) > sallyport.ResponsesSize {
			return nil, nil, sallyport.NewError(sallyport.InvalidBody, "input: this is more than can be stored; send \"store\": false.")
		}
	}
	asked, err = s.continued(r, asked, t)
	return asked, t, err
}

// continued is the request with all that was said before it.
func (s *Server) continued(r *request, asked *llm.Request, t *turn) (*llm.Request, error) {
	if t.row.Thread != "" {
		return s.within(r, asked, t)
	}
	return s.followed(r, asked, t.row.Previous)
}

// followed is the request with all that the response previous says before it; as
// it is when that is "".
func (s *Server) followed(r *request, asked *llm.Request, previous sallyport.ResponseID) (*llm.Request, error) {
	if previous == "" {
		return asked, nil
	}
	turns, err := s.turnsUpTo(r, previous)
	if err == nil {
		err = s.tell(r, &turns[0]) // one that follows another belongs to no conversation
	}
	if sallyport.CodeOf(err) == sallyport.NotFound {
		err = sallyport.NewError(sallyport.PreviousNotFound, "previous_response_id: there is no such response, or what it follows is not stored any more.")
	}
	if err == nil {
		err = ended(turns[len(turns)-1])
	}
	if err != nil {
		return nil, err
	}
	body, err := responses.Follow(asked, turns)
	if err != nil {
		return nil, err
	}
	return again(r, asked, body, "previous_response_id")
}

// ended refuses to go on from a response that is under way.
func ended(t responses.Turn) error {
	_, underWay, err := t.Background()
	if err == nil && underWay {
		err = sallyport.NewError(sallyport.InvalidBody, "previous_response_id: that response is in progress; wait for its end.")
	}
	return err
}

// again reads the body that asked has become by what that field names.
func again(r *request, asked *llm.Request, body []byte, field string) (*llm.Request, error) {
	if len(body) > BodyMax {
		return nil, tooLargeWith(field)
	}
	if err := r.lodger.cover(int64(len(body))); err != nil {
		return nil, err
	}
	r.call.BytesIn = int64(len(body)) // what is priced is what is sent
	return responseDecoder(asked)(body)
}

func tooLargeWith(field string) error {
	return sallyport.NewError(sallyport.InvalidBody, field+": with all that it brings the input is too large.")
}

// responseDecoder is how a request like asked is read.
func responseDecoder(asked *llm.Request) func(body []byte) (*llm.Request, error) {
	if asked.Operation == llm.CountTokens {
		return responses.DecodeCount
	}
	return responses.Decode
}

// resolveItems puts stored items into the places where the client names them by
// their ids, as Vercel's ai does. Those of its conversation are left out: the model
// is told all of that.
func (s *Server) resolveItems(r *request, asked *llm.Request, thread sallyport.Thread) (*llm.Request, error) {
	ids := responses.References(asked)
	switch {
	case len(ids) == 0:
		return asked, nil
	case len(ids) > sallyport.ResponseItems:
		return nil, sallyport.NewError(sallyport.InvalidBody, "input: it names more than "+strconv.Itoa(sallyport.ResponseItems)+" stored items.")
	}
	items, told := make(map[string][]byte, len(ids)), make(map[string]bool)
	size := 0
	for _, id := range ids {
		if _, known := items[id]; !known && !told[id] {
			var err error
			if told[id], err = s.inThread(r, thread, id); err == nil && !told[id] {
				items[id], err = s.storedItem(r, id)
			}
			if err != nil {
				return nil, err
			}
		}
		if size += len(items[id]); size > BodyMax {
			return nil, tooLargeWith("input")
		}
		if err := r.lodger.take(int64(len(items[id]))); err != nil {
			return nil, err
		}
	}
	body, err := responses.Resolve(asked, items, told)
	if err != nil {
		return nil, err
	}
	return again(r, asked, body, "input")
}

// storedItem is what a stored response of the caller has said under that id.
func (s *Server) storedItem(r *request, id string) ([]byte, error) {
	row, err := s.parts.Responses.ResponseOfItem(r.Context(), r.principal.Org, r.principal.User, id, s.responsesSince())
	if sallyport.CodeOf(err) == sallyport.NotFound {
		err = sallyport.NewError(sallyport.InvalidBody, "input: it names an item that is not stored.")
	}
	if err != nil {
		return nil, err
	}
	t, err := s.openResponse(r.Context(), row)
	if err != nil {
		return nil, err
	}
	item, _, err := t.Said(id)
	return item, err
}

// Responses keeps stored responses; *store.DB is the real one.
type Responses interface {
	KeepResponse(ctx context.Context, r sallyport.StoredResponse) error
	// BeginResponse stores one that is made in the background. FinishResponse and
	// CancelResponse end it; Conflict where it has ended.
	BeginResponse(ctx context.Context, r sallyport.StoredResponse, by sallyport.ResponseCall) error
	FinishResponse(ctx context.Context, r sallyport.StoredResponse) error
	CancelResponse(ctx context.Context, r sallyport.StoredResponse, rec sallyport.Record) error
	// BackgroundResponses are those under way in a life of a server, LeftResponses
	// those of lives that have ended, but for that one.
	BackgroundResponses(ctx context.Context, node, boot string) ([]sallyport.ResponseID, error)
	LeftResponses(ctx context.Context, node, boot string, limit int) ([]sallyport.StoredResponse, error)
	// Response and ResponseChain return NotFound for one that is not the user's,
	// was deleted, or was created at since or before.
	Response(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ResponseID, since time.Time) (sallyport.StoredResponse, error)
	// ResponseChain returns the response and all that it follows, the first first.
	ResponseChain(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ResponseID, since time.Time) ([]sallyport.StoredResponse, error)
	// ResponseOfItem returns the newest response that said the item.
	ResponseOfItem(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, item string, since time.Time) (sallyport.StoredResponse, error)
	// TurnsSize is how many bytes a person has in responses created, and in threads
	// added to, after since; for the user "" all that is stored of the organisation.
	TurnsSize(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, since time.Time) (int64, error)
	DeleteResponse(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.ResponseID, at time.Time, rec sallyport.Record) error
}

// turn is a call whose answer follows others, is stored or joins a conversation. The nil turn does nothing.
type turn struct {
	s      *Server
	row    sallyport.StoredResponse // ID "": it is not stored
	thread sallyport.Thread         // of row.Thread
	told   int64                    // the Seq of its last item that the request has
	input  []byte
	enc    *responses.Encoder
	apart  bool       // it is made in the background
	usage  *llm.Usage // of a call that failed, as far as it is known

	tried  bool  // store was called
	failed error // and what became of it
	opened bool  // open has stored it

	room turnsRoom // taken
}

// kept says whether anything of the call stays.
func (t *turn) kept() bool { return t != nil && (t.row.ID != "" || t.row.Thread != "") }

// background says whether the call goes on without its client.
func (t *turn) background() bool { return t != nil && t.apart }

// begin tells the encoder where the response stands.
func (t *turn) begin(enc encoder) {
	if t == nil {
		return
	}
	t.enc = enc.(*responses.Encoder) // whose dialect has turns
	t.enc.Store(responses.Stored{ID: string(t.row.ID), Previous: string(t.row.Previous), Conversation: string(t.row.Thread), Background: t.apart})
}

// take takes the room that its input needs, before a model is asked.
func (t *turn) take(r *request) (err error) {
	if t.kept() {
		t.room, err = t.s.roomForTurn(r, len(t.input))
	}
	return err
}

// leave gives the room back when nothing was stored: the call has failed, or it was a repeat.
func (t *turn) leave() {
	if t.kept() && !t.opened && (!t.tried || t.failed != nil) {
		t.s.turnsSizes.giveBack(t.room)
	}
}

// used notes what a call that failed has used, where that is a fact.
func (t *turn) used(r *request) {
	if t != nil && t.enc != nil && r.call.UsageKnown {
		usage := llm.Usage(r.call.Usage)
		t.usage = &usage
		t.enc.Used(usage)
	}
}

// open stores the response as it is before its end, with the call that makes it.
func (t *turn) open(ctx context.Context, call sallyport.CallID) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	t.row.CreatedAt = t.s.parts.Now()
	if t.row.Content, err = t.s.sealResponse(ctx, t.row, responses.Turn{Input: t.input, Response: t.enc.Begun()}); err != nil {
		return err
	}
	err = t.s.parts.Responses.BeginResponse(ctx, t.row, sallyport.ResponseCall{ID: call, Node: t.s.parts.Audit.Node, Boot: t.s.parts.Audit.Boot})
	t.opened = err == nil
	return err
}

// store makes the response durable, before its client sees the end of it and
// before the answer is kept for a repeat: none may be told of a response that is
// not there. One that cannot be stored ends with an error, though it is charged. It
// is tried once.
func (t *turn) store(ctx context.Context) error {
	if !t.kept() {
		return nil
	}
	if !t.tried {
		t.tried, t.failed = true, t.keep(ctx)
	}
	return t.failed
}

func (t *turn) keep(ctx context.Context) error {
	kept := responses.Turn{Input: t.input, Response: t.enc.Ended(), Thread: string(t.row.Thread), Told: t.told}
	var err error
	if _, t.row.Items, err = kept.Said(""); err != nil {
		return err
	}
	t.row.Items = t.row.Items[:min(len(t.row.Items), sallyport.ResponseItems)]
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	if !t.apart {
		t.row.CreatedAt = t.s.parts.Now()
	}
	if t.row.Thread != "" {
		pieces, err := kept.Pieces()
		if err != nil {
			return err
		}
		if t.row.Said, err = t.s.sealPieces(ctx, t.thread, pieces); err != nil {
			return err
		}
	}
	if t.row.Content, err = t.s.sealResponse(ctx, t.row, kept); err != nil {
		return err
	}
	if t.apart {
		return t.s.parts.Responses.FinishResponse(ctx, t.row)
	}
	return t.s.parts.Responses.KeepResponse(ctx, t.row)
}

func (s *Server) sealResponse(ctx context.Context, row sallyport.StoredResponse, t responses.Turn) ([]byte, error) {
	plain, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	if len(plain) > 2*sallyport.ResponsesSize {
		return nil, sallyport.NewError(sallyport.InvalidBody, "The response is larger than what can be stored.")
	}
	return s.parts.Sealer.Seal(ctx, row.Org, secret.Content, plain, responsePlace(row))
}

// responsePlace binds a sealed response to its row.
func responsePlace(r sallyport.StoredResponse) []byte {
	return []byte("response\x00" + string(r.Org) + "\x00" + string(r.User) + "\x00" + string(r.ID))
}

func newResponseID() sallyport.ResponseID {
	return sallyport.ResponseID("resp_" + strings.ReplaceAll(uuid.NewString(), "-", ""))
}

func (s *Server) responsesSince() time.Time { return s.parts.Now().Add(-sallyport.ResponsesKept) }

// turnsUpTo opens a response of the caller and all that it follows.
func (s *Server) turnsUpTo(r *request, id sallyport.ResponseID) ([]responses.Turn, error) {
	rows, err := s.parts.Responses.ResponseChain(r.Context(), r.principal.Org, r.principal.User, id, s.responsesSince())
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if err := r.lodger.take(int64(len(row.Content))); err != nil {
			return nil, err
		}
	}
	turns := make([]responses.Turn, len(rows))
	for i, row := range rows {
		if turns[i], err = s.openResponse(r.Context(), row); err != nil {
			return nil, err
		}
	}
	return turns, nil
}

func (s *Server) openResponse(ctx context.Context, row sallyport.StoredResponse) (t responses.Turn, err error) {
	plain, err := s.parts.Sealer.Unseal(ctx, row.Org, secret.Content, row.Content, responsePlace(row))
	if err != nil {
		return t, err
	}
	return t, json.Unmarshal(plain, &t)
}

// getResponse answers GET /v1/responses/{id}.
func (s *Server) getResponse(r *request) (any, error) {
	if run, is := responseRun(r.PathValue("response")); is {
		return s.getRunResponse(r, run)
	}
	id := sallyport.ResponseID(r.PathValue("response"))
	if r.URL.Query().Get("stream") == "true" {
		return s.followAgain(r, id)
	}
	t, err := s.responseOf(r, id)
	return t.Response, err
}

// responseOf is a response of the caller, whatever became of those that it follows.
func (s *Server) responseOf(r *request, id sallyport.ResponseID) (t responses.Turn, err error) {
	row, err := s.responseRow(r, id)
	if err != nil {
		return t, err
	}
	return s.openResponse(r.Context(), row)
}

// responseRow is a response of the caller as it is stored, if there is room for it.
func (s *Server) responseRow(r *request, id sallyport.ResponseID) (sallyport.StoredResponse, error) {
	row, err := s.parts.Responses.Response(r.Context(), r.principal.Org, r.principal.User, id, s.responsesSince())
	if err == nil {
		err = r.lodger.take(int64(len(row.Content)))
	}
	return row, err
}

// followAgain streams a response while this process makes it: its events are
// nowhere else.
func (s *Server) followAgain(r *request, id sallyport.ResponseID) (any, error) {
	after := int64(-1)
	if given := r.URL.Query().Get("starting_after"); given != "" {
		var err error
		if after, err = strconv.ParseInt(given, 10, 64); err != nil || after < 0 {
			return nil, sallyport.NewError(sallyport.InvalidBody, "starting_after must be the number of an event.")
		}
	}
	if _, err := s.responseOf(r, id); err != nil {
		return nil, err
	}
	e := s.errands.of(r.principal.Org, r.principal.User, id)
	if e == nil || !e.tape.kept {
		return nil, sallyport.NewError(sallyport.UnsupportedField,
			"stream: a response is streamed while it is made in the background with \"stream\": true, by the server that makes it. Read it without stream.")
	}
	return streams(func(w http.ResponseWriter) error { return s.follow(w, r, e, after) }), nil
}

// The pages of a list of items.
const (
	itemsPage    = 20
	itemsPageMax = 100
)

type inputItems struct {
	Object  string            `json:"object"`
	Data    []json.RawMessage `json:"data"`
	FirstID string            `json:"first_id"`
	LastID  string            `json:"last_id"`
	HasMore bool              `json:"has_more"`
}

// listInputItems answers GET /v1/responses/{id}/input_items: what the model was
// asked, the newest first unless told otherwise. What was erased from its
// conversation since, or with it, is listed no more.
func (s *Server) listInputItems(r *request) (any, error) {
	query := r.URL.Query()
	limit, err := limitOf(query, itemsPage, itemsPageMax)
	if err != nil {
		return nil, err
	}
	turns, err := s.turnsOf(r, r.PathValue("response"))
	if err != nil {
		return nil, err
	}
	if err := s.tell(r, &turns[0]); err != nil && sallyport.CodeOf(err) != sallyport.NotFound {
		return nil, err
	}
	items, err := responses.InputItems(turns)
	if err != nil {
		return nil, err
	}
	if query.Get("order") != "asc" {
		slices.Reverse(items)
	}
	if after := query.Get("after"); after != "" {
		at := slices.IndexFunc(items, func(i responses.Item) bool { return i.ID == after })
		if at < 0 {
			return nil, sallyport.NewError(sallyport.InvalidBody, "after must be the id of an item of this list.")
		}
		items = items[at+1:]
	}
	list := inputItems{Object: "list", Data: []json.RawMessage{}, HasMore: len(items) > limit}
	for i, item := range items[:min(limit, len(items))] {
		if i == 0 {
			list.FirstID = item.ID
		}
		list.LastID = item.ID
		list.Data = append(list.Data, item.JSON)
	}
	return list, nil
}

type deletedResponse struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Deleted bool   `json:"deleted"`
}

// turnsOf are the turns of a response of the caller, a run included.
func (s *Server) turnsOf(r *request, id string) ([]responses.Turn, error) {
	if run, is := responseRun(id); is {
		return s.runTurn(r, run)
	}
	return s.turnsUpTo(r, sallyport.ResponseID(id))
}

// deleteResponse answers DELETE /v1/responses/{id}. The change is recorded with it.
func (s *Server) deleteResponse(w http.ResponseWriter, r *request) error {
	id := r.PathValue("response")
	if run, is := responseRun(id); is {
		return s.refuse(r, s.keptRun(r, run))
	}
	record := s.parts.Audit.Change(&r.call.Call, "response/"+id, nil)
	err := s.parts.Responses.DeleteResponse(r.Context(), r.principal.Org, r.principal.User, sallyport.ResponseID(id), s.parts.Now(), record)
	if err != nil {
		return s.refuse(r, err)
	}
	s.endErrand(sallyport.StoredResponse{Org: r.principal.Org, User: r.principal.User, ID: sallyport.ResponseID(id)})
	r.begun = true
	return writeJSON(w, http.StatusOK, deletedResponse{id, "response", true})
}

// cancelResponse answers POST /v1/responses/{id}/cancel. What can be cancelled is
// made in the background.
func (s *Server) cancelResponse(w http.ResponseWriter, r *request) error {
	if run, is := responseRun(r.PathValue("response")); is {
		return s.cancelRun(w, r, run)
	}
	row, err := s.responseRow(r, sallyport.ResponseID(r.PathValue("response")))
	if err != nil {
		return s.refuse(r, err)
	}
	return s.cancelBackground(w, r, row)
}
