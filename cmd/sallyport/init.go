package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/agent"
	"github.com/sallyport-ai/sallyport/internal/config"
)

// setupFlags say what the first start makes.
type setupFlags struct {
	Email   string `help:"E-mail address of the administrator, for the first start." default:"admin@sallyport.local"`
	OrgName string `help:"Name of the organisation, for the first start." default:"My organisation"`
}

type initCmd struct {
	jsonFlag
	setupFlags
}

// setupView is what 'init --json' prints. Password and key are null unless this
// very call made them: they are kept nowhere.
type setupView struct {
	URL      string          `json:"url"`
	Email    string          `json:"email"`
	Password *string         `json:"password"`
	APIKey   *string         `json:"api_key"`
	OrgID    sallyport.OrgID `json:"org_id"`
	AgentID  string          `json:"agent_id,omitempty"` // the sample that one line of text starts
	Note     string          `json:"note,omitempty"`
}

func (c *initCmd) Run(ctx context.Context, a *app) (err error) {
	cfg, err := a.configuration(ctx, "", false)
	if err != nil {
		return err
	}
	i, err := a.create(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.close()) }()
	made, err := i.setUp(ctx, c.setupFlags)
	if err != nil {
		return err
	}
	view := setupView{
		URL: publicURL(cfg, cfg.Addr), Email: made.Email, OrgID: made.OrgID,
		Password: orNil(made.password), APIKey: orNil(made.apiKey), AgentID: string(made.agent),
	}
	if made.apiKey == "" {
		view.Note = "everything was set up before and nothing was changed; password and key are kept nowhere: " +
			"make new ones with 'sallyport user reset-password' and 'sallyport key create'"
	}
	if c.JSON {
		return printJSON(a.out, view)
	}
	if made.apiKey == "" {
		_, err = fmt.Fprintf(a.out, "url: %s\nemail: %s\norg_id: %s\n\nEverything was set up before and nothing was changed. Password and key are kept nowhere:\n"+
			"make new ones with 'sallyport user reset-password %[2]s' and 'sallyport key create'.\n", view.URL, view.Email, view.OrgID)
		return err
	}
	_, err = fmt.Fprintf(a.out, "url: %s\nemail: %s\npassword: %s\napi_key: %s\norg_id: %s\n\nPassword and key are shown this once. Start with 'sallyport serve'.\n",
		view.URL, view.Email, made.password, made.apiKey, view.OrgID)
	return err
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Names of values that belong to the whole instance.
const (
	setupOrgValue  = "setup_org"  // id of the first organisation, chosen before it is made
	setupDoneValue = "setup_done" // a setUpState: everything is there
)

// setup is what the first start made. Password, key and agent are empty when
// everything was there before.
type setup struct {
	setUpState
	password string
	apiKey   string
	agent    sallyport.AgentID
}

// setUpState is what is known of the first start later.
type setUpState struct {
	OrgID sallyport.OrgID `json:"org_id"`
	Email string          `json:"email"`
}

// setUp makes what a new installation needs, once. When it was cut short, the
// next call goes on where it stopped; a password and a key that nobody has seen
// are replaced.
func (i *instance) setUp(ctx context.Context, flags setupFlags) (made setup, err error) {
	lock, err := i.app.lockSetup(ctx)
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()

	done, err := i.db.InstanceValue(ctx, setupDoneValue)
	if err == nil {
		return made, json.Unmarshal(done, &made.setUpState)
	}
	if sallyport.CodeOf(err) != sallyport.NotFound {
		return made, err
	}
	if made.Email, err = cleanEmail(flags.Email); err != nil {
		return made, err
	}
	org, err := i.db.AddInstanceValue(ctx, setupOrgValue, []byte(newID()))
	if err != nil {
		return made, err
	}
	made.OrgID = sallyport.OrgID(org)
	if err := i.fillOrg(ctx, &made, flags); err != nil {
		return setup{}, err
	}
	return made, i.setUpDone(ctx, made.setUpState)
}

// setUpDone notes that everything is there.
func (i *instance) setUpDone(ctx context.Context, state setUpState) error {
	done, err := json.Marshal(state)
	if err != nil {
		return err
	}
	_, err = i.db.AddInstanceValue(ctx, setupDoneValue, done)
	return err
}

