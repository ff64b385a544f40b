package dlp

import "sync"

// Plan is a policy made ready for use: what to look for, and what to do with
// each type. Making one costs far more than a short call's whole screening, so
// who screens many calls keeps it. It does not change and is safe for
// concurrent use.
type Plan struct {
	engine      *Engine
	policy      Policy
	version     string
	allow       map[string]bool
	in, out     *wanted
	inDo, outDo []Action // by type
	hiding      func() *Plan
}

// Plan makes the policy ready.
func (e *Engine) Plan(p Policy) *Plan {
	p = p.normal()
	plan := &Plan{engine: e, policy: p, version: p.Version()}
	plan.inDo, plan.in = e.actions(p.In)
	plan.outDo, plan.out = e.actions(p.Out)
	if len(p.Allow) > 0 {
		plan.allow = make(map[string]bool, len(p.Allow))
		for _, value := range p.Allow {
			plan.allow[value] = true
		}
	}
	plan.hiding = sync.OnceValue(func() *Plan { return e.Plan(p.hiding()) })
	return plan
}

// Hiding returns the plan for what is kept of calls that p binds. It is as p,
// but it hides what it finds where p only observes, or is off, and it ends
// nothing where p blocks: it redacts. What its screen makes of an answer has no
// value that it did not see in that answer.
func (p *Plan) Hiding() *Plan { return p.hiding() }

// Policy returns what the plan was made of.
func (p *Plan) Policy() Policy { return p.policy }

// Screen makes the screen of one call. mac is a keyed hash whose first five
// bytes name the key: a marker, then four bytes of id; the tag of 16 bytes or more
// follows. Values have the same placeholders in all calls of one scope, and others
// in another.
func (p *Plan) Screen(mac func([]byte) ([]byte, error), scope string) *Screen {
	s := &Screen{Plan: p, mac: mac, scope: scope}
	s.result.Mode = p.policy.Mode
	s.result.PolicyVersion = p.version
	return s
}

// actions gives each type its action, and the types that have to be looked for.
func (e *Engine) actions(rules map[string]Action) ([]Action, *wanted) {
	do := make([]Action, len(types))
	byCategory := make(map[string]Action)
	for i, t := range types {
		action, named := rules[t.Name]
		if !named {
			if action, named = byCategory[t.Category]; !named {
				action = actionFor(rules, t.Name)
				byCategory[t.Category] = action
			}
		}
		do[i] = action
	}
	want := newWanted(func(id typeID) bool { return do[id] != Keep })
	return do, want
}
