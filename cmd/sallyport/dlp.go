package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/policy"
)

type dlpCmd struct {
	Scan   dlpScan      `cmd:"" help:"Read lines {\"id\",\"text\"} from standard input, write lines {\"id\",\"findings\":[{\"start\",\"end\",\"type\"}]} with byte offsets."`
	Policy dlpPolicyCmd `cmd:"" help:"What happens to findings."`
}

type dlpPolicyCmd struct {
	Show dlpPolicyShow `cmd:"" help:"Show the policy in force."`
	Set  dlpPolicySet  `cmd:"" help:"Decide the policy."`
}

type dlpScan struct{}

// scanLineMax bounds a line of input.
const scanLineMax = 64 << 20

// scanText is a line of input. The id may be any JSON and comes back as it was.
type scanText struct {
	ID   json.RawMessage `json:"id"`
	Text *string         `json:"text"`
}

type scanResult struct {
	ID       json.RawMessage `json:"id"`
	Findings []dlp.Found     `json:"findings"`
}

// Run needs no installation: the rules are the program's.
func (c *dlpScan) Run(a *app) error {
	engine := dlp.New()
	lines := bufio.NewScanner(a.in)
	lines.Buffer(make([]byte, 0, 64<<10), scanLineMax)
	out := bufio.NewWriter(a.out)
	defer out.Flush()
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	number := 0
	for lines.Scan() {
		number++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		result, err := scanLine(engine, lines.Bytes())
		if err != nil {
			return fmt.Errorf("line %d of the input: %w", number, err)
		}
		if err := enc.Encode(result); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d of the input: %w", number+1, err)
	}
	return out.Flush()
}

func scanLine(engine *dlp.Engine, line []byte) (scanResult, error) {
	var in scanText
	if json.Unmarshal(line, &in) != nil || in.Text == nil { // the decoder's error could quote the text
		return scanResult{}, errors.New(`it is not a JSON object {"id": …, "text": "…"}`)
	}
	result := scanResult{ID: in.ID, Findings: engine.Find(*in.Text)}
	if result.ID == nil {
		result.ID = json.RawMessage("null")
	}
	return result, nil
}

type dlpPolicyShow struct {
	orgFlag
	jsonFlag        // it is JSON either way
	Model    string `help:"The policy for this model. Default: the organisation's."`
}

// Run prints JSON with or without --json: it is what 'policy set' reads.
func (c *dlpPolicyShow) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		p, err := i.dlpPolicy(ctx, org.ID, c.Model)
		if err != nil {
			return err
		}
		return printJSON(a.out, p)
	})
}

func (i *instance) dlpPolicy(ctx context.Context, org sallyport.OrgID, model string) (dlp.Policy, error) {
	m := sallyport.Model{ID: model}
	for _, known := range i.cfg.Catalogue() {
		if known.ID == model {
			m = known
		}
	}
	plan, err := policy.New(i.db, policyDefaults(i.cfg)).DLP(ctx, org, m)
	if err != nil {
		return dlp.Policy{}, err
	}
	return plan.Policy(), nil
}

type dlpPolicySet struct {
	orgFlag
	Model string `help:"Decide for this model alone. Default: for the organisation."`
	File  string `arg:"" help:"The policy as JSON, in the form that 'dlp policy show' prints, see docs/dlp.md; - for standard input."`
}

func (c *dlpPolicySet) Run(ctx context.Context, a *app) error {
	body, err := a.read(c.File, dlp.PolicyBytesMax)
	if err != nil {
		return err
	}
	after, err := dlp.ParsePolicy(body)
	if err != nil {
		return err
	}
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		if c.Model != "" {
			if err := i.checkModel(ctx, org.ID, c.Model); err != nil {
				return err
			}
		}
		before, err := i.dlpPolicy(ctx, org.ID, c.Model)
		if err != nil {
			return err
		}
		_, err = i.db.PublishPolicy(ctx, org.ID, policy.KindDLP, c.Model, sallyport.PolicyVersion{Body: body, At: i.app.now()}, sallyport.AnyVersion,
			i.event(org.ID, "policies.set", "policy/dlp/"+c.Model, map[string]string{"before": before.Version(), "after": after.Version()}))
		return a.done(err, "the DLP policy of %s is decided: mode %s", cmp.Or(c.Model, "the organisation"), after.Mode)
	})
}

// read reads a file that the command line names, or standard input for "-".
func (a *app) read(name string, bytesMax int64) ([]byte, error) {
	in := a.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, bytesMax+1))
	if err == nil && int64(len(text)) > bytesMax {
		err = fmt.Errorf("%s is larger than %d bytes", name, bytesMax)
	}
	return text, err
}
