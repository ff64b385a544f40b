package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/policy"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// PolicyStore keeps versions and drafts of policies; *store.DB is the real one.
type PolicyStore interface {
	PublishPolicy(ctx context.Context, org sallyport.OrgID, kind, subject string, v sallyport.PolicyVersion, base int64, rec sallyport.Record) (int64, error)
	PolicyVersions(ctx context.Context, org sallyport.OrgID, kind, subject string, before int64, limit int) ([]sallyport.PolicyVersion, error)
	PolicyVersion(ctx context.Context, org sallyport.OrgID, kind, subject string, number int64) (sallyport.PolicyVersion, error)
	SaveDraft(ctx context.Context, org sallyport.OrgID, kind, subject string, d sallyport.PolicyDraft, rec sallyport.Record) (int64, error)
	Draft(ctx context.Context, org sallyport.OrgID, kind, subject string) (sallyport.PolicyDraft, error)
	Drafts(ctx context.Context, org sallyport.OrgID, kind string) ([]string, error)
	Policies(ctx context.Context, org sallyport.OrgID, kind string) (map[string][]byte, error)
	DropDraft(ctx context.Context, org sallyport.OrgID, kind, subject string, rec sallyport.Record) error
}

// dlpSample is a text of which the policy's author knows what must become. All
// run before each publishing, so that their number and size have bounds.
type dlpSample struct {
	Name   string `json:"name" minLength:"1" maxLength:"100"`
	Text   string `json:"text" maxLength:"16384"`
	Expect string `json:"expect" enum:"pass,hide,block" doc:"pass: it goes out as it is; hide: something in it is hidden; block: it does not go out"`
}

// sampleResult is what became of a sample.
type sampleResult struct {
	Name   string   `json:"name"`
	Expect string   `json:"expect"`
	Got    string   `json:"got" enum:"pass,hide,block"`
	OK     bool     `json:"ok"`
	Types  []string `json:"types" doc:"What was found in it"`
}

type dlpDraftView struct {
	Policy   dlp.Policy  `json:"policy"`
	Samples  []dlpSample `json:"samples" maxItems:"50"`
	Saved    bool        `json:"saved" readOnly:"true" doc:"false: nobody works on it, this is what is in force"`
	Base     int64       `json:"base" readOnly:"true" doc:"Number of the version that it began from"`
	Revision int64       `json:"revision" doc:"As it was loaded: saving is refused when somebody else has saved meanwhile"`
	By       string      `json:"by,omitempty" readOnly:"true"`
	At       *time.Time  `json:"at,omitempty" readOnly:"true"`
}

// The query of a change is written out again: huma does not see what is embedded.
type dlpDraftRequest struct {
	Model string `query:"model" doc:"A model's id; absent: the organisation's policy"`
	Body  dlpDraftView
}

type publishRequest struct {
	Model string `query:"model" doc:"A model's id; absent: the organisation's policy"`
	Body  struct {
		Revision int64  `json:"revision" doc:"Of the draft that is meant"`
		Note     string `json:"note,omitempty" maxLength:"500"`
	}
}

type publishView struct {
	Number  int64          `json:"number,omitempty" doc:"Of the new version"`
	OK      bool           `json:"ok" doc:"false: a sample failed, and nothing was published"`
	Samples []sampleResult `json:"samples"`
}

func (s *Server) controlDLPDrafts(api huma.API) {
	huma.Register(api, operation("getDLPDraft", "dlp.draft", http.MethodGet, "/dlp/draft", "The draft of a policy, or what is in force"),
		func(ctx context.Context, in *dlpQuery) (*body[dlpDraftView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (dlpDraftView, error) { return s.dlpDraft(ctx, p, in.Model) }))
		})
	huma.Register(api, operation("saveDLPDraft", "dlp.save_draft", http.MethodPut, "/dlp/draft", "Save a draft; calls are held to what is published"),
		func(ctx context.Context, in *dlpDraftRequest) (*body[dlpDraftView], error) {
			return reply(change(s, ctx, func(p sallyport.Principal) (dlpDraftView, error) { return s.saveDLPDraft(ctx, p, in) }))
		})
	huma.Register(api, operation("dropDLPDraft", "dlp.drop_draft", http.MethodDelete, "/dlp/draft", "Throw a draft away"),
		func(ctx context.Context, in *dlpQuery) (*struct{}, error) {
			return change(s, ctx, func(p sallyport.Principal) (*struct{}, error) {
				return nil, s.parts.Control.DropDraft(ctx, p.Org, policy.KindDLP, in.Model, s.event(ctx, "policy/dlp/"+in.Model, nil))
			})
		})
	huma.Register(api, operation("publishDLP", "dlp.publish", http.MethodPost, "/dlp/publish", "Run the samples, and put the draft in force when all are as expected"),
		func(ctx context.Context, in *publishRequest) (*body[publishView], error) {
			return reply(change(s, ctx, func(p sallyport.Principal) (publishView, error) { return s.publishDLP(ctx, p, in) }))
		})
}

