package providertest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var (
	updateFlag = flag.Bool("update", false, "recordings get what providers are sent and what is heard of their answers")
	recordFlag = flag.Bool("record", false, "recordings get the answers of the real services, with keys from the environment")
)

// Cases are the conversations that there must be with each kind of provider.
var Cases = []string{
	"plain", "stream", "parallel-tools", "images", "thinking", "cache", "refusal", "length",
	"400", "401", "404", "429", "500", "overloaded", "error-in-stream", "cut",
}

// Recordings are the conversations with one kind of provider. See the package comment.
type Recordings struct {
	path    string
	archive *txtar.Archive
	service service
}

// service is how a kind of provider is set up.
type service struct {
	Base   string // the path of its base address
	Target string // its name for a model
	URL    string // scheme and host of the real one, for -record
	Key    string // the variable with the key of the real one
}

// Recording is one conversation.
type Recording struct {
	Name    string
	Dialect string // of the client, as /v1/… has it: "chat", "messages" or "responses"
	Ask     []byte // the client's body
	Target  string

	file *Recordings
}

const serviceSection = "service.json"

// ReadRecordings reads the file of a kind in dir.
func ReadRecordings(t testing.TB, dir, kind string) *Recordings {
	t.Helper()
	path := filepath.Join(dir, kind+".txtar")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("there are no recordings of the kind %s: %v", kind, err)
	}
	f := &Recordings{path: path, archive: txtar.Parse(text)}
	if err := json.Unmarshal(f.section(serviceSection), &f.service); err != nil {
		t.Fatalf("%s: %s: %v", path, serviceSection, err)
	}
	return f
}

// All returns the recordings in the order of the file.
func (f *Recordings) All() (all []Recording) {
	for _, section := range f.archive.Files {
		name, rest, _ := strings.Cut(section.Name, "/")
		if dialect, isAsk := strings.CutPrefix(rest, "ask."); isAsk {
			all = append(all, Recording{
				Name: name, Dialect: strings.TrimSuffix(dialect, ".json"), Ask: bytes.TrimSpace(section.Data), Target: f.service.Target, file: f,
			})
		}
	}
	return all
}

// Names are those of All, sorted.
func (f *Recordings) Names() []string {
	names := make(map[string]bool)
	for _, r := range f.All() {
		names[r.Name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func (f *Recordings) section(name string) []byte {
	for _, section := range f.archive.Files {
		if section.Name == name {
			return section.Data
		}
	}
	return nil
}

// set changes a section, or puts it behind the others of its conversation.
func (f *Recordings) set(name string, data []byte) {
	if !bytes.HasSuffix(data, []byte("\n")) {
		data = append(data, '\n')
	}
	place := 0
	for i, section := range f.archive.Files {
		if section.Name == name {
			f.archive.Files[i].Data = data
			return
		}
		if before, _, _ := strings.Cut(name, "/"); strings.HasPrefix(section.Name, before+"/") {
			place = i + 1
		}
	}
	f.archive.Files = slices.Insert(f.archive.Files, place, txtar.File{Name: name, Data: data})
}

func (f *Recordings) save(t testing.TB) {
	t.Helper()
	if err := os.WriteFile(f.path, txtar.Format(f.archive), 0o600); err != nil {
		t.Fatal(err)
	}
}

// has compares a section with what came; with -update it writes it.
func (r Recording) has(t testing.TB, section, got string) {
	t.Helper()
	name := r.Name + "/" + section
	if *updateFlag || *recordFlag {
		r.file.set(name, []byte(got))
		r.file.save(t)
		return
	}
	if want := string(r.file.section(name)); strings.TrimRight(got, "\n") != strings.TrimRight(want, "\n") {
		t.Errorf("%s of %s: got\n%s\nwant\n%s", name, r.file.path, got, want)
	}
}

// recorded is an answer as it stands in a file.
type recorded struct {
	status int
	header http.Header
	body   []byte
	cut    bool // the connection breaks after the body
}

// cutHeader is no header of the answer: it says that the connection broke.
const cutHeader = "Recording-Cut"

func (r Recording) response() (recorded, error) {
	section := r.file.section(r.Name + "/response.http")
	head, body, found := bytes.Cut(section, []byte("\n\n"))
	answer, err := http.ReadResponse(bufio.NewReader(strings.NewReader(strings.ReplaceAll(string(head), "\n", "\r\n")+"\r\n\r\n")), nil)
	if err != nil || !found {
		return recorded{}, fmt.Errorf("%s/response.http of %s cannot be read: %w", r.Name, r.file.path, err)
	}
	_ = answer.Body.Close()
	cut := answer.Header.Get(cutHeader) != ""
	answer.Header.Del(cutHeader)
	return recorded{answer.StatusCode, answer.Header, body, cut}, nil
}

// passing are the headers of an answer that a recording keeps: nothing else of a real
// service is anybody's business.
var passing = []string{"Content-Type", "Retry-After"}

// text is how the answer is written into a file.
func (a recorded) text() string {
	var out strings.Builder
	fmt.Fprintf(&out, "HTTP/1.1 %d %s\n", a.status, http.StatusText(a.status))
	for _, name := range passing {
		if value := a.header.Get(name); value != "" {
			fmt.Fprintf(&out, "%s: %s\n", name, value)
		}
	}
	return out.String() + "\n" + string(a.body)
}
