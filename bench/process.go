package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// target is where calls are sent.
type target struct {
	name string
	url  string
	key  string // the API key that callers show
	pid  int    // of the process whose cost is counted; 0: none
}

// The targets.
const (
	direct  = "direct"
	floor   = "floor"
	gateway = "sallyport"
)

// cpu is what the target's process has used so far, user and system time
// together. The kernel counts in hundredths of a second.
func (t target) cpu() (time.Duration, error) {
	if t.pid == 0 {
		return 0, nil
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", t.pid))
	if err != nil {
		return 0, err
	}
	return parseCPU(string(stat))
}

// parseCPU reads fields 14 and 15 of /proc/PID/stat. Field 2, the name, may hold
// spaces and parentheses, so the count begins behind its last one.
func parseCPU(stat string) (time.Duration, error) {
	const tick = time.Second / 100
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat is too short")
	}
	user, uerr := strconv.ParseInt(fields[11], 10, 64)
	system, serr := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, errors.Join(uerr, serr)
}

// startTargets starts all processes; stop ends them and removes what they wrote.
func startTargets(ctx context.Context, binary string) (targets []target, stop func() error, err error) {
	var stops []func() error
	stop = func() error {
		var errs []error
		for _, s := range slices.Backward(stops) {
			errs = append(errs, s())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, stop())
		}
	}()
	start := func(name, key string, cmd *exec.Cmd) (target, error) {
		url, end, err := startServer(cmd)
		if err != nil {
			return target{}, fmt.Errorf("start %s: %w", name, err)
		}
		stops = append(stops, end)
		return target{name: name, url: url, key: key, pid: cmd.Process.Pid}, nil
	}

	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	provider, err := start(direct, "", exec.CommandContext(ctx, self, mockMode))
	if err != nil {
		return nil, nil, err
	}
	proxy, err := start(floor, "", exec.CommandContext(ctx, self, floorMode, provider.url))
	if err != nil {
		return nil, nil, err
	}
	folder, err := os.MkdirTemp(filepath.Dir(binary), "bench-") // on the disk that the repository is on, not in memory
	if err != nil {
		return nil, nil, err
	}
	stops = append(stops, func() error { return os.RemoveAll(folder) })
	serve, key, err := setUpGateway(ctx, binary, folder, provider.url)
	if err != nil {
		return nil, nil, err
	}
	served, err := start(gateway, key, serve)
	if err != nil {
		return nil, nil, err
	}
	provider.pid = 0 // nothing lies between the caller and the provider
	return []target{provider, proxy, served}, stop, nil
}

// setUpGateway makes an instance with all checks on and nothing that refuses,
// and returns the command that serves it and an API key.
func setUpGateway(ctx context.Context, binary, folder, provider string) (serve *exec.Cmd, key string, err error) {
	config, err := json.Marshal(gatewayConfig(provider))
	if err != nil {
		return nil, "", err
	}
	file := filepath.Join(folder, "sallyport.yaml")
	if err := os.WriteFile(file, config, 0o600); err != nil { // JSON is YAML too
		return nil, "", err
	}
	command := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, binary, append(args, "--data", filepath.Join(folder, "data"), "--config", file)...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")} // no provider and no option from outside
		return cmd
	}
	made, err := command("init", "--json").Output()
	if err != nil {
		return nil, "", fmt.Errorf("init: %w", err)
	}
	var first struct {
		APIKey string `json:"api_key"`
	}
	if err := json.Unmarshal(made, &first); err != nil {
		return nil, "", err
	}
	if err := command("credit", "grant", "1000000").Run(); err != nil {
		return nil, "", fmt.Errorf("credit grant: %w", err)
	}
	return command("serve", "--addr", "127.0.0.1:0"), first.APIKey, nil
}

func gatewayConfig(provider string) any {
	type object = map[string]any
	rates := object{"requests_per_minute": 6_000_000, "tokens_per_minute": 10_000_000_000}
	var catalogue []object
	for _, name := range models() {
		catalogue = append(catalogue, object{"id": name, "provider": "mock", "price": object{"input": 0.1, "output": 0.4}})
	}
	return object{
		"durability": "strict",
		"dlp":        object{"mode": "enforce"},
		"limits":     object{"organisation": rates, "user": rates, "key": rates},
		"providers":  []object{{"name": "mock", "type": "openai", "base_url": provider + "/v1", "api_key": gatewayCredential}},
		"models":     catalogue,
	}
}

// How long a server may take to start and to end.
const (
	startTime = 30 * time.Second
	stopTime  = 20 * time.Second
)

// startServer starts cmd and waits for the first line it prints, which ends with
// its address. stop ends it.
func startServer(cmd *exec.Cmd) (url string, stop func() error, err error) {
	cmd.Stderr = os.Stderr
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
	return words[len(words)-1], stop, nil
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
	return (&http.Server{Handler: h, ReadHeaderTimeout: callTime}).Serve(listener)
}
