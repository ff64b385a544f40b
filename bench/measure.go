package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"
)

// measurement is all that was measured.
type measurement struct {
	scenarios []scenario // with the targets that were measured
	rounds    int
	runs      []result
	commits   []commit
	idle      map[string]float64 // memory of targets before their first call, MiB
	verdicts  []verdict
	profiles  []profile
}

// result is one target under one scenario in one round.
type result struct {
	scenario, target string
	round            int

	answers, failed          int
	perSecond                float64
	first50, first99         time.Duration
	p50, p99                 time.Duration
	gap50                    time.Duration // of paced streams
	pieces                   float64       // chunks that brought text, of each stream
	cpu                      float64       // µs of the target's process for each answer; 0: not counted
	memoryBefore, memoryPeak float64       // MiB
	lost                     int           // answers without an intent or an outcome in the trail
	others                   float64       // cores that programs used which are no part of this
}

// A run is a warm-up and the time that is measured. With three rounds all of it
// takes about twenty minutes; with -short about three.
const (
	warmTime      = 500 * time.Millisecond
	loadTime      = 2500 * time.Millisecond
	warmTimeShort = 100 * time.Millisecond
	loadTimeShort = 500 * time.Millisecond
)

// measure starts everything, sends the load and stops everything.
func measure(ctx context.Context, o options) (m measurement, err error) {
	m = measurement{scenarios: chosen(o), rounds: o.rounds, idle: make(map[string]float64)}
	if len(m.scenarios) == 0 {
		return m, errors.New("nothing matches -only")
	}
	s, err := openStage(ctx, o, namesOf(m.scenarios))
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for name, t := range s.targets {
		m.idle[name] = t.idle
	}
	for round := range o.rounds {
		if err := m.round(ctx, s, o, round); err != nil {
			return m, err
		}
	}
	m.verdicts = judge(m)
	if o.profiles != "" {
		m.profiles, err = s.profile(ctx, o, m.verdicts)
	}
	return m, err
}

// chosen are the scenarios with the targets that -only and -postgres leave.
func chosen(o options) (left []scenario) {
	for _, s := range scenarios {
		targets := slices.DeleteFunc(slices.Clone(s.targets), func(name string) bool {
			return name != direct && name != floor && !o.only.MatchString(s.name+": "+name) ||
				o.postgres == "" && (name == postgresStrict || name == postgresRelaxed)
		})
		if len(targets) > 2 || o.only.MatchString(s.name+": "+direct) || o.only.MatchString(s.name+": "+floor) {
			s.targets = targets
			left = append(left, s)
		}
	}
	return left
}

// namesOf are the targets of all the scenarios, each once.
func namesOf(scenarios []scenario) (names []string) {
	for _, s := range scenarios {
		for _, name := range s.targets {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// round measures each scenario on each of its targets once.
func (m *measurement) round(ctx context.Context, s *stage, o options, round int) error {
	for _, c := range s.commits {
		measured, err := c.measure(ctx)
		if err != nil {
			return err
		}
		measured.round = round
		m.commits = append(m.commits, measured)
	}
	order := rand.New(rand.NewPCG(uint64(round), 0)) // another one each round, the same each time
	for _, sc := range m.scenarios {
		targets := slices.Clone(sc.targets)
		order.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
		for _, name := range targets {
			r, err := s.measure(ctx, s.targets[name], sc, o)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", sc.name, name, err)
			}
			r.round = round
			m.runs = append(m.runs, r)
			fmt.Fprintf(os.Stderr, "round %d of %d  %-48s %-28s %7.0f/s  %6.0f µs\n", round+1, m.rounds, sc.name, name, r.perSecond, r.cpu)
		}
	}
	return nil
}

// used is CPU time at one moment.
type used struct{ target, provider, callers, all time.Duration }

func (s *stage) used(t *target) (u used, err error) {
	var errs [4]error
	if t.pid != 0 {
		u.target, errs[0] = cpuOf(t.pid)
	}
	u.provider, errs[1] = cpuOf(s.mockPID)
	u.callers, errs[2] = cpuOf(os.Getpid())
	u.all, errs[3] = cpuOfAll()
	return u, errors.Join(errs[:]...)
}

// measure makes one run. The target's CPU is taken from before its first request
// to after its last answer and divided by all answers, so that what is under way
// at either end of the measured time is neither lost nor counted twice.
func (s *stage) measure(ctx context.Context, t *target, sc scenario, o options) (r result, err error) {
	r = result{scenario: sc.name, target: t.name}
	if t.pid != 0 {
		if err := forgetPeak(t.pid); err != nil {
			return r, err
		}
		if r.memoryBefore, err = memoryOf(t.pid, memoryNow); err != nil {
			return r, err
		}
	}
	before, err := s.used(t)
	if err != nil {
		return r, err
	}
	begun := time.Now()
	all := load(ctx, *t, sc, warm(o), duration(o))
	took := time.Since(begun)
	if err := ctx.Err(); err != nil {
		return r, err
	}
	after, err := s.used(t)
	if err != nil {
		return r, err
	}
	if t.pid != 0 {
		if r.memoryPeak, err = memoryOf(t.pid, memoryPeak); err != nil {
			return r, err
		}
		r.memoryPeak = max(r.memoryPeak, r.memoryBefore) // the kernel counts pages in batches
	}
	r.take(all)
	if all.answers > 0 {
		r.cpu = float64((after.target - before.target).Microseconds()) / float64(all.answers)
	}
	ours := after.target + after.provider + after.callers - before.target - before.provider - before.callers
	r.others = max(0, (after.all-before.all-ours).Seconds()/took.Seconds())
	if all.failed > 0 {
		fmt.Fprintf(os.Stderr, "%s, %s: %d of %d calls failed, the first: %v\n", sc.name, t.name, all.failed, all.failed+all.answers, all.failure)
	}
	if t.trail != nil {
		intents, outcomes, err := t.trail.count(ctx)
		if err != nil {
			return r, err
		}
		r.lost = max(0, all.answers-min(intents, outcomes))
	}
	return r, t.rest(ctx)
}

func warm(o options) time.Duration {
	if o.short {
		return warmTimeShort
	}
	return warmTime
}

func duration(o options) time.Duration {
	if o.short {
		return loadTimeShort
	}
	return loadTime
}

// take makes figures of a load.
func (r *result) take(all tally) {
	for _, timings := range [][]time.Duration{all.first, all.whole, all.gaps} {
		slices.Sort(timings)
	}
	r.answers, r.failed = all.answers, all.failed
	r.perSecond = float64(all.finished) / all.elapsed.Seconds()
	r.first50, r.first99 = quantile(all.first, 0.50), quantile(all.first, 0.99)
	r.p50, r.p99 = quantile(all.whole, 0.50), quantile(all.whole, 0.99)
	r.gap50 = quantile(all.gaps, 0.50)
	if all.answers > 0 {
		r.pieces = float64(all.pieces) / float64(all.answers)
	}
}

// find returns the result of another target beside r: same scenario, same round.
// There is none of what was not measured.
func (m measurement) find(r result, target string) result {
	i := slices.IndexFunc(m.runs, func(o result) bool {
		return o.target == target && o.scenario == r.scenario && o.round == r.round
	})
	if i < 0 {
		return result{}
	}
	return m.runs[i]
}

// gateways are the names of the gateways that were measured.
func (m measurement) gateways() []string {
	return slices.DeleteFunc(namesOf(m.scenarios), func(name string) bool { return !strings.HasPrefix(name, "sallyport") })
}
