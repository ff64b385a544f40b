package sallyport_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestThreats: docs/threats.md promises tests; each that it names is there, in
// the package that it names.
func TestThreats(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/threats.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:internal|cmd)/[a-z/]+): ([A-Za-z_, ]+)`").FindAllStringSubmatch(string(text), -1)
	if len(named) < 50 {
		t.Fatalf("found only %d names of tests", len(named))
	}
	tests := make(map[string]string) // what the tests of a package say
	for _, n := range named {
		folder, names := n[1], strings.Split(n[2], ", ")
		if tests[folder] == "" {
			files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				source, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				tests[folder] += string(source)
			}
		}
		for _, name := range names {
			if !strings.Contains(tests[folder], "\nfunc "+name+"(") {
				t.Errorf("%s has no test %s", folder, name)
			}
		}
	}
}
