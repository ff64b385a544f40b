package sallyport_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/sallyport-ai/sallyport"

// rule binds the packages that match from. Packages are named by their folder
// in the module; "." is the root, "x/..." is x and all below it. Tests may
// import what they like.
type rule struct {
	from string
	// may lists what can be imported of this module besides the root and what
	// from itself covers. It does not count where free is set: any can.
	may  []string
	free bool
	// never lists what must not be imported, of this module or any other.
	never []string
	// std allows the standard library alone, and not even the root.
	std bool
	why string
}

// rules keep the arrows of the architecture pointing to the nouns. Before you
// extend the table, think whether the new arrow is meant.
var rules = []rule{
	{from: ".", std: true, why: "everything depends on the nouns, so they depend on nothing"},
	{from: "internal/llm", std: true, why: "the inner language is used by everybody that speaks of requests"},

	// One concern each. They are put together by the gateway and by cmd.
	{from: "internal/limit", why: "a concern knows no other"},
	{from: "internal/credit", may: []string{"internal/llm"}, why: "a concern knows no other"},
	{from: "internal/tokenizer", why: "a concern knows no other"},
	{from: "internal/dlp", may: []string{"internal/llm"}, why: "a concern knows no other"},
	{from: "internal/secret", why: "a concern knows no other"},
	{from: "internal/audit", may: []string{"internal/llm", "internal/journal"}, why: "records are built from calls and for the journal, and know no other concern"},
	{from: "internal/sink", may: []string{"internal/audit", "internal/dial", "internal/secret"}, why: "sinks are records and a way out; the trail comes in through an interface"},
	{from: "internal/catalogue", why: "models are nouns; the store comes in through an interface"},
	{from: "internal/identity", may: []string{"internal/secret"}, why: "keys need keyed hashes and a store that comes in through an interface"},
	{from: "internal/background", std: true, why: "work beside what started it is the same whatever it is"},
	{from: "internal/dial", why: "the one way out is used by all and knows none of them"},
	{from: "internal/access", why: "rights are decided from nouns and from what is decided, which who asks brings along"},
	{from: "internal/policy", may: []string{"internal/limit", "internal/dlp", "internal/access"}, why: "policies are the settings of limits, DLP and rights, from a store that comes in through an interface"},
	{from: "internal/config", may: []string{"internal/secret"}, why: "settings are values that cmd hands to the parts"},

	{from: "internal/dialect/...", may: []string{"internal/llm"}, why: "a dialect is bytes and the inner language, nothing else"},
	{from: "internal/provider", may: []string{"internal/llm", "internal/dialect/...", "internal/dial", "internal/secret"}, why: "a provider is a dialect and a way out"},

	{from: "internal/journal", why: "the writer of calls does not know what they are about"},
	{from: "internal/telemetry", may: []string{"internal/journal"}, why: "telemetry is told facts of calls and commits, and knows no other concern"},
	{from: "internal/backup", why: "a backup is files and tables; it does not know what stands in them"},
	{from: "internal/store", may: []string{"internal/journal"}, why: "the store implements what others ask for and asks nobody"},

	{from: "internal/gateway", free: true, never: []string{"internal/server", "internal/agent", "internal/config"}, why: "the road of a call does not know who calls"},
	{from: "internal/agent", free: true, never: []string{"internal/server", "internal/provider/..."}, why: "agents are clients of the gateway: there is no second road to a model"},
	{from: "internal/chat", free: true, never: []string{"internal/server", "internal/agent", "internal/provider/..."}, why: "chat is a client of the gateway: there is no second road to a model"},
	{from: "web", std: true, why: "the Terminal is files; it speaks to the server over HTTP alone"},
	{from: "internal/server", free: true, never: []string{"internal/store/..."}, why: "the surface asks the gateway, agents and small interfaces; it does not know the database"},
	{from: "bench", never: []string{"."}, why: "the yardstick looks at the program and its database from outside"},
	{from: "internal/...", free: true, never: []string{"cmd/..."}, why: "commands put the parts together, never the other way"},
}

// The folders whose packages may import the store: what puts the program together, and tests.
var storeUsers = []string{"cmd/...", "internal/store/..."}

func TestImports(t *testing.T) {
	imports := packages(t)
	for _, from := range slices.Sorted(maps.Keys(imports)) {
		for _, to := range imports[from] {
			for _, r := range rules {
				if within(from, r.from) && !forTests(from) && r.breaks(from, to) {
					t.Errorf("%s imports %s: %s", from, to, r.why)
				}
			}
			if within(to, "internal/store/...") && !forTests(from) && !slices.ContainsFunc(storeUsers, func(p string) bool { return within(from, p) }) {
				t.Errorf("%s imports %s: only cmd and tests know the database; declare the small interface you need", from, to)
			}
		}
	}
}

