package access

import (
	_ "embed"
	"fmt"
	"slices"
	"sync"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

//go:embed policies.cedar
var text []byte

// Text is the policies as they are written.
func Text() string { return string(text) }

// Known lists every action that a policy permits to somebody.
func Known() []string { return slices.Clone(compiled().actions) }

// book is the compiled policies. It does not change.
type book struct {
	policies *cedar.PolicySet
	reasons  map[cedar.PolicyID]string
	actions  []string // sorted
}

// compiled is made at the first question. The text is part of the program and
// is read by every test: that it cannot be compiled is a bug.
var compiled = sync.OnceValue(func() *book {
	b, err := compile(text)
	if err != nil {
		panic(err)
	}
	return b
})

func compile(text []byte) (*book, error) {
	list, err := cedar.NewPolicyListFromBytes("policies.cedar", text)
	if err != nil {
		return nil, err
	}
	b := &book{policies: cedar.NewPolicySet(), reasons: make(map[cedar.PolicyID]string)}
	for _, p := range list {
		if err := b.add(p); err != nil {
			return nil, fmt.Errorf("policies.cedar:%d: %w", p.Position().Line, err)
		}
	}
	slices.Sort(b.actions)
	b.actions = slices.Compact(b.actions)
	return b, nil
}

func (b *book) add(p *cedar.Policy) error {
	id, reason := cedar.PolicyID(p.Annotations()["id"]), string(p.Annotations()["reason"])
	if id == "" || reason == "" {
		return fmt.Errorf("a policy needs @id and @reason")
	}
	if !b.policies.Add(id, p) {
		return fmt.Errorf("there are two policies %q", id)
	}
	b.reasons[id] = reason
	named, err := actionsOf(p)
	if err == nil && p.Effect() == cedar.Permit {
		b.actions = append(b.actions, named...)
	}
	return err
}

// actionsOf are the actions that a policy names. A permit must name them: one
// for whatever comes would be no deny by default.
func actionsOf(p *cedar.Policy) (names []string, err error) {
	var named []cedar.EntityUID
	switch scope := p.AST().Action.(type) {
	case ast.ScopeTypeEq:
		named = append(named, scope.Entity)
	case ast.ScopeTypeInSet:
		named = scope.Entities
	default:
		if p.Effect() == cedar.Permit {
			return nil, fmt.Errorf("a permit names its actions one by one")
		}
	}
	for _, uid := range named {
		if uid.Type != "Action" {
			return nil, fmt.Errorf("%s is no action", uid)
		}
		names = append(names, string(uid.ID))
	}
	return names, nil
}