func (s *Server) dlpDraft(ctx context.Context, p sallyport.Principal, model string) (dlpDraftView, error) {
	inForce, err := s.policyInForce(ctx, p.Org, model) // which wants a model that there is
	if err != nil {
		return dlpDraftView{}, err
	}
	d, err := s.parts.Control.Draft(ctx, p.Org, policy.KindDLP, model)
	if sallyport.CodeOf(err) == sallyport.NotFound {
		return s.freshDraft(ctx, p, model, inForce)
	}
	if err != nil {
		return dlpDraftView{}, err
	}
	view := dlpDraftView{Saved: true, Base: d.Base, Revision: d.Revision, At: timeOrNil(d.At)}
	if view.Policy, err = dlp.ParsePolicy(d.Body); err != nil {
		return view, fmt.Errorf("stored draft of %q: %w", model, err)
	}
	n, err := s.namesOf(ctx, p.Org, userResource(d.User))
	if err != nil {
		return view, err
	}
	view.By = n.Of("user", string(d.User))
	view.Samples, err = s.openSamples(ctx, p.Org, model, d.Samples)
	return view, err
}

// freshDraft is what is in force, with the samples that it was published with.
func (s *Server) freshDraft(ctx context.Context, p sallyport.Principal, model string, inForce dlp.Policy) (dlpDraftView, error) {
	view := dlpDraftView{Policy: inForce, Samples: []dlpSample{}}
	newest, err := s.parts.Control.PolicyVersions(ctx, p.Org, policy.KindDLP, model, 0, 1)
	if err != nil || len(newest) == 0 {
		return view, err
	}
	view.Base = newest[0].Number
	view.Samples, err = s.openSamples(ctx, p.Org, model, newest[0].Samples)
	return view, err
}

func (s *Server) saveDLPDraft(ctx context.Context, p sallyport.Principal, in *dlpDraftRequest) (dlpDraftView, error) {
	checked, err := checkedPolicy(in.Body.Policy)
	if err != nil {
		return dlpDraftView{}, err
	}
	now, err := s.dlpDraft(ctx, p, in.Model)
	if err != nil {
		return dlpDraftView{}, err
	}
	body, err := json.Marshal(checked)
	if err != nil {
		return dlpDraftView{}, err
	}
	sealed, err := s.sealSamples(ctx, p.Org, in.Model, in.Body.Samples)
	if err != nil {
		return dlpDraftView{}, err
	}
	_, err = s.parts.Control.SaveDraft(ctx, p.Org, policy.KindDLP, in.Model, sallyport.PolicyDraft{
		Body: body, Samples: sealed, Base: now.Base, Revision: in.Body.Revision, User: p.User, At: s.parts.Now(),
	}, s.event(ctx, "policy/dlp/"+in.Model, map[string]any{"draft": checked.Version(), "samples": len(in.Body.Samples)}))
	if err != nil {
		return dlpDraftView{}, err
	}
	return s.dlpDraft(ctx, p, in.Model)
}

