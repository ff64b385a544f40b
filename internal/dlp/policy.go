package dlp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Bounds of a policy. A policy is read for each call.
const (
	PolicyBytesMax = 1 << 20
	AllowMax       = 10_000 // values of Allow
	ToolsMax       = 1_000  // names of TrustedTools
)

// Policy says what happens to what the engine finds. Its zero value enforces
// nothing but the refusal of unreadable files; start from DefaultPolicy.
type Policy struct {
	// Mode is "enforce", "observe" or "off"; "" means "enforce".
	Mode string `json:"mode"`
	// In and Out give the action for requests and for answers, by type
	// ("EMAIL_ADDRESS"), by category ("secret") or for all ("*"). A type is
	// stronger than its category, which is stronger than "*"; what is not named
	// is kept.
	In  map[string]Action `json:"in"`
	Out map[string]Action `json:"out"`
	// Allow lists exact values that are let through, whatever their type.
	Allow []string `json:"allow"`
	// TrustedTools names the tools whose arguments get their values back; "*" is
	// every tool. Others get the placeholders.
	TrustedTools []string `json:"trusted_tools"`
	// Unreadable is "block" or "allow", for files that cannot be scanned; "" means "block".
	Unreadable string `json:"unreadable"`
}

// DefaultPolicy is the policy of a new organisation: everything that is found in
// a request goes out as a placeholder and comes back as the value; secrets that
// a model writes are redacted.
func DefaultPolicy() Policy {
	return Policy{
		Mode:       Enforce,
		In:         map[string]Action{"*": Tokenize},
		Out:        map[string]Action{CategorySecret: Redact, "*": Keep},
		Unreadable: UnreadableBlock,
	}
}

// ParsePolicy reads a policy strictly: unknown fields, actions, types and modes
// are refused with a sentence that names them. Fields that are left out mean
// what Policy says of "" and of the missing.
func ParsePolicy(body []byte) (Policy, error) {
	if len(body) > PolicyBytesMax {
		return Policy{}, fmt.Errorf("the policy is larger than %d bytes", PolicyBytesMax)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	var p Policy
	if err := dec.Decode(&p); err != nil {
		return Policy{}, fmt.Errorf("the policy is not valid: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Policy{}, errors.New("the policy is followed by other text")
	}
	if err := p.check(); err != nil {
		return Policy{}, err
	}
	return p.normal(), nil
}

func (p Policy) check() error {
	switch p.Mode {
	case "", Enforce, Observe, Off:
	default:
		return fmt.Errorf("mode %q is not known; use enforce, observe or off", p.Mode)
	}
	switch p.Unreadable {
	case "", UnreadableBlock, UnreadableAllow:
	default:
		return fmt.Errorf("unreadable %q is not known; use block or allow", p.Unreadable)
	}
	if err := checkRules("in", p.In); err != nil {
		return err
	}
	if err := checkRules("out", p.Out); err != nil {
		return err
	}
	if len(p.Allow) > AllowMax {
		return fmt.Errorf("allow has more than %d values", AllowMax)
	}
	if len(p.TrustedTools) > ToolsMax {
		return fmt.Errorf("trusted_tools has more than %d names", ToolsMax)
	}
	return nil
}

func checkRules(direction string, rules map[string]Action) error {
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if !knownName(name) {
			return fmt.Errorf("%s names %q, which is neither a type nor a category nor \"*\"", direction, name)
		}
		action := rules[name]
		if action.strength() == 0 {
			return fmt.Errorf("%s has the unknown action %q for %s; use keep, tokenize, redact or block", direction, action, name)
		}
		if direction == "out" && action == Tokenize {
			return fmt.Errorf("out cannot tokenize %s: nothing would turn the placeholder back; use redact or block", name)
		}
	}
	return nil
}

// normal fills in what "" means and gives equal policies equal fields.
func (p Policy) normal() Policy {
	if p.Mode == "" {
		p.Mode = Enforce
	}
	if p.Unreadable == "" {
		p.Unreadable = UnreadableBlock
	}
	p.Allow = sortedSet(p.Allow)
	p.TrustedTools = sortedSet(p.TrustedTools)
	return p
}

func sortedSet(words []string) []string {
	words = slices.Clone(words)
	slices.Sort(words)
	return slices.Compact(words)
}

// versionLen is the length of a policy's version: enough that two policies of an
// organisation do not share one, short enough for a log line.
const versionLen = 12

// Version is a short hash of the policy: equal policies have equal versions.
func (p Policy) Version() string {
	n := p.normal()
	canonical, err := json.Marshal(struct {
		Mode                string
		In, Out             map[string]Action
		Allow, TrustedTools []string
		Unreadable          string
	}{n.Mode, notNil(n.In), notNil(n.Out), n.Allow, n.TrustedTools, n.Unreadable})
	if err != nil {
		panic("dlp: a policy has no JSON: " + err.Error()) // strings and maps of strings always have
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])[:versionLen]
}

func notNil(rules map[string]Action) map[string]Action {
	if rules == nil {
		return map[string]Action{}
	}
	return rules
}

// Strictest joins two policies: for each type the stronger action, the stronger
// mode, and only those values and tools that both let through.
func Strictest(a, b Policy) Policy {
	a, b = a.normal(), b.normal()
	p := Policy{
		Mode:         a.Mode,
		In:           strictestRules(a.In, b.In),
		Out:          strictestRules(a.Out, b.Out),
		Allow:        common(a.Allow, b.Allow),
		TrustedTools: commonTools(a.TrustedTools, b.TrustedTools),
		Unreadable:   a.Unreadable,
	}
	if modeStrength(b.Mode) > modeStrength(a.Mode) {
		p.Mode = b.Mode
	}
	if b.Unreadable == UnreadableBlock {
		p.Unreadable = UnreadableBlock
	}
	return p
}

// hiding is the policy of Plan.Hiding. A policy that hides nothing itself may
// name nothing; then what is hidden is what the default hides. Values that went
// out as they are may come back, so that both directions are as strict.
func (p Policy) hiding() Policy {
	h := p.normal()
	if h.Mode != Enforce {
		h = Strictest(h, DefaultPolicy())
		h.Out = strictestRules(h.In, h.Out)
	}
	h.Mode, h.Unreadable, h.Allow = Enforce, UnreadableAllow, p.Allow
	h.In, h.Out = unblocked(h.In), unblocked(h.Out)
	return h
}

// unblocked redacts where rules block.
func unblocked(rules map[string]Action) map[string]Action {
	soft := maps.Clone(rules)
	for name, action := range soft {
		if action == Block {
			soft[name] = Redact
		}
	}
	return soft
}

// strictestRules needs only the names that either side uses: a type that neither
// names gets its action from the same category or "*" on both sides.
func strictestRules(a, b map[string]Action) map[string]Action {
	joined := make(map[string]Action, len(a)+len(b))
	for _, rules := range []map[string]Action{a, b} {
		for name := range rules {
			joined[name] = stronger(actionFor(a, name), actionFor(b, name))
		}
	}
	return joined
}

func common(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

func commonTools(a, b []string) []string {
	if slices.Contains(a, "*") {
		return b
	}
	if slices.Contains(b, "*") {
		return a
	}
	return common(a, b)
}

// actionFor is the action that rules give to a type, a category or "*".
func actionFor(rules map[string]Action, name string) Action {
	if action, named := rules[name]; named {
		return action
	}
	if action, named := rules[CategoryOf(name)]; named {
		return action
	}
	if action, named := rules["*"]; named {
		return action
	}
	return Keep
}
