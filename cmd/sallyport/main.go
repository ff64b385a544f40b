// Command sallyport is the whole product: the server and the tools to look
// after it.
//
// Each command is a struct with its flags and a Run method, one file a noun.
// They share app, which knows where the data folder and the operator's file
// are; open.go turns these into an instance with its database and keys. Only
// serve.go wires the server together.
//
// The tools work beside a running server: their changes are short transactions
// of the same database, and the server looks for changes several times a second.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/uuid"
)

// cli is the command line: what it says here is what --help says.
type cli struct {
	Data   string `help:"Data folder: database, master key, state of runs. Default: ./data." placeholder:"DIR" default:"./data" env:"SALLYPORT_DATA"`
	Config string `help:"Operator's file. Default: sallyport.yaml in the working directory, if it is there." placeholder:"FILE" env:"SALLYPORT_CONFIG"`

	Serve   serveCmd   `cmd:"" help:"Run the server. The first start sets everything up and prints a key."`
	Init    initCmd    `cmd:"" help:"Set everything up without starting: organisation, administrator, credits, key, sample agents."`
	Org     orgCmd     `cmd:"" help:"Organisations."`
	User    userCmd    `cmd:"" help:"People and their membership in an organisation."`
	Group   groupCmd   `cmd:"" help:"Groups of members: what is decided for a group binds each of them."`
	Key     keyCmd     `cmd:"" help:"API keys."`
	Model   modelCmd   `cmd:"" help:"Models, and which of them an organisation may use."`
	Credit  creditCmd  `cmd:"" help:"Credits: balance, ledger and grants."`
	Budget  budgetCmd  `cmd:"" help:"Budgets of the organisation, groups, users, keys, agents and models."`
	Usage   usageCmd   `cmd:"" help:"What calls used and cost, by day, model, user, key, agent or group."`
	Limit   limitCmd   `cmd:"" help:"Rate limits."`
	DLP     dlpCmd     `cmd:"" name:"dlp" help:"Data loss prevention: scan texts, show and set policies."`
	Audit   auditCmd   `cmd:"" help:"The audit trail: read, verify, export."`
	Agent   agentCmd   `cmd:"" help:"Agents: import, list, run."`
	Conf    configCmd  `cmd:"" name:"config" help:"The configuration."`
	Doctor  doctorCmd  `cmd:"" help:"Check the installation and say how calls are handled."`
	Backup  backupCmd  `cmd:"" help:"Make one encrypted file of all databases and files, without the master key, beside a running server."`
	Restore restoreCmd `cmd:"" help:"Restore a backup into an empty data folder or database, and verify it."`
	OpenAPI openapiCmd `cmd:"" name:"openapi" help:"Print the description of our own API, as /openapi.json serves it."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// Exit codes: of a command that failed, and of one that was not understood.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	uuid.EnableRandPool() // ids are no secrets, and a call takes four
	os.Exit(run(signalled(), os.Args[1:], time.Now))
}

// signalled returns a context that the first signal ends. A second one ends the
// program at once.
func signalled() context.Context {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx
}

// run does what args say and returns the exit code.
func run(ctx context.Context, args []string, now func() time.Time) int {
	a := &app{in: os.Stdin, out: os.Stdout, log: os.Stderr, environ: os.Environ(), now: now}
	var commands cli
	parser, err := kong.New(&commands,
		kong.Name("sallyport"),
		kong.Description("A gateway to language models with limits, credits, data loss prevention and an audit trail."),
		kong.Writers(a.out, a.log),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(a),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		panic(err) // the structs above are wrong
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(a.log, "sallyport: %s: see '%s --help'\n", err, misread(err))
		return exitUsage
	}
	a.config = commands.Config
	if a.data, err = filepath.Abs(commands.Data); err == nil {
		err = command.Run()
	}
	if err != nil {
		if !errors.Is(err, errTold) {
			fmt.Fprintln(a.log, "sallyport:", strings.ReplaceAll(err.Error(), "\n", "\nsallyport: "))
		}
		return exitFailed
	}
	return 0
}

// misread is the command whose help tells what was not understood.
func misread(err error) string {
	var parse *kong.ParseError
	if !errors.As(err, &parse) {
		return "sallyport"
	}
	words := []string{"sallyport"}
	for _, step := range parse.Context.Path {
		if step.Command != nil {
			words = append(words, step.Command.Name)
		}
	}
	return strings.Join(words, " ")
}

// errTold ends a command with exit code 1 after it has said what is wrong.
var errTold = errors.New("told already")

// either is what was given, as an argument or as a flag.
func either(argument, flag, what string) (string, error) {
	switch {
	case argument == "" && flag == "":
		return "", fmt.Errorf("%s is missing: see --help", what)
	case argument != "" && flag != "" && argument != flag:
		return "", fmt.Errorf("%s is given twice", what)
	case flag != "":
		return flag, nil
	}
	return argument, nil
}

// app is what every command has.
type app struct {
	data   string // the data folder, absolute
	config string // the operator's file; "": look for sallyport.yaml

	in      io.Reader
	out     io.Writer
	log     io.Writer // standard error
	environ []string
	now     func() time.Time
}
