package access

import (
	"cmp"
	"slices"
	"sync"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"

	"github.com/sallyport-ai/sallyport"
)

// facts are all that a decision depends on: equal facts have equal decisions.
type facts struct {
	action   string
	role     sallyport.Role
	stranger bool // the thing belongs to another organisation
	mine     bool
	shared   Sharing
	inGroups bool
	thing    Standing // of the model, integration or tool
	agents   Standing
	files    Standing
	keys     Standing
}

func factsOf(c Caller, action string, r Resource) facts {
	return facts{
		action: action, role: c.Role,
		stranger: r.Org == "" || r.Org != c.Org,
		mine:     r.Owner != "" && r.Owner == c.User,
		shared:   r.Sharing,
		inGroups: len(c.Groups) > 0,
		thing:    c.thing(action, r).Standing,
		agents:   c.feature(AgentCreation).Standing,
		files:    c.feature(FileUpload).Standing,
		keys:     c.feature(APIKeyAccess).Standing,
	}
}

// keptMax bounds the decisions that are kept. There are some hundred different
// ones in practice; past the bound they are computed anew.
const keptMax = 20_000

// kept has the decisions by their facts.
var kept struct {
	sync.RWMutex
	decisions map[facts]Decision
}

func decide(f facts) Decision {
	kept.RLock()
	d, found := kept.decisions[f]
	kept.RUnlock()
	if found {
		return d
	}
	d = compiled().decide(f)
	if !slices.Contains(compiled().actions, f.action) {
		return d // anybody could ask for any name
	}
	kept.Lock()
	defer kept.Unlock()
	if kept.decisions == nil {
		kept.decisions = make(map[facts]Decision)
	}
	if len(kept.decisions) < keptMax {
		kept.decisions[f] = d
	}
	return d
}

// The policies see no names of anybody: only whether they are the caller's.
var (
	caller   = cedar.NewEntityUID("Member", "caller")
	nobody   = cedar.NewEntityUID("Member", "somebody else")
	home     = cedar.NewEntityUID("Organisation", "home")
	abroad   = cedar.NewEntityUID("Organisation", "another")
	resource = cedar.NewEntityUID("Resource", "it")
)

// decide asks the policies. A policy that cannot be evaluated denies: it may be
// the one that forbids.
func (b *book) decide(f facts) Decision {
	allowed, why := cedar.Authorize(b.policies, f.entities(), cedar.Request{
		Principal: caller, Action: cedar.NewEntityUID("Action", cedar.String(f.action)), Resource: resource, Context: f.context(),
	})
	d := Decision{Allowed: bool(allowed), Reason: "No policy permits it.", facts: f}
	if len(why.Errors) > 0 {
		return Decision{Policy: string(why.Errors[0].PolicyID), Reason: "The policy could not be evaluated.", facts: f}
	}
	if len(why.Reasons) > 0 {
		first := slices.MinFunc(why.Reasons, func(a, b cedar.DiagnosticReason) int { return cmp.Compare(a.Position.Line, b.Position.Line) })
		d.Policy, d.Reason = string(first.PolicyID), b.reasons[first.PolicyID]
	}
	return d
}

func (f facts) entities() types.EntityMap {
	owner, org := nobody, home
	if f.mine {
		owner = caller
	}
	if f.stranger {
		org = abroad
	}
	shared := cedar.String(f.shared)
	if f.shared == Private {
		shared = "no"
	}
	entities := types.EntityMap{
		caller: {UID: caller, Parents: cedar.NewEntityUIDSet(roleUID(f.role)),
			Attributes: cedar.NewRecord(cedar.RecordMap{"organisation": home})},
		resource: {UID: resource, Attributes: cedar.NewRecord(cedar.RecordMap{
			"organisation": org, "owner": owner, "shared": shared,
		})},
	}
	for lower, role := range roles[1:] {
		entities[roleUID(role)] = cedar.Entity{UID: roleUID(role), Parents: cedar.NewEntityUIDSet(roleUID(roles[lower]))}
	}
	return entities
}

// roles from least to most: each has all that the one before it has.
var roles = []sallyport.Role{sallyport.RoleUser, sallyport.RoleAgentCreator, sallyport.RoleAdministrator}

func roleUID(role sallyport.Role) cedar.EntityUID {
	return cedar.NewEntityUID("Role", cedar.String(role))
}

func (f facts) context() cedar.Record {
	return cedar.NewRecord(cedar.RecordMap{
		"in_groups":                 cedar.Boolean(f.inGroups),
		"thing":                     cedar.String(f.thing),
		cedar.String(AgentCreation): cedar.String(f.agents),
		cedar.String(FileUpload):    cedar.String(f.files),
		cedar.String(APIKeyAccess):  cedar.String(f.keys),
	})
}
