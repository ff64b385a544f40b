package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

// The scripts in testdata/script start this program as a process of its own,
// talk to it as its users do, kill it, and look again. Besides testscript's own
// commands they have:
//
//	env LATER=DAYS             puts the program's clock ahead, from then on
//	provider                   starts a fake provider; $PROVIDER is its base URL
//	serve [flags]              starts "sallyport serve" on a free port and waits until it is ready; $URL is its address
//	halt | kill9               ends the server, politely or not; testscript's own stop ends the script
//	call METHOD PATH [flags]   makes a request; its body is stdout, its status is checked
//	    -status N              the status that must come; default 200
//	    -body FILE             the request's body
//	    -has TEXT              what the answer's body must have
//	    -bearer KEY | -header 'Name: value'
//	    -out FILE              keeps the answer's body; -head prints status and headers too
//	json FILE PATH NAME        puts a member of a JSON file into $NAME: json init.json api_key KEY
//	waitrun RUN STATE          polls the run until it is in that state
//	waitresponse ID STATE      polls the response until it is in that state
//	until STATUS METHOD PATH … repeats a call until it has that status
//	asked N [text]             the provider is asked for the Nth time, or has been; the last request has text in it
//	answers FILE               the provider's next answers: a JSON array of providertest.Answer
//	edit FILE FROM TO          replaces bytes in a file, once
//	waitfile FILE TEXT         waits until a file has the text
const (
	readyTime = 60 * time.Second
	pollTime  = 20 * time.Millisecond
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sallyport": program})
}

// program is this program. $LATER puts its clock ahead by so many days.
func program() {
	days, err := strconv.Atoi(os.Getenv("LATER"))
	if err != nil {
		main()
	}
	os.Exit(run(signalled(), os.Args[1:], func() time.Time { return time.Now().AddDate(0, 0, days) }))
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("SALLYPORT_DATA", filepath.Join(env.WorkDir, "data"))
			env.Setenv("HOME", env.WorkDir)
			s := &stage{env: env}
			env.Values[stageKey{}] = s
			env.Defer(s.end)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"provider":     onStage((*stage).provider),
			"serve":        onStage((*stage).serve),
			"halt":         onStage((*stage).halt),
			"kill9":        onStage((*stage).kill),
			"call":         onStage((*stage).call),
			"json":         onStage((*stage).json),
			"waitrun":      onStage((*stage).waitRun),
			"waitresponse": onStage((*stage).waitResponse),
			"until":        onStage((*stage).until),
			"asked":        onStage((*stage).asked),
			"answers":      onStage((*stage).answers),
			"edit":         onStage((*stage).edit),
			"waitfile":     onStage((*stage).waitFile),
		},
	})
}

// A script runs to its end: testscript's commands stop and skip would make it
// pass before that.
func TestScriptsHaveNoEarlyEnd(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("found %d scripts: %v", len(scripts), err)
	}
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(text), "\n") {
			if word, _, _ := strings.Cut(line, " "); word == "stop" || word == "skip" {
				t.Errorf("%s:%d: %s ends the script", path, n+1, word)
			}
		}
	}
}

// stage is what one script has running.
type stage struct {
	env    *testscript.Env
	fake   *providertest.Fake
	server *process
}

type stageKey struct{}

func onStage(f func(*stage, *testscript.TestScript, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this command cannot be negated")
		}
		f(ts.Value(stageKey{}).(*stage), ts, args)
	}
}

func (s *stage) end() {
	if s.server != nil {
		s.server.kill()
	}
	if s.fake != nil {
		s.fake.Close()
	}
}

func (s *stage) provider(ts *testscript.TestScript, _ []string) {
	s.fake = providertest.Start()
	ts.Setenv("PROVIDER", s.fake.URL)
}

func (s *stage) serve(ts *testscript.TestScript, args []string) {
	server, err := startServer(ts.Getenv, ts.MkAbs("."), args)
	ts.Check(err)
	s.server = server
	ts.Setenv("URL", server.url)
	ts.Logf("%s", server.output())
	ts.Check(os.WriteFile(ts.MkAbs("serve.out"), []byte(server.output()), 0o600))
}

func (s *stage) halt(ts *testscript.TestScript, _ []string) {
	ts.Check(s.server.stop())
	s.server = nil
}

func (s *stage) kill(*testscript.TestScript, []string) {
	s.server.kill()
	s.server = nil
}

func (s *stage) call(ts *testscript.TestScript, args []string) {
	c, head, out := s.parse(ts, args)
	answer, headers, err := c.do()
	ts.Check(err)
	if head {
		_, err = io.WriteString(ts.Stdout(), headers)
		ts.Check(err)
	}
	_, err = ts.Stdout().Write(answer)
	ts.Check(err)
	if out != "" {
		ts.Check(os.WriteFile(ts.MkAbs(out), answer, 0o600))
	}
}

