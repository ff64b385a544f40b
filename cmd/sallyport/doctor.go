package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/config"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/provider"
)

type doctorCmd struct {
	jsonFlag
	Online bool `help:"Also connect to the providers whose address is in the file."`
}

// doctorRecords is how much of the end of each trail the doctor verifies;
// 'audit verify' reads them whole.
const doctorRecords = 1000

// finding is one thing that was looked at.
type finding struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Warn   bool   `json:"warn,omitempty"` // in order, but perhaps not as it is meant
	Detail string `json:"detail"`
}

type doctorView struct {
	Version string       `json:"version"`
	Checks  []finding    `json:"checks"`
	Stages  []doctorStep `json:"stages"`
}

type doctorStep struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// doctor collects findings.
type doctor struct {
	app      *app
	findings []finding
}

// check notes what err means for name: detail when there is none.
func (d *doctor) check(name, detail string, err error) bool {
	if err != nil {
		detail = err.Error()
	}
	d.findings = append(d.findings, finding{Name: name, OK: err == nil, Detail: detail})
	return err == nil
}

func (c *doctorCmd) Run(ctx context.Context, a *app) error {
	d := &doctor{app: a}
	cfg, err := a.configuration(ctx, "", true)
	if d.check("configuration", "is valid", err) {
		for _, w := range cfg.Warnings() {
			d.findings = append(d.findings, finding{Name: "configuration", OK: true, Warn: true, Detail: w})
		}
		d.checkFiles()
		d.checkDatabase(ctx, cfg)
		d.checkProviders(ctx, cfg, c.Online)
	}
	return c.tell(d)
}

func (d *doctor) checkFiles() {
	info, err := os.Stat(d.app.data)
	if err == nil && !private(info) {
		err = fmt.Errorf("%s can be read by other users of this machine: chmod 700 %[1]s", d.app.data)
	}
	d.check("data folder", d.app.data, err)

	key := d.app.path(masterKeyFile)
	info, err = os.Stat(key)
	switch {
	case err == nil && !private(info):
		d.check("master key", "", fmt.Errorf("%s can be read by other users of this machine: chmod 600 %[1]s", key))
	case err == nil:
		d.check("master key", key+"; keep a copy of it apart from the backup of the database", nil)
	default:
		_, err = d.app.masterKey()
		d.check("master key", "from "+masterKeyVariable, err)
	}
}

func (d *doctor) checkDatabase(ctx context.Context, cfg *config.Config) {
	i, err := d.app.open(ctx, cfg)
	if !d.check("database", "is reachable and up to date, and the master key fits", err) {
		return
	}
	defer i.close() // nothing was written
	orgs, err := i.trails(ctx, "")
	if !d.check("organisations", fmt.Sprint(len(orgs)-1), err) {
		return
	}
	for _, org := range orgs {
		report, err := i.verifyEnd(ctx, org)
		if err == nil && report.Bad != nil {
			err = fmt.Errorf("bad at record %d: %s: run 'sallyport audit verify --org %s'", report.Bad.Seq, report.Bad.Why, org)
		}
		d.check("trail of "+string(org), fmt.Sprintf("is whole in its last %d records", report.Records), err)
	}
}

// verifyEnd verifies the last records of a trail and takes those before on trust.
func (i *instance) verifyEnd(ctx context.Context, org sallyport.OrgID) (audit.Report, error) {
	seq, hash, err := i.db.ChainHead(ctx, org)
	if err != nil {
		return audit.Report{}, err
	}
	last := audit.Records(ctx, i.db, org, max(0, seq-doctorRecords))
	return audit.Verify(last, audit.Head{Seq: seq, Hash: hash, Pruned: true})
}

func (d *doctor) checkProviders(ctx context.Context, cfg *config.Config, online bool) {
	models := make(map[string]int)
	for _, m := range cfg.Catalogue() {
		models[m.Provider]++
	}
	for n, p := range providerConfigs(cfg) {
		_, err := provider.New(p)
		detail := fmt.Sprintf("%s, %d models", p.Type, models[p.Name])
		if p.Type == "offline" {
			detail += "; a scripted stand-in, not an AI: set a provider's key, such as ANTHROPIC_API_KEY, for answers"
		}
		if err == nil && models[p.Name] == 0 {
			err = fmt.Errorf("no model is served by %s: list its models under models", p.Name)
		}
		if err == nil && online && p.BaseURL != "" {
			err = reach(ctx, cfg.Providers[n].BaseURL)
			detail += ", reachable"
		}
		d.check("provider "+p.Name, detail, err)
	}
}

// reachTime bounds the attempt to connect to a provider.
const reachTime = 5 * time.Second

// reach connects to the address and says nothing there: a request could cost money.
func reach(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("its address cannot be read")
	}
	port := u.Port()
	if port == "" {
		port = u.Scheme // a name that the dialer knows
	}
	dialer := net.Dialer{Timeout: reachTime}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return err
	}
	return conn.Close()
}

func (c *doctorCmd) tell(d *doctor) error {
	view := doctorView{Version: programVersion(), Checks: d.findings}
	for _, s := range gateway.Stages() {
		view.Stages = append(view.Stages, doctorStep{s.Name, s.Reason})
	}
	healthy := true
	for _, f := range d.findings {
		healthy = healthy && f.OK
	}
	if err := show(d.app.out, c.jsonFlag, view, view.String()); err != nil {
		return err
	}
	if !healthy {
		return errTold
	}
	return nil
}

func (v doctorView) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "sallyport %s\n\n", v.Version)
	for _, f := range v.Checks {
		mark := "ok"
		switch {
		case !f.OK:
			mark = "BAD"
		case f.Warn:
			mark = "warn"
		}
		fmt.Fprintf(&b, "%-4s  %s: %s\n", mark, f.Name, f.Detail)
	}
	b.WriteString("\nEvery call passes these stages, in this order:\n")
	for n, s := range v.Stages {
		fmt.Fprintf(&b, "  %d. %-9s %s\n", n+1, s.Name, s.Reason)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
