package main

import (
	"strings"
	"testing"
	"time"
)

func TestParseCPU(t *testing.T) {
	const stat = "4711 (a (bad) name 9) S 1 4711 4711 0 -1 4194304 500 0 0 0 123 77 0 0 20 0 9 0 100 1000 200 18446744073709551615"
	got, err := parseCPU(stat)
	if err != nil || got != 2*time.Second {
		t.Errorf("parseCPU = %v, %v, want 2s", got, err)
	}
	for _, bad := range []string{"", "1 (x) S 1 2 3", strings.Replace(stat, "123", "many", 1)} {
		if got, err := parseCPU(bad); err == nil {
			t.Errorf("parseCPU(%q) = %v, want an error", bad, got)
		}
	}
}

func TestParseCPUOfAll(t *testing.T) {
	const stat = "cpu  100 10 20 9999 8888 3 4 7777 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"
	got, err := parseCPUOfAll(stat)
	if err != nil || got != 1370*time.Millisecond {
		t.Errorf("parseCPUOfAll = %v, %v, want 1.37s", got, err)
	}
	for _, bad := range []string{"", "cpu 1 2 3", strings.Replace(stat, "100", "many", 1), strings.Replace(stat, "cpu ", "gpu ", 1)} {
		if got, err := parseCPUOfAll(bad); err == nil {
			t.Errorf("parseCPUOfAll(%q) = %v, want an error", bad, got)
		}
	}
}

func TestParseMemory(t *testing.T) {
	const status = "Name:\tsallyport\nVmHWM:\t  204800 kB\nVmRSS:\t   51200 kB\nThreads:\t9\n"
	for which, want := range map[string]float64{memoryNow: 50, memoryPeak: 200} {
		if got, err := parseMemory(status, which); err != nil || got != want {
			t.Errorf("parseMemory(%s) = %v, %v, want %v", which, got, err, want)
		}
	}
	for _, bad := range []string{"", "VmRSS:\tmany kB\n", "VmRSS:\t1 MB\n"} {
		if got, err := parseMemory(bad, memoryNow); err == nil {
			t.Errorf("parseMemory(%q) = %v, want an error", bad, got)
		}
	}
}
