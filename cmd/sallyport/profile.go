package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
)

// profileCPU writes what this program spends its CPU on to a file, until stop is
// called, for 'go tool pprof'; with no path it does nothing. A server is profiled
// this way alone: it answers nothing under /debug. The profile names functions of
// the program, no data. The file is new, so that nothing is overwritten and its
// owner alone reads it.
func profileCPU(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the file for the CPU profile: %w: name one that does not exist with --cpu-profile", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}
