package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// diskHouse is a house whose data folder lies on a small disk of its own.
type diskHouse struct {
	*house
	disk *smallDisk
}

func openDiskHouse(t *testing.T) *diskHouse {
	t.Helper()
	h := newHouse(t, nodesConfig, "")
	d := &diskHouse{h, mountSmallDisk(t, filepath.Join(h.dir, "disk"))}
	// Whoever runs the program from here on runs it where the disk is seen.
	programs := filepath.Join(h.dir, "programs")
	d.disk.wrap("sallyport", programs, h.env["PATH"])
	h.env["PATH"] = programs
	h.env["SALLYPORT_DATA"] = filepath.Join(d.disk.at, "data")
	h.account = initAccount(t, h.dir, h.env)
	h.start()
	return d
}

// leaveDisk puts what is on the disk where the test sees it.
func (h *diskHouse) leaveDisk() {
	h.t.Helper()
	left := filepath.Join(h.dir, "left")
	h.disk.run("cp", "-r", h.env["SALLYPORT_DATA"], left)
	h.env["SALLYPORT_DATA"] = left
}

func (h *diskHouse) remount(how string) {
	h.t.Helper()
	h.disk.run("mount", "-o", "remount,bind,"+how, h.disk.at)
}

// fill writes to the disk until not one byte more fits.
func (h *diskHouse) fill() (end func()) {
	h.t.Helper()
	path := h.disk.path("filler")
	f, err := os.Create(path)
	if err != nil {
		h.t.Fatal(err)
	}
	for size := 1 << 20; size > 0; {
		if _, err = f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		h.t.Fatalf("fill the disk: %v", err)
	}
	if err := f.Close(); err != nil {
		h.t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			h.t.Error(err)
		}
	}
}

// limitFiles lets the server write to no file beyond its first byte.
func (h *diskHouse) limitFiles() (end func()) {
	h.t.Helper()
	set := func(limit string) {
		out, err := exec.Command("prlimit", "--pid", strconv.Itoa(h.server.cmd.Process.Pid), "--fsize="+limit).CombinedOutput()
		if err != nil && h.server.cmd.ProcessState == nil {
			h.t.Fatalf("limit the size of files: %v: %s", err, out)
		}
	}
	set("1:unlimited")
	return func() { set("unlimited:unlimited") }
}

// injected lets system calls of the server fail.
func injected(calls, with string) func(h *diskHouse) (end func()) {
	return func(h *diskHouse) (end func()) {
		h.t.Helper()
		tracer := exec.Command("strace", "-f", "-o", os.DevNull, "-p", strconv.Itoa(h.server.cmd.Process.Pid),
			"-e", "trace="+calls, "-e", "inject="+calls+":error="+with)
		said, err := tracer.StderrPipe()
		if err == nil {
			err = tracer.Start()
		}
		if err != nil {
			h.t.Fatalf("this test needs Debian's strace: %v", err)
		}
		line, _ := bufio.NewReader(said).ReadString('\n')
		if !strings.Contains(line, " attached") {
			h.t.Fatalf("this test needs the right to trace its processes, as root or by kernel.yama.ptrace_scope=0: %s", line)
		}
		go func() { _, _ = io.Copy(io.Discard, said) }() // ends with the tracer
		return func() {
			_ = tracer.Process.Signal(os.Interrupt) // it may have ended with the server
			_ = tracer.Wait()
		}
	}
}

// smallDiskSize holds a database and its write-ahead log for some hundred calls.
const smallDiskSize = "24m"

// smallDisk is a tmpfs in a mount namespace of its own, which lasts as long as
// its keeper, a process that does nothing.
type smallDisk struct {
	t      *testing.T
	at     string
	keeper *exec.Cmd
	enter  []string // the command that runs another in the namespace
}

// mountSmallDisk mounts at a folder that it makes. It needs to be root, or the
// right to be root in a namespace.
func mountSmallDisk(t *testing.T, at string) *smallDisk {
	t.Helper()
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Fatal(err)
	}
	leave, enter := []string{"--mount"}, []string{"--mount"}
	if os.Getuid() != 0 {
		leave, enter = append(leave, "--user", "--map-root-user"), append(enter, "--user", "--preserve-credentials")
	}
	d := &smallDisk{t: t, at: at}
	d.keeper = exec.Command("unshare", append(leave, "sh", "-c",
		`mount -t tmpfs -o size="$1" tmpfs "$2" && echo mounted && exec cat`, "sh", smallDiskSize, at)...)
	stdin, err := d.keeper.StdinPipe() // its end ends the keeper, also when this process is killed
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.keeper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var failure strings.Builder
	d.keeper.Stderr = &failure
	if err := d.keeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = d.keeper.Wait() // how it ends says nothing
	})
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "mounted\n" {
		_ = stdin.Close()
		_ = d.keeper.Wait()
		t.Fatalf("this test mounts a small file system that it alone sees, and may not: run it as root, "+
			"or allow namespaces of users (sysctl kernel.unprivileged_userns_clone=1): %s", failure.String())
	}
	d.enter = append([]string{"nsenter", "--target", strconv.Itoa(d.keeper.Process.Pid)}, append(enter, "--")...)
	return d
}

// path is where this process finds a file of the disk.
func (d *smallDisk) path(name string) string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", d.keeper.Process.Pid), d.at, name)
}

// run runs a command where the disk is seen.
func (d *smallDisk) run(args ...string) {
	d.t.Helper()
	all := append(append([]string(nil), d.enter...), args...)
	if out, err := exec.Command(all[0], all[1:]...).CombinedOutput(); err != nil {
		d.t.Fatalf("%v: %v: %s", args, err, out)
	}
}

// wrap puts a program of that name into a new folder, which runs the one on the
// given PATH where the disk is seen.
func (d *smallDisk) wrap(name, folder, path string) {
	d.t.Helper()
	program, err := lookPath(name, path)
	if err != nil {
		d.t.Fatal(err)
	}
	enter, err := exec.LookPath(d.enter[0])
	if err != nil {
		d.t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		d.t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nexec %s %s %s \"$@\"\n", enter, strings.Join(d.enter[1:], " "), program)
	// A process that another test starts meanwhile would hold the file open for
	// writing for a moment, in which it cannot be run (go.dev/issue/22315).
	syscall.ForkLock.RLock()
	err = os.WriteFile(filepath.Join(folder, name), []byte(script), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		d.t.Fatal(err)
	}
}