// fillOrg makes the organisation and what is in it, each as far as it is missing.
func (i *instance) fillOrg(ctx context.Context, made *setup, flags setupFlags) error {
	if err := i.setUpOrg(ctx, made.OrgID, flags.OrgName); err != nil {
		return err
	}
	admin, err := i.db.MemberByEmail(ctx, made.OrgID, made.Email)
	if sallyport.CodeOf(err) == sallyport.NotFound {
		admin, made.password, err = i.createUser(ctx, made.OrgID, made.Email, "Administrator", sallyport.RoleAdministrator)
	}
	if err == nil && made.password == "" {
		made.password, err = i.resetPassword(ctx, admin)
	}
	if err != nil {
		return err
	}
	if _, made.apiKey, err = i.createKey(ctx, admin, "first key", time.Time{}); err != nil {
		return err
	}
	made.agent, err = i.setUpAgents(ctx, admin)
	return err
}

func (i *instance) setUpOrg(ctx context.Context, id sallyport.OrgID, name string) error {
	_, err := i.db.Org(ctx, id)
	if sallyport.CodeOf(err) == sallyport.NotFound {
		_, err = i.createOrg(ctx, id, name)
		return err
	}
	if err != nil {
		return err
	}
	granted, err := i.db.Ledger(ctx, id, 0, 1)
	if err == nil && len(granted) == 0 {
		err = i.grant(ctx, id, sallyport.Credits(i.cfg.Credits.Starting), "starting credits")
	}
	return err
}

// setUpAgents imports the samples and returns the one that a single text starts.
func (i *instance) setUpAgents(ctx context.Context, admin sallyport.Membership) (sallyport.AgentID, error) {
	there, err := i.db.Agents(ctx, admin.Org, agent.ListMax)
	if err != nil {
		return "", err
	}
	agents, err := i.agents(i.cfg)
	if err != nil {
		return "", err
	}
	known := make(map[string]bool)
	for _, a := range there {
		known[a.Definition.DisplayName] = true
	}
	for _, sample := range agent.Samples() {
		if known[sample.DisplayName] {
			continue
		}
		added, err := agents.ImportShared(byCommandLine(ctx), sallyport.Principal{Org: admin.Org, User: admin.User.ID, Role: admin.Role}, sample)
		if err != nil {
			return "", fmt.Errorf("import the sample agent %q: %w", sample.DisplayName, err)
		}
		there = append(there, added)
	}
	for _, a := range there {
		if len(a.Definition.Inputs) <= 1 {
			return a.ID, nil
		}
	}
	return "", nil
}

// publicURL is the address that a person on this machine types.
func publicURL(cfg *config.Config, addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "http://" + addr
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	scheme := "http"
	if cfg.TLS.Cert != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// firstWords is what the first start prints, once. Its curl calls work as they
// stand here.
const firstWords = `Sallyport is ready at URL

  e-mail    EMAIL
  password  PASSWORD
  API key   KEY

They are shown this once. Try the key:

curl -N URL/v1/chat/completions \
  -H "Authorization: Bearer KEY" \
  -H "Content-Type: application/json" \
  -d '{"model": "claude-sonnet-4-5-20250929", "stream": true, "messages": [{"role": "user", "content": "Hello!"}]}'

curl -w '\n' URL/v1/agents/AGENT/run \
  -H "x-api-key: KEY" \
  -H "Content-Type: application/json" \
  -d '{"input": "Five failed logins for root from 203.0.113.7 within a minute, then one success."}'

curl -w '\n' URL/v1/models \
  -H "x-api-key: KEY"

`

// greet prints the address and, at the first start, what it made.
func greet(w io.Writer, url string, made setup) error {
	if made.apiKey == "" {
		_, err := fmt.Fprintf(w, "Sallyport is ready at %s\n", url)
		return err
	}
	words := strings.NewReplacer(
		"URL", url, "EMAIL", made.Email, "PASSWORD", made.password, "KEY", made.apiKey, "AGENT", string(made.agent),
	).Replace(firstWords)
	_, err := io.WriteString(w, words)
	return err
}

// private reports whether only the owner may use the file or folder.
func private(info os.FileInfo) bool { return info.Mode().Perm()&0o077 == 0 }