func (s *stage) until(ts *testscript.TestScript, args []string) {
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	c, _, _ := s.parse(ts, args[1:])
	c.status = status
	for deadline := time.Now().Add(readyTime); ; time.Sleep(pollTime) { // as a client would try again
		answer, _, err := c.do()
		if err == nil {
			_, err = ts.Stdout().Write(answer)
			ts.Check(err)
			return
		}
		if time.Now().After(deadline) {
			ts.Check(err)
		}
	}
}

func (s *stage) parse(ts *testscript.TestScript, args []string) (c request, head bool, out string) {
	c = request{method: args[0], url: ts.Getenv("URL") + args[1], status: 200}
	for i := 2; i < len(args); i++ {
		flag := args[i]
		if flag == "-head" {
			head = true
			continue
		}
		i++
		switch flag {
		case "-status":
			n, err := strconv.Atoi(args[i])
			ts.Check(err)
			c.status = n
		case "-body":
			c.body = []byte(ts.ReadFile(args[i]))
		case "-bearer":
			c.header = append(c.header, "Authorization: Bearer "+args[i])
		case "-header":
			c.header = append(c.header, args[i])
		case "-out":
			out = args[i]
		case "-has":
			c.has = args[i]
		default:
			ts.Fatalf("call: unknown flag %s", flag)
		}
	}
	return c, head, out
}

// request is one HTTP call of a script.
type request struct {
	method, url string
	header      []string
	body        []byte
	status      int
	has         string // in the answer's body
}

func (c request) do() (body []byte, head string, err error) {
	req, err := http.NewRequest(c.method, c.url, bytes.NewReader(c.body))
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range c.header {
		name, value, _ := strings.Cut(h, ":")
		req.Header.Add(name, strings.TrimSpace(value))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	if err != nil {
		return body, "", fmt.Errorf("%s %s: after %q: %w", c.method, c.url, body, err)
	}
	if resp.StatusCode != c.status {
		return body, "", fmt.Errorf("%s %s: status %d, want %d: %s", c.method, c.url, resp.StatusCode, c.status, body)
	}
	if !bytes.Contains(body, []byte(c.has)) {
		return body, "", fmt.Errorf("%s %s: there is no %q in %s", c.method, c.url, c.has, body)
	}
	var b strings.Builder
	fmt.Fprintln(&b, resp.Status)
	if err := resp.Header.Write(&b); err != nil {
		return body, "", err
	}
	return body, b.String(), nil
}

func (s *stage) json(ts *testscript.TestScript, args []string) {
	value, err := member([]byte(ts.ReadFile(args[0])), args[1])
	ts.Check(err)
	ts.Setenv(args[2], value)
}

// member finds "a.0.b" in a JSON text and returns its text.
func member(text []byte, path string) (string, error) {
	doc, err := llm.Parse(text)
	if err != nil {
		return "", fmt.Errorf("%q: %w", text, err)
	}
	v := doc.Root()
	for name := range strings.SplitSeq(path, ".") {
		if n, err := strconv.Atoi(name); err == nil && v.Kind() == llm.Array {
			next := llm.Value{}
			v.Items(func(i int, item llm.Value) bool {
				if i == n {
					next = item
				}
				return i < n
			})
			v = next
			continue
		}
		v = v.Get(name)
	}
	switch {
	case !v.Exists():
		return "", fmt.Errorf("there is no %s in %s", path, text)
	case v.Kind() == llm.String:
		return v.Text(), nil
	}
	return string(v.Raw()), nil
}

func (s *stage) waitRun(ts *testscript.TestScript, args []string) {
	waitStatus(ts, "/v1/runs/"+args[0], args[1])
}

func (s *stage) waitResponse(ts *testscript.TestScript, args []string) {
	waitStatus(ts, "/v1/responses/"+args[0], args[1])
}

// waitStatus polls what is at the path until it is no more in progress, but in that state.
func waitStatus(ts *testscript.TestScript, path, state string) {
	c := request{
		method: "GET", url: ts.Getenv("URL") + path, status: 200,
		header: []string{"x-api-key: " + ts.Getenv("KEY")},
	}
	deadline := time.Now().Add(readyTime)
	for {
		body, _, err := c.do()
		ts.Check(err)
		status, err := member(body, "status")
		ts.Check(err)
		if status == state {
			_, err = ts.Stdout().Write(body)
			ts.Check(err)
			return
		}
		if status != "in_progress" || time.Now().After(deadline) {
			ts.Fatalf("%s is %s, want %s: %s", path, status, state, body)
		}
		time.Sleep(pollTime) // as a client polls
	}
}

func (s *stage) asked(ts *testscript.TestScript, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	for deadline := time.Now().Add(readyTime); len(s.fake.Requests()) < n && time.Now().Before(deadline); {
		time.Sleep(pollTime)
	}
	requests := s.fake.Requests()
	if len(requests) != n {
		ts.Fatalf("the provider was asked %d times, want %d", len(requests), n)
	}
	if len(args) > 1 && !bytes.Contains(requests[n-1].Body, []byte(args[1])) {
		ts.Fatalf("the provider was not asked %q but %s", args[1], requests[n-1].Body)
	}
}

func (s *stage) answers(ts *testscript.TestScript, args []string) {
	var answers []providertest.Answer
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &answers))
	s.fake.Queue(answers...)
}

