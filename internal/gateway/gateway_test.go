package gateway_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/gateway"
)

// The order of the stages is a promise; each stands where it stands for a reason.
func TestStages(t *testing.T) {
	want := []string{"record", "resolve", "limit", "once", "screen", "admit", "dispatch"}
	var got []string
	for _, s := range gateway.Stages() {
		got = append(got, s.Name)
		if s.Reason == "" {
			t.Errorf("stage %s has no reason for its place", s.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the stages are %v, want %v", got, want)
	}
}

// There is no second road to a model: only the gateway's dispatch asks a
// directory for a provider or a provider for an answer. Wherever else package
// provider is used, it is for these alone.
func TestOneRoad(t *testing.T) {
	allowed := map[string][]string{
		"internal/gateway":  {"Provider", "TokenCounter"},
		"internal/server":   {"Check", "Config", "PublicAddress", "Probe", "FailureOf", "Failure", "NoListOf", "RateLimited", "BadStatus", "BadAnswer"},
		"internal/provider": nil,
		"cmd/sallyport":     {"Config", "Directory", "New", "NewDirectory", "NoListOf", "Types"},
	}
	root := filepath.Join("..", "..")
	used := 0
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		pkg, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil || strings.HasSuffix(pkg, "test") {
			return err
		}
		for _, name := range ofProvider(t, file) {
			used++
			if !slices.Contains(allowed[filepath.ToSlash(pkg)], name) {
				t.Errorf("%s uses provider.%s", file, name)
			}
		}
		return nil
	})
	if err != nil || used == 0 {
		t.Errorf("found %d uses: %v", used, err)
	}
}

// ofProvider lists what a file uses of package provider.
func ofProvider(t *testing.T, file string) (names []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	imported := slices.ContainsFunc(parsed.Imports, func(i *ast.ImportSpec) bool {
		return i.Path.Value == `"github.com/sallyport-ai/sallyport/internal/provider"`
	})
	if !imported {
		return nil
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "provider" {
				names = append(names, s.Sel.Name)
			}
		}
		return true
	})
	return names
}
