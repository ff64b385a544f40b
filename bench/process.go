package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// How long a server may take to start and to end.
const (
	startTime = 30 * time.Second
	stopTime  = 30 * time.Second
)

// startServer starts cmd and waits for the first line it prints, which ends with
// its address. stop ends it.
func startServer(cmd *exec.Cmd) (addr string, stop func() error, err error) {
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTime
	stdin, err := cmd.StdinPipe() // its end ends a mock and a floor, also when this program is killed
	if err != nil {
		return "", nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	late := time.AfterFunc(startTime, func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	late.Stop()
	stop = func() error {
		_ = stdin.Close()
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
		kill := time.AfterFunc(stopTime, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		_, _ = io.Copy(io.Discard, stdout)
		if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() > 0 {
			return fmt.Errorf("%s: %w", filepath.Base(cmd.Path), err)
		}
		return nil
	}
	if err != nil {
		return "", nil, errors.Join(errors.New("it did not say its address"), err, stop())
	}
	words := strings.Fields(line)
	return strings.TrimPrefix(words[len(words)-1], "http://"), stop, nil
}

// serveUntilEOF serves h on a free port, prints the address, and ends with its
// standard input.
func serveUntilEOF(h http.Handler) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: callTime,
		ErrorLog: log.New(io.Discard, "", 0), // what breaks is counted by the callers
	}
	return server.Serve(listener)
}