// Fakes and contract suites live in packages named …test. None of them, nor
// package testing, is part of a program.
func TestNoTestCodeInPrograms(t *testing.T) {
	imports := packages(t)
	for _, from := range slices.Sorted(maps.Keys(imports)) {
		if forTests(from) {
			continue
		}
		for _, to := range imports[from] {
			if forTests(to) || to == "testing" || strings.HasPrefix(to, "testing/") || to == "net/http/httptest" {
				t.Errorf("%s imports %s: what is for tests never reaches a program", from, to)
			}
		}
	}
}

// A new package finds its place in the architecture first.
func TestEveryPackageHasARule(t *testing.T) {
	imports := packages(t)
	for from := range imports {
		if within(from, "cmd/...") || forTests(from) {
			continue
		}
		if !slices.ContainsFunc(rules, func(r rule) bool { return r.from != "internal/..." && within(from, r.from) }) {
			t.Errorf("%s: no rule says what it may import", from)
		}
	}
}

// The rules themselves, on imports that are not in the repository.
func TestRules(t *testing.T) {
	for _, test := range []struct {
		from, to string
		broken   bool
	}{
		{".", "time", false},
		{".", "golang.org/x/text", true},
		{".", "internal/llm", true},
		{"internal/llm", ".", true},
		{"internal/limit", ".", false},
		{"internal/limit", "golang.org/x/sync", false},
		{"internal/limit", "internal/credit", true},
		{"internal/credit", "internal/llm", false},
		{"internal/dialect/chat", "internal/llm", false},
		{"internal/dialect/chat", "internal/dialect", false},
		{"internal/dialect/chat", "internal/provider", true},
		{"internal/provider", "internal/dialect/chat", false},
		{"internal/provider", "internal/gateway", true},
		{"internal/audit", "internal/dlp", true},
		{"internal/store", "internal/secret", true},
		{"internal/agent", "internal/gateway", false},
		{"internal/agent", "internal/provider", true},
		{"internal/chat", "internal/gateway", false},
		{"internal/chat", "internal/provider", true},
		{"internal/server", "internal/gateway", false},
		{"internal/server", "internal/store", true},
		{"internal/gateway", "cmd/sallyport", true},
		{"bench", "modernc.org/sqlite", false},
		{"bench", ".", true},
		{"bench", "internal/store", true},
	} {
		broken := slices.ContainsFunc(rules, func(r rule) bool { return within(test.from, r.from) && r.breaks(test.from, test.to) })
		if broken != test.broken {
			t.Errorf("%s imports %s: broken is %v, want %v", test.from, test.to, broken, test.broken)
		}
	}
}

func (r rule) breaks(from, to string) bool {
	matches := func(pattern string) bool { return within(to, pattern) }
	ours := to == "." || strings.HasPrefix(to, "internal/") || strings.HasPrefix(to, "cmd/") || to == "web"
	switch {
	case slices.ContainsFunc(r.never, matches):
		return true
	case r.std:
		return ours || strings.Contains(strings.Split(to, "/")[0], ".")
	case r.free || !ours || to == ".":
		return false
	case strings.HasSuffix(r.from, "/...") && within(to, r.from):
		return false
	}
	return !slices.ContainsFunc(r.may, matches)
}

// within says whether a package matches a pattern.
func within(pkg, pattern string) bool {
	base, below := strings.CutSuffix(pattern, "/...")
	return pkg == base || below && strings.HasPrefix(pkg, base+"/")
}

// forTests says whether a package is for tests alone.
func forTests(pkg string) bool { return strings.HasSuffix(path.Base(pkg), "test") }

// packages reads which packages each package of the module imports outside of
// its tests, for every system that it is built for.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	imports := make(map[string][]string)
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == "node_modules" || len(entry.Name()) > 1 && strings.HasPrefix(entry.Name(), ".")):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(file))
		for _, spec := range parsed.Imports {
			to, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports[pkg] = append(imports[pkg], folder(to))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(imports) < 2 {
		t.Fatalf("found only the packages %v", imports)
	}
	return imports
}

// folder names a package of this module by its folder, and leaves others as they are.
func folder(pkg string) string {
	if pkg == module {
		return "."
	}
	return strings.TrimPrefix(pkg, module+"/")
}