func (s *stage) edit(ts *testscript.TestScript, args []string) {
	path := ts.MkAbs(args[0])
	text, err := os.ReadFile(path)
	ts.Check(err)
	if !bytes.Contains(text, []byte(args[1])) {
		ts.Fatalf("there is no %q in %s", args[1], args[0])
	}
	ts.Check(os.WriteFile(path, bytes.Replace(text, []byte(args[1]), []byte(args[2]), 1), 0o600))
}

// process is a copy of this program that serves.
type process struct {
	cmd    *exec.Cmd
	url    string
	out    *lines
	exited chan struct{}
}

// startServer runs "sallyport serve" with the environment's data folder and
// waits until it answers.
func startServer(getenv func(string) string, dir string, args []string) (*process, error) {
	s, err := spawnServer(getenv, dir, args)
	if err != nil {
		return nil, err
	}
	return s, s.ready()
}

// spawnServer is startServer that does not wait.
func spawnServer(getenv func(string) string, dir string, args []string) (*process, error) {
	cmd := exec.Command("sallyport", append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...)
	cmd.Dir = dir
	for _, name := range []string{"PATH", "HOME", "SALLYPORT_DATA", "SALLYPORT_CONFIG", "PROVIDER", "GOCOVERDIR", "LATER"} {
		if v := getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.Env = append(cmd.Env, "SALLYPORT_DATABASE="+getenv("SALLYPORT_DATABASE"))
	path, err := lookPath("sallyport", getenv("PATH"))
	if err != nil {
		return nil, err
	}
	cmd.Path, cmd.Err = path, nil
	s := &process{cmd: cmd, out: newLines(), exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = s.out, s.out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait() // how it ended is for the test to say
		close(s.exited)
	}()
	return s, nil
}

// ready waits until the server answers; one that does not is killed.
func (s *process) ready() (err error) {
	if s.url, err = s.out.address(s.exited); err != nil {
		s.kill()
		return fmt.Errorf("%w; it said:\n%s", err, s.output())
	}
	return nil
}

// lookPath finds a program on a given PATH, not on ours.
func lookPath(name, path string) (string, error) {
	for dir := range strings.SplitSeq(path, string(os.PathListSeparator)) {
		full := filepath.Join(dir, name)
		if info, err := os.Stat(full); err == nil && info.Mode()&0o111 != 0 {
			return full, nil
		}
	}
	return "", fmt.Errorf("there is no %s in PATH", name)
}

func (s *process) output() string { return s.out.String() }

func (s *process) kill() {
	_ = s.cmd.Process.Kill() // it may have ended already
	<-s.exited
}

func (s *process) stop() error {
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(readyTime):
		s.kill()
		return fmt.Errorf("the server did not stop; it said:\n%s", s.output())
	}
}

// lines collects what a server prints and finds its address in it.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	news chan struct{}
}

func newLines() *lines { return &lines{news: make(chan struct{}, 1)} }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.news <- struct{}{}:
	default:
	}
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// address waits for the line that tells the address: it is printed once the
// listener is open and calls are taken.
func (l *lines) address(exited <-chan struct{}) (string, error) {
	timeout := time.After(readyTime)
	for {
		for line := range strings.Lines(l.String()) {
			if _, after, found := strings.Cut(line, "http://127.0.0.1:"); found {
				port, _, _ := strings.Cut(strings.TrimRight(after, "\n"), " ")
				port, _, _ = strings.Cut(port, "/")
				return "http://127.0.0.1:" + port, nil
			}
		}
		select {
		case <-l.news:
		case <-exited:
			return "", fmt.Errorf("the server ended")
		case <-timeout:
			return "", fmt.Errorf("the server did not print its address")
		}
	}
}