// publishDLP is refused, as a Conflict, for a draft that was changed or for which
// another version came between. Where a sample fails nothing is published, which
// is recorded as well.
func (s *Server) publishDLP(ctx context.Context, p sallyport.Principal, in *publishRequest) (publishView, error) {
	d, err := s.dlpDraft(ctx, p, in.Model)
	if err != nil {
		return publishView{}, err
	}
	if !d.Saved || d.Revision != in.Body.Revision {
		return publishView{}, sallyport.NewError(sallyport.Conflict, "the draft is another one by now: load it again")
	}
	view := publishView{OK: true}
	if view.Samples, err = s.runSamples(ctx, p.Org, d.Policy, d.Samples); err != nil {
		return publishView{}, err
	}
	var failed []string
	for _, r := range view.Samples {
		if !r.OK {
			view.OK, failed = false, append(failed, r.Name)
		}
	}
	if !view.OK {
		return view, s.record(ctx, p.Org, s.event(ctx, "policy/dlp/"+in.Model, map[string]any{"published": false, "samples_failed": len(failed)}))
	}
	view.Number, err = s.publish(ctx, p, in.Model, d, in.Body.Note)
	return view, err
}

func (s *Server) publish(ctx context.Context, p sallyport.Principal, model string, d dlpDraftView, note string) (int64, error) {
	before, err := s.policyInForce(ctx, p.Org, model)
	if err != nil {
		return 0, err
	}
	body, err := json.Marshal(d.Policy)
	if err != nil {
		return 0, err
	}
	sealed, err := s.sealSamples(ctx, p.Org, model, d.Samples)
	if err != nil {
		return 0, err
	}
	v := sallyport.PolicyVersion{Body: body, Samples: sealed, Note: strings.TrimSpace(note), User: p.User, At: s.parts.Now()}
	return s.parts.Control.PublishPolicy(ctx, p.Org, policy.KindDLP, model, v, d.Base,
		s.event(ctx, "policy/dlp/"+model, map[string]string{"before": before.Version(), "after": d.Policy.Version()}))
}

// runSamples tries the policy on its samples.
func (s *Server) runSamples(ctx context.Context, org sallyport.OrgID, p dlp.Policy, samples []dlpSample) ([]sampleResult, error) {
	plan := s.parts.Engine.Plan(p)
	mac := func(data []byte) ([]byte, error) { return s.parts.Sealer.MAC(ctx, org, secret.DLPToken, data) }
	results := make([]sampleResult, 0, len(samples))
	for _, sample := range samples {
		trial, err := plan.Try(sample.Text, nil, mac)
		if err != nil {
			return nil, err
		}
		r := sampleResult{Name: sample.Name, Expect: sample.Expect, Got: "pass", Types: []string{}}
		switch {
		case trial.Refused != "":
			r.Got = "block"
		case trial.Sent != sample.Text:
			r.Got = "hide"
		}
		for _, j := range trial.Found {
			r.Types = append(r.Types, j.Type)
		}
		r.OK = r.Got == r.Expect
		results = append(results, r)
	}
	return results, nil
}

// checkedPolicy is a policy that came as JSON of its own form, read as strictly
// as one in a file.
func checkedPolicy(p dlp.Policy) (dlp.Policy, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return dlp.Policy{}, err
	}
	checked, err := dlp.ParsePolicy(body)
	if err != nil {
		return dlp.Policy{}, sallyport.WrapError(sallyport.InvalidBody, err.Error(), err)
	}
	return checked, nil
}

// Samples are what people write who look for sensitive values: they are sealed.
func samplesOf(org sallyport.OrgID, model string) []byte {
	return []byte(string(org) + "/policy/dlp/" + model)
}

func (s *Server) sealSamples(ctx context.Context, org sallyport.OrgID, model string, samples []dlpSample) ([]byte, error) {
	if len(samples) == 0 {
		return nil, nil
	}
	plain, err := json.Marshal(samples)
	if err != nil {
		return nil, err
	}
	return s.parts.Sealer.Seal(ctx, org, secret.Content, plain, samplesOf(org, model))
}

func (s *Server) openSamples(ctx context.Context, org sallyport.OrgID, model string, sealed []byte) ([]dlpSample, error) {
	samples := []dlpSample{}
	if len(sealed) == 0 {
		return samples, nil
	}
	plain, err := s.parts.Sealer.Unseal(ctx, org, secret.Content, sealed, samplesOf(org, model))
	if err != nil {
		return nil, errors.Join(errors.New("the samples of a policy cannot be opened"), err)
	}
	return samples, json.Unmarshal(plain, &samples)
}
