package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var updateLicences = flag.Bool("update-licences", false, "write licences.txt anew")

// Each module that the program is built of stands in licences.txt with its licence.
func TestLicences(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", `{{with .Module}}{{if not .Main}}{{.Path}}{{"\t"}}{{.Dir}}{{end}}{{end}}`, ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		if module, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && found[module] == "" {
			found[module] = licenceIn(dir)
		}
	}
	var text strings.Builder
	for _, module := range slices.Sorted(maps.Keys(found)) {
		if found[module] == "" {
			t.Errorf("%s: no licence is recognised", module)
		}
		fmt.Fprintf(&text, "%s\t%s\n", module, found[module])
	}
	if *updateLicences {
		if err := os.WriteFile("licences.txt", []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if text.String() != licences {
		t.Errorf("licences.txt is not that of the modules: run 'go test ./cmd/sallyport -run TestLicences -update-licences'\n%s", text.String())
	}
}

// licenceIn recognises the licence of a module by the words that only it has.
func licenceIn(dir string) string {
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, file := range files {
		name := strings.ToUpper(filepath.Base(file))
		if !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		body, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		text := strings.Join(strings.Fields(string(body)), " ")
		for _, l := range []struct{ words, name string }{
			{"Apache License", "Apache-2.0"},
			{"Mozilla Public License", "MPL-2.0"},
			{"Permission is hereby granted, free of charge", "MIT"},
			{"Permission to use, copy, modify, and/or distribute", "ISC"},
			{"Permission to use, copy, modify, and distribute", "ISC"},
			{"Neither the name", "BSD-3-Clause"},
			{"Redistribution and use in source and binary forms", "BSD-2-Clause"},
			{"The Unlicense", "Unlicense"},
			{"This is free and unencumbered software", "Unlicense"},
		} {
			if strings.Contains(text, l.words) {
				return l.name
			}
		}
	}
	return ""
}
