package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// What processes cost, as Linux tells it in /proc. It counts time in hundredths of
// a second.
const tick = time.Second / 100

// cpuOf is what a process has used so far, user and system time together.
func cpuOf(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseCPU(string(stat))
}

// parseCPU reads fields 14 and 15 of /proc/PID/stat. Field 2, the name, may hold
// spaces and parentheses, so the count begins behind its last one.
func parseCPU(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat is too short")
	}
	return ticks(fields[11:13])
}

func ticks(fields []string) (sum time.Duration, err error) {
	for _, f := range fields {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// cpuOfAll is what everything on the machine has used so far.
func cpuOfAll() (time.Duration, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return parseCPUOfAll(string(stat))
}

// parseCPUOfAll reads the first line of /proc/stat: user, nice, system, then idle
// and waiting, which are not use, then interrupts, hard and soft.
func parseCPUOfAll(stat string) (time.Duration, error) {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 8 || fields[0] != "cpu" {
		return 0, errors.New("/proc/stat does not begin as expected")
	}
	return ticks(append(fields[1:4:4], fields[6:8]...))
}

// Lines of /proc/PID/status: the memory of a process that is in RAM, now and at
// most since forgetPeak.
const (
	memoryNow  = "VmRSS:"
	memoryPeak = "VmHWM:"
)

func memoryOf(pid int, which string) (mib float64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return parseMemory(string(status), which)
}

func parseMemory(status, which string) (mib float64, err error) {
	for line := range strings.Lines(status) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == which && fields[2] == "kB" {
			kib, err := strconv.ParseFloat(fields[1], 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("/proc/PID/status has no %s", which)
}

// forgetPeak makes the peak of a process what it has now.
func forgetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}
