package server

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
)

// SearchStore keeps searches of the trail for members; *store.DB is the real one.
type SearchStore interface {
	SaveSearch(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, search sallyport.SavedSearch, rec sallyport.Record) error
	SavedSearches(ctx context.Context, org sallyport.OrgID, user sallyport.UserID) ([]sallyport.SavedSearch, error)
	DeleteSearch(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id string, rec sallyport.Record) error
}

// searchParts are what a saved search may have: the parts of RecordQuery.
// Range is for a time that goes on, such as 24h.
type searchParts struct {
	Phase    string `json:"phase,omitempty" maxLength:"200"`
	Action   string `json:"action,omitempty" maxLength:"200"`
	Outcome  string `json:"outcome,omitempty" maxLength:"200"`
	Code     string `json:"code,omitempty" maxLength:"200"`
	Key      string `json:"key,omitempty" maxLength:"200"`
	Model    string `json:"model,omitempty" maxLength:"200"`
	Call     string `json:"call,omitempty" maxLength:"200"`
	Request  string `json:"request,omitempty" maxLength:"200"`
	Resource string `json:"resource,omitempty" maxLength:"200"`
	Run      string `json:"run,omitempty" maxLength:"200"`
	Address  string `json:"address,omitempty" maxLength:"200"`
	Actor    string `json:"actor,omitempty" maxLength:"200"`
	Route    string `json:"route,omitempty" maxLength:"200"`
	Finding  string `json:"finding,omitempty" maxLength:"200"`
	Since    string `json:"since,omitempty" maxLength:"40"`
	Until    string `json:"until,omitempty" maxLength:"40"`
	Range    string `json:"range,omitempty" maxLength:"10" doc:"Instead of since and until: so long before now, such as 24h or 7d"`
}

type savedSearchView struct {
	ID        string      `json:"id"`
	Name      string      `json:"name"`
	Query     searchParts `json:"query"`
	CreatedAt time.Time   `json:"created_at"`
}

type saveSearchRequest struct {
	Body struct {
		Name  string      `json:"name" minLength:"1" maxLength:"100"`
		Query searchParts `json:"query"`
	}
}

type savedSearchPath struct {
	ID string `path:"id"`
}

// controlSearches keeps searches. They are the member's own: records tell that one
// was kept, not what is searched for.
func (s *Server) controlSearches(api huma.API) {
	huma.Register(api, operation("listSavedSearches", "audit.searches", http.MethodGet, "/audit/searches", "List your saved searches of the trail"),
		func(ctx context.Context, _ *struct{}) (*body[[]savedSearchView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) ([]savedSearchView, error) { return s.savedSearches(ctx, p) }))
		})
	huma.Register(api, operation("saveSearch", "audit.save_search", http.MethodPost, "/audit/searches", "Save a search of the trail"),
		func(ctx context.Context, in *saveSearchRequest) (*body[savedSearchView], error) {
			return reply(attempt(s, ctx, func(p sallyport.Principal) (savedSearchView, error) { return s.saveSearch(ctx, p, in) }))
		})
	huma.Register(api, operation("deleteSavedSearch", "audit.delete_search", http.MethodDelete, "/audit/searches/{id}", "Delete one of your saved searches"),
		func(ctx context.Context, in *savedSearchPath) (*struct{}, error) {
			return attempt(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.parts.Control.DeleteSearch(ctx, p.Org, p.User, in.ID, s.event(ctx, "search/"+in.ID, nil))
			})
		})
}

func (s *Server) savedSearches(ctx context.Context, p sallyport.Principal) ([]savedSearchView, error) {
	all, err := s.parts.Control.SavedSearches(ctx, p.Org, p.User)
	views := make([]savedSearchView, 0, len(all))
	for _, search := range all {
		v := savedSearchView{ID: search.ID, Name: search.Name, CreatedAt: search.CreatedAt.UTC()}
		if err := json.Unmarshal(search.Query, &v.Query); err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, err
}

func (s *Server) saveSearch(ctx context.Context, p sallyport.Principal, in *saveSearchRequest) (savedSearchView, error) {
	query, err := json.Marshal(in.Body.Query)
	if err != nil {
		return savedSearchView{}, err
	}
	search := sallyport.SavedSearch{ID: uuid.Must(uuid.NewV7()).String(), Name: in.Body.Name, Query: query, CreatedAt: s.parts.Now()}
	err = s.parts.Control.SaveSearch(ctx, p.Org, p.User, search, s.event(ctx, "search/"+search.ID, nil))
	return savedSearchView{search.ID, search.Name, in.Body.Query, search.CreatedAt.UTC()}, err
}
