package sink

import (
	"bufio"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport"
)

var quiet = log.New(io.Discard, "", 0)

// collector is a fake syslog receiver with octet counting.
type collector struct {
	net.Listener
	mu       sync.Mutex
	faults   []fault
	messages []string
}

func startCollector(t *testing.T, secure *tls.Config) *collector {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	c := &collector{Listener: l}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.serve(conn)
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return c
}

func (c *collector) serve(conn net.Conn) {
	defer conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	how := fine
	if len(c.faults) > 0 {
		how, c.faults = c.faults[0], c.faults[1:]
	}
	in := bufio.NewReader(conn)
	for n := 0; ; n++ {
		if how == drops && n == 10 {
			return // with messages unread
		}
		length, err := in.ReadString(' ')
		if err != nil {
			return
		}
		size, err := strconv.Atoi(strings.TrimSpace(length))
		if err != nil {
			c.messages = append(c.messages, "bad length "+length)
			return
		}
		text := make([]byte, size)
		if _, err := io.ReadFull(in, text); err != nil {
			return
		}
		c.messages = append(c.messages, string(text))
	}
}

var syslogLine = regexp.MustCompile(`^<(\d+)>1 (\S+) (\S+) sallyport - (\S+) \[sallyport@32473 org="([^"]*)" seq="(\d+)" event_id="([^"]*)"( truncated="true")?\] (.*)$`)

func syslogIDs(t *testing.T, messages []string) (ids []string) {
	t.Helper()
	for _, m := range messages {
		found := syslogLine.FindStringSubmatch(m)
		if found == nil {
			t.Fatalf("no message of RFC 5424: %.200q", m)
		}
		ids = append(ids, found[7])
	}
	return ids
}

func TestSyslog(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 1700)
	c := startCollector(t, nil)
	c.faults = []fault{drops, fine, drops, drops, fine}
	h.drain(t, h.follower(t, Config{Type: Syslog, URL: "tcp://" + c.Addr().String(), Format: CEF}))
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := syslogIDs(t, c.messages)
	h.got(t, ids)
	if len(ids) < 1700+3*10 {
		t.Errorf("%d messages; the ones that were dropped did not come again", len(ids))
	}
}

func TestSyslogTLS(t *testing.T) {
	t.Parallel()
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS() // for its certificate, of 127.0.0.1
	t.Cleanup(certified.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, 600)
	c := startCollector(t, &tls.Config{Certificates: certified.TLS.Certificates})
	url := "tls://" + c.Addr().String()

	// A certificate of nobody we know is refused, and nothing is sent.
	f := h.follower(t, Config{Type: Syslog, URL: url})
	if d := f.turn(t.Context()); d != backoffFirst || h.lag(t) != 600 {
		t.Errorf("a receiver that nobody vouches for: waits %v with a lag of %d", d, h.lag(t))
	}
	h.drain(t, h.follower(t, Config{Type: Syslog, URL: url, CA: ca}))
	c.mu.Lock()
	defer c.mu.Unlock()
	h.got(t, syslogIDs(t, c.messages))
}

func TestSyslogMessage(t *testing.T) {
	t.Parallel()
	r := sallyport.Record{
		EventID: "e-1", Org: `a"b\c]d`, Action: "chat completions é", Node: "node 1", Phase: sallyport.PhaseRefusal,
		Time: time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600)), ModelRequested: strings.Repeat("é", 6000),
	}
	body, hash, err := r.Seal(7, sallyport.Hash{})
	if err != nil {
		t.Fatal(err)
	}
	item := itemOf(sallyport.StoredRecord{Seq: 7, Hash: hash, Body: body})
	m := syslogMessage(item, encoderOf(JSON, "1")(item)[0])
	want := `<108>1 2026-03-01T11:00:00.123456Z node1 sallyport - chatcompletions [sallyport@32473 org="a\"b\\c\]d" seq="7" event_id="e-1" truncated="true"] {"v":1,`
	if !strings.HasPrefix(string(m), want) {
		t.Errorf("got  %.200s\nwant %s", m, want)
	}
	if len(m) > messageMax || len(m) < messageMax-4 || !utf8.Valid(m) {
		t.Errorf("the message has %d bytes, want at most %d and whole characters", len(m), messageMax)
	}
}

// The real thing: Debian's rsyslogd, which writes what it parsed.
func TestRsyslog(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("rsyslogd")
	if err != nil {
		if program = "/usr/sbin/rsyslogd"; exec.Command("test", "-x", program).Run() != nil {
			t.Fatal("this test needs rsyslogd: run scripts/services")
		}
	}
	folder := t.TempDir()
	port := freePort(t)
	out := filepath.Join(folder, "out.log")
	conf := filepath.Join(folder, "rsyslog.conf")
	err = os.WriteFile(conf, fmt.Appendf(nil, `
global(workDirectory="%s" maxMessageSize="64k")
module(load="imtcp")
template(name="parsed" type="string" string="%%pri%%|%%protocol-version%%|%%app-name%%|%%structured-data%%|%%msg%%\n")
input(type="imtcp" port="%d" address="127.0.0.1" ruleset="keep")
ruleset(name="keep") { action(type="omfile" file="%s" template="parsed" fileCreateMode="0600") }
`, folder, port, out), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, 1300)
	f := h.follower(t, Config{Type: Syslog, URL: fmt.Sprintf("tcp://127.0.0.1:%d", port)})
	if d := f.turn(t.Context()); d != backoffFirst {
		t.Errorf("before it runs the sink waits %v, want %v", d, backoffFirst)
	}
	daemon := exec.CommandContext(t.Context(), program, "-n", "-f", conf, "-i", filepath.Join(folder, "pid"))
	var said strings.Builder
	daemon.Stdout, daemon.Stderr = &said, &said
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() { _ = daemon.Process.Signal(syscall.SIGTERM); _ = daemon.Wait() })
	defer stop()
	reachable(t, port)
	h.drain(t, f)
	stop() // writes what it still has
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	var ids []string
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(line, "|", 5)
		if len(fields) != 5 || fields[0] != "109" || fields[1] != "1" || fields[2] != "sallyport" {
			t.Fatalf("rsyslogd read %.300q", line)
		}
		_, rest, _ := strings.Cut(fields[3], `event_id="`)
		id, _, _ := strings.Cut(rest, `"`)
		if got := formatIDs(JSON, strings.TrimPrefix(fields[4], " ")); len(got) != 1 || got[0] != id {
			t.Fatalf("the message is %.300q", fields[4])
		}
		ids = append(ids, id)
	}
	h.got(t, ids)
	if len(ids) != 1300 {
		t.Errorf("%d lines, want each of 1300 once", len(ids))
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// reachable waits until somebody listens.
func reachable(t *testing.T, port int) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-deadline:
			t.Fatalf("nobody listens: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
