package agent

import (
	"context"
	"slices"
	"time"

	"github.com/sallyport-ai/sallyport"
)

func (m *memory) FindAgents(ctx context.Context, org sallyport.OrgID, f sallyport.AgentFilter) (list []sallyport.AgentSummary, err error) {
	unlock, err := m.lock(ctx, "FindAgents")
	if err != nil {
		return nil, err
	}
	defer unlock()
	for _, a := range slices.Backward(m.agents) {
		seen := f.Viewer == "" || a.Shared || a.Owner == f.Viewer
		if a.Org == org && a.DeletedAt.IsZero() && seen && len(list) < f.Limit {
			list = append(list, sallyport.AgentSummary{Agent: a})
		}
	}
	return list, nil
}

// changeAgent changes one that is not deleted.
func (m *memory) changeAgent(ctx context.Context, method string, org sallyport.OrgID, id sallyport.AgentID, rec sallyport.Record, f func(*sallyport.Agent)) error {
	unlock, err := m.lock(ctx, method)
	if err != nil {
		return err
	}
	defer unlock()
	for i, a := range m.agents {
		if a.Org == org && a.ID == id && a.DeletedAt.IsZero() {
			f(&m.agents[i])
			m.events = append(m.events, rec)
			return nil
		}
	}
	return errNotThere
}

func (m *memory) ShareAgent(ctx context.Context, org sallyport.OrgID, id sallyport.AgentID, shared bool, rec sallyport.Record) error {
	return m.changeAgent(ctx, "ShareAgent", org, id, rec, func(a *sallyport.Agent) { a.Shared = shared })
}

func (m *memory) DeleteAgent(ctx context.Context, org sallyport.OrgID, id sallyport.AgentID, at time.Time, rec sallyport.Record) error {
	return m.changeAgent(ctx, "DeleteAgent", org, id, rec, func(a *sallyport.Agent) { a.DeletedAt = at })
}

func (m *memory) FindRuns(ctx context.Context, org sallyport.OrgID, f sallyport.RunFilter) (list []sallyport.RunSummary, err error) {
	unlock, err := m.lock(ctx, "FindRuns")
	if err != nil {
		return nil, err
	}
	defer unlock()
	for _, r := range slices.Backward(m.runs) {
		if r.Org == org && (f.Agent == "" || r.Agent == f.Agent) && (f.User == "" || r.User == f.User) && len(list) < f.Limit {
			list = append(list, sallyport.RunSummary{Run: r})
		}
	}
	return list, nil
}

func (m *memory) EndedRuns(ctx context.Context, runs []sallyport.Run) (ended []sallyport.RunID, err error) {
	unlock, err := m.lock(ctx, "EndedRuns")
	if err != nil {
		return nil, err
	}
	defer unlock()
	for _, asked := range runs {
		for _, r := range m.runs {
			if r.Org == asked.Org && r.ID == asked.ID && r.Status != sallyport.RunInProgress {
				ended = append(ended, r.ID)
			}
		}
	}
	return ended, nil
}

func (m *memory) BeginRunCall(ctx context.Context, org sallyport.OrgID, c sallyport.RunCall) (n int, err error) {
	unlock, err := m.lock(ctx, "BeginRunCall")
	if err != nil {
		return 0, err
	}
	defer unlock()
	for _, r := range m.runs {
		if r.Org == org && r.ID == c.Run && r.Status != sallyport.RunInProgress {
			return 0, sallyport.NewError(sallyport.Conflict, "the run has ended")
		}
	}
	for i, known := range m.calls {
		if known.Run != c.Run {
			continue
		}
		if known.Call == c.Call {
			return known.N, nil
		}
		if n++; known.EndedAt.IsZero() {
			m.calls[i].EndedAt, m.calls[i].Code = c.BegunAt, sallyport.CallInterrupted
		}
	}
	c.N = n + 1
	m.calls = append(m.calls, c)
	return c.N, nil
}

func (m *memory) EndRunCall(ctx context.Context, _ sallyport.OrgID, c sallyport.RunCall) error {
	unlock, err := m.lock(ctx, "EndRunCall")
	if err != nil {
		return err
	}
	defer unlock()
	m.endCall(c)
	return nil
}

func (m *memory) endCall(c sallyport.RunCall) {
	for i, known := range m.calls {
		if known.Run != c.Run || known.Call != c.Call {
			continue
		}
		m.calls[i].Charge, m.calls[i].Usage = c.Charge, c.Usage
		if known.EndedAt.IsZero() {
			m.calls[i].EndedAt, m.calls[i].Code = c.EndedAt, c.Code
		}
	}
}

func (m *memory) RunCalls(ctx context.Context, _ sallyport.OrgID, run sallyport.RunID) (list []sallyport.RunCall, err error) {
	unlock, err := m.lock(ctx, "RunCalls")
	if err != nil {
		return nil, err
	}
	defer unlock()
	for _, c := range m.calls {
		if c.Run == run {
			list = append(list, c)
		}
	}
	return list, nil
}

func (m *memory) SaveRunStep(ctx context.Context, _ sallyport.OrgID, step sallyport.RunStep, charge sallyport.Credits, usage sallyport.Usage) error {
	unlock, err := m.lock(ctx, "SaveRunStep")
	if err != nil {
		return err
	}
	defer unlock()
	m.endCall(sallyport.RunCall{Run: step.Run, Call: step.Call, EndedAt: step.EndedAt, Charge: charge, Usage: usage})
	for _, s := range m.steps {
		if s.Run == step.Run && s.Index == step.Index {
			return nil
		}
	}
	m.steps = append(m.steps, step)
	return nil
}
