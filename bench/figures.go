package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// quantile returns the smallest value that at least the part q of all values
// does not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// median returns the middle of values, or between the two in the middle. It is
// NaN of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// figure is a number that a result shows, perhaps beside direct and floor of the
// same round. NaN stands for none.
type figure func(r, direct, floor result) float64

func perSecond(r, _, _ result) float64 { return r.perSecond }

func perSecondOfFloor(r, _, floor result) float64 { return r.perSecond / floor.perSecond }

func cpu(r, _, _ result) float64 {
	if r.target == direct {
		return math.NaN()
	}
	return r.cpu
}

func cpuOfFloor(r, _, floor result) float64 {
	if r.target == direct || floor.cpu == 0 {
		return math.NaN()
	}
	return r.cpu / floor.cpu
}

// inMS takes a time of a result, in milliseconds.
func inMS(of func(r result) time.Duration) figure {
	return func(r, _, _ result) float64 { return ms(of(r)) }
}

// added is how much longer a time is than with the provider alone.
func added(of func(r result) time.Duration) figure {
	return func(r, d, _ result) float64 {
		if r.target == direct {
			return math.NaN()
		}
		return ms(of(r)) - ms(of(d))
	}
}

// The times of a result.
func first50(r result) time.Duration { return r.first50 }
func first99(r result) time.Duration { return r.first99 }
func p50(r result) time.Duration     { return r.p50 }
func p99(r result) time.Duration     { return r.p99 }
func gap50(r result) time.Duration   { return r.gap50 }

// gapOff is how far the gap between two pieces is from the provider's.
func gapOff(r, d, _ result) float64 { return math.Abs(ms(r.gap50) - ms(d.gap50)) }

func pieces(r, _, _ result) float64 {
	if r.pieces == 0 {
		return math.NaN()
	}
	return r.pieces
}

func memoryBefore(r, _, _ result) float64 { return orNone(r.memoryBefore) }
func memoryAtPeak(r, _, _ result) float64 { return orNone(r.memoryPeak) }

func orNone(f float64) float64 {
	if f == 0 {
		return math.NaN()
	}
	return f
}

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// figure is the median over the rounds; NaN: it was not measured.
func (m measurement) figure(f figure, scenario, target string) float64 {
	return median(m.figures(f, scenario, target))
}

// figures has one for each round that had an answer: what answers nothing takes no
// time.
func (m measurement) figures(f figure, scenario, target string) (all []float64) {
	for _, r := range m.runs {
		if r.scenario != scenario || r.target != target || r.answers == 0 {
			continue
		}
		if value := f(r, m.find(r, direct), m.find(r, floor)); !math.IsNaN(value) && !math.IsInf(value, 0) {
			all = append(all, value)
		}
	}
	return all
}

// cell is a figure in a table.
func cell(format string, figure float64) string {
	if math.IsNaN(figure) {
		return "–"
	}
	return fmt.Sprintf(format, figure)
}
