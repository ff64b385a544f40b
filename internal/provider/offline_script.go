package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// offlineScriptMax bounds a script, which is read whole at the start.
const offlineScriptMax = 4 << 20

// offlineRule is one entry of a script: when it applies, and what then happens.
type offlineRule struct {
	Match pattern `yaml:"match"` // of the last text of the user; none: any
	Model string  `yaml:"model"` // the model's target at the provider; "": any

	// One of these four, or Cut alone, which then cuts the built-in answer.

	Reply    *string       `yaml:"reply"`
	Chunks   []string      `yaml:"chunks"` // a reply in these pieces
	ToolCall *offlineCall  `yaml:"tool_call"`
	Error    *offlineError `yaml:"error"`

	Delay delay `yaml:"delay"` // before anything of the answer comes
	Cut   *int  `yaml:"cut"`   // the stream breaks after so many pieces
}

// offlineCall makes the model ask for a tool.
type offlineCall struct {
	Name      string         `yaml:"name"`
	Arguments map[string]any `yaml:"arguments"`
}

// offlineError makes the provider answer with an error.
type offlineError struct {
	Status     int    `yaml:"status"`
	Message    string `yaml:"message"`     // put into an error of the chat dialect
	Body       string `yaml:"body"`        // sent as it is
	RetryAfter int    `yaml:"retry_after"` // seconds
}

