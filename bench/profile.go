package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// profile is where the CPU of one target went under one scenario.
type profile struct {
	scenario, target string
	packages         []share // their own code, the largest first
	functions        []share // with all that they call, the largest first
}

// share is a part of all CPU time, in percent.
type share struct {
	name    string
	percent float64
}

const (
	profileTime      = 5 * time.Second
	profileTimeShort = 1 * time.Second
	sharesMost       = 12 // shown of a profile
	shareLeast       = 1  // shown at all, in percent
)

// profile repeats what was missed on a gateway of its own that writes a profile, so
// that neither the profile costs what was measured, nor other scenarios are in it.
func (s *stage) profile(ctx context.Context, o options, verdicts []verdict) (profiles []profile, err error) {
	if err := os.MkdirAll(o.profiles, 0o700); err != nil {
		return nil, err
	}
	for _, v := range verdicts {
		if v.held || !v.profiled || slices.ContainsFunc(profiles, func(p profile) bool {
			return p.scenario == v.scenario && p.target == v.target
		}) {
			continue
		}
		p, err := s.profileOne(ctx, o, v)
		if err != nil {
			return nil, fmt.Errorf("profile %s, %s: %w", v.scenario, v.target, err)
		}
		profiles = append(profiles, p)
	}
	return profiles, nil
}

func (s *stage) profileOne(ctx context.Context, o options, v verdict) (profile, error) {
	path, err := filepath.Abs(filepath.Join(o.profiles, strings.NewReplacer(" ", "-", ",", "").Replace(v.target+"-"+v.scenario)+".pprof"))
	if err != nil {
		return profile{}, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // of an earlier run: the gateway makes a new one
		return profile{}, err
	}
	d := profileTime
	if o.short {
		d = profileTimeShort
	}
	if err := s.loadProfiled(ctx, v, path, d); err != nil {
		return profile{}, err
	}
	top, err := output(exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-nodecount=1000000", "-nodefraction=0", "-edgefraction=0", path))
	if err != nil {
		return profile{}, err
	}
	p, err := parseTop(string(top))
	p.scenario, p.target = v.scenario, v.target
	return p, err
}

// loadProfiled ends the gateway, for only then is its profile complete.
func (s *stage) loadProfiled(ctx context.Context, v verdict, path string, d time.Duration) (err error) {
	alone := &stage{binary: s.binary, server: s.server, folder: s.folder, targets: map[string]*target{direct: s.targets[direct]}}
	defer func() { err = errors.Join(err, alone.close()) }()
	t, err := alone.gateway(ctx, kindOf(v.target), path)
	if err != nil {
		return err
	}
	sc := scenarios[slices.IndexFunc(scenarios, func(sc scenario) bool { return sc.name == v.scenario })]
	fmt.Fprintf(os.Stderr, "profile  %s  %s\n", v.scenario, v.target)
	load(ctx, *t, sc, 0, d) // failures have been counted before
	return ctx.Err()
}

// ours is how the product's own packages begin. Its commands are package main.
const ours = "github.com/sallyport-ai/sallyport"

// shownToo are functions that are not the product's and do work for it that no
// function of its own is seen to call, or that is spread over all of them.
var shownToo = []string{
	"runtime.gcBgMarkWorker", "runtime.mallocgc",
	"net/http.(*persistConn).readLoop", "net/http.(*persistConn).writeLoop", "net/http.(*conn).readRequest",
}

// parseTop reads what 'go tool pprof -top' prints: lines of flat, flat%, sum%, cum,
// cum% and the function's name.
func parseTop(top string) (profile, error) {
	_, table, found := strings.Cut(top, "cum%\n")
	if !found {
		return profile{}, errors.New("go tool pprof printed no table")
	}
	own := make(map[string]float64)
	var p profile
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 6 {
			return p, fmt.Errorf("go tool pprof printed %q", line)
		}
		flat, ferr := percent(fields[1])
		cum, cerr := percent(fields[4])
		if err := errors.Join(ferr, cerr); err != nil {
			return p, err
		}
		function := strings.TrimSuffix(strings.Join(fields[5:], " "), " (inline)")
		own[packageOf(function)] += flat
		if strings.HasPrefix(function, ours) || strings.HasPrefix(function, "main.") || slices.Contains(shownToo, function) {
			p.functions = append(p.functions, share{short(function), cum})
		}
	}
	for name, flat := range own {
		p.packages = append(p.packages, share{short(name), flat})
	}
	// What only calls another function has the same share: one of both is enough.
	p.functions = slices.CompactFunc(sorted(p.functions), func(a, b share) bool { return a.percent == b.percent })
	p.packages, p.functions = shown(sorted(p.packages)), shown(p.functions)
	return p, nil
}

// short leaves out where all of the product's packages are.
func short(name string) string {
	if name, found := strings.CutPrefix(name, ours+"/"); found {
		return strings.TrimPrefix(name, "internal/")
	}
	return strings.Replace(name, ours, "sallyport", 1)
}

func percent(s string) (float64, error) { return strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64) }

// packageOf cuts a function's name behind its package. Only routines in assembly,
// those that move and compare bytes, have none in their names.
func packageOf(function string) string {
	function, _, _ = strings.Cut(function, "[") // type arguments have dots and slashes of their own
	folder := strings.LastIndexByte(function, '/') + 1
	name, _, found := strings.Cut(function[folder:], ".")
	if !found {
		return "runtime"
	}
	return function[:folder] + name
}

func sorted(shares []share) []share {
	slices.SortFunc(shares, func(a, b share) int {
		return cmp.Or(cmp.Compare(b.percent, a.percent), strings.Compare(a.name, b.name))
	})
	return shares
}

// shown are the first, as far as they matter.
func shown(sorted []share) []share {
	sorted = sorted[:min(len(sorted), sharesMost)]
	return slices.DeleteFunc(sorted, func(s share) bool { return s.percent < shareLeast })
}