// readOfflineScript reads and checks the script at path. Every error names the line.
func readOfflineScript(path string) ([]offlineRule, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("offline script: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, offlineScriptMax+1))
	if err != nil {
		return nil, fmt.Errorf("offline script: %w", err)
	}
	if len(text) > offlineScriptMax {
		return nil, fmt.Errorf("offline script %s: it is larger than %d bytes", path, offlineScriptMax)
	}
	rules, err := parseOfflineScript(text)
	if err != nil {
		return nil, fmt.Errorf("offline script %s: %w", path, err)
	}
	return rules, nil
}

func parseOfflineScript(text []byte) ([]offlineRule, error) {
	var rules []offlineRule
	decoder := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	err := decoder.Decode(&rules)
	if errors.Is(err, io.EOF) {
		return nil, nil // an empty file
	}
	if err != nil {
		return nil, err
	}
	if more := decoder.Decode(new(any)); !errors.Is(more, io.EOF) {
		return nil, errors.New("it must hold one list of rules, and nothing after a line ---")
	}
	for i, r := range rules {
		// UnmarshalYAML has checked all but entries without any content.
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
	}
	return rules, nil
}

// UnmarshalYAML reads a rule strictly and checks it, while its line is known.
func (r *offlineRule) UnmarshalYAML(node ast.Node) error {
	type plain offlineRule
	if err := yaml.NodeToValue(node, (*plain)(r), yaml.Strict()); err != nil {
		return err
	}
	if err := r.check(); err != nil {
		return fmt.Errorf("line %d: %w", firstLine(node), err)
	}
	return nil
}

func firstLine(node ast.Node) int {
	if m, ok := node.(*ast.MappingNode); ok && len(m.Values) > 0 {
		node = m.Values[0].Key
	}
	return node.GetToken().Position.Line
}

func (r *offlineRule) check() error {
	actions := 0
	for _, set := range []bool{r.Reply != nil, r.Chunks != nil, r.ToolCall != nil, r.Error != nil} {
		if set {
			actions++
		}
	}
	switch {
	case actions > 1:
		return errors.New("a rule does one thing: reply, chunks, tool_call or error")
	case actions == 0 && r.Cut == nil && r.Delay == 0:
		return errors.New("a rule needs reply, chunks, tool_call, error, cut or delay")
	case r.Cut != nil && *r.Cut < 0:
		return errors.New("cut must not be negative")
	case r.Cut != nil && r.Error != nil:
		return errors.New("an error has nothing to cut")
	case r.ToolCall != nil && r.ToolCall.Name == "":
		return errors.New("tool_call needs a name")
	case r.Error != nil && (r.Error.Status < 400 || r.Error.Status > 599):
		return errors.New("the status of an error is 400 to 599")
	case r.Error != nil && r.Error.Body != "" && r.Error.Message != "":
		return errors.New("an error has a message or a body")
	case r.Error != nil && r.Error.RetryAfter < 0:
		return errors.New("retry_after must not be negative")
	}
	return nil
}

// matchOfflineRule returns the first rule that applies, or one that does nothing
// of its own. A rule that calls a tool does not apply when the tool has just
// answered: it would call for ever.
func matchOfflineRule(rules []offlineRule, target string, t talk) offlineRule {
	for _, r := range rules {
		if r.Model != "" && r.Model != target || r.ToolCall != nil && t.answered {
			continue
		}
		if r.Match.in(t.last) {
			return r
		}
	}
	return offlineRule{}
}

func (r *offlineRule) answer(t talk) offlineAnswer {
	fill := strings.NewReplacer(
		"{{last}}", shorten(t.last, insertMax),
		"{{result}}", shorten(t.result, insertMax),
	)
	switch {
	case r.Reply != nil:
		return textAnswer(fill.Replace(*r.Reply))
	case r.Chunks != nil:
		a := offlineAnswer{}
		for _, c := range r.Chunks {
			a.pieces = append(a.pieces, fill.Replace(c))
		}
		return a
	case r.ToolCall != nil:
		return offlineAnswer{tool: r.ToolCall.Name, arguments: r.ToolCall.arguments(t)}
	}
	return builtinAnswer(t)
}

func (c *offlineCall) arguments(t talk) string {
	if c.Arguments == nil {
		return "{}"
	}
	out, err := json.Marshal(c.Arguments)
	if err != nil {
		return "{}"
	}
	inside := func(s string) string {
		quoted := llm.Quote(shorten(s, insertMax))
		return string(quoted[1 : len(quoted)-1])
	}
	return strings.NewReplacer("{{last}}", inside(t.last), "{{result}}", inside(t.result)).Replace(string(out))
}

// upstream is the error as a provider's.
func (e *offlineError) upstream(id string) error {
	if e.Status == 401 || e.Status == 403 {
		return wire.KeyRefused(nil)
	}
	failed := &llm.UpstreamError{Dialect: llm.Chat, Status: e.Status, ContentType: "application/json", Body: []byte(e.Body), RequestID: id}
	if e.RetryAfter > 0 {
		failed.RetryAfter = strconv.Itoa(e.RetryAfter)
	}
	if e.Body == "" {
		kind := "invalid_request_error"
		if e.Status >= 500 {
			kind = "server_error"
		} else if e.Status == 429 {
			kind = "rate_limit_error"
		}
		failed.Body = fmt.Appendf(nil, `{"error":{"message":%s,"type":%q,"code":null,"param":null}}`, llm.Quote(e.Message), kind)
	}
	return failed
}

// pattern is a piece of text, or a regular expression between slashes.
type pattern struct {
	text string
	re   *regexp.Regexp
}

// UnmarshalYAML reads "text" or "/expression/".
func (p *pattern) UnmarshalYAML(node ast.Node) error {
	if err := yaml.NodeToValue(node, &p.text); err != nil {
		return err
	}
	if len(p.text) < 2 || p.text[0] != '/' || p.text[len(p.text)-1] != '/' {
		return nil
	}
	re, err := regexp.Compile(p.text[1 : len(p.text)-1])
	if err != nil {
		return fmt.Errorf("line %d: match: %w", node.GetToken().Position.Line, err)
	}
	p.re = re
	return nil
}

func (p pattern) in(text string) bool {
	if p.re != nil {
		return p.re.MatchString(text)
	}
	return strings.Contains(text, p.text)
}

// delay is a time.Duration that is written as "1.5s".
type delay time.Duration

// delayMax keeps a slip of the pen from looking like a hang.
const delayMax = time.Hour

// UnmarshalYAML reads a duration with its unit.
func (d *delay) UnmarshalYAML(node ast.Node) error {
	var text string
	if err := yaml.NodeToValue(node, &text); err != nil {
		return err
	}
	parsed, err := time.ParseDuration(text)
	if err != nil || parsed < 0 || parsed > delayMax {
		return fmt.Errorf("line %d: delay must be a duration with its unit, such as 250ms, and at most %s", node.GetToken().Position.Line, delayMax)
	}
	*d = delay(parsed)
	return nil
}
