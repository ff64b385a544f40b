package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// gateway sets up an instance with all checks on and nothing that refuses, and
// starts it. profile is a file for its CPU profile; "": none.
func (s *stage) gateway(ctx context.Context, k kind, profile string) (*target, error) {
	folder, err := os.MkdirTemp(s.folder, "gateway-")
	if err != nil {
		return nil, err
	}
	database, err := s.database(ctx, k.database, filepath.Join(folder, "sallyport.db"))
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(gatewayConfig(k, database, s.targets[direct].addr))
	if err != nil {
		return nil, err
	}
	file := filepath.Join(folder, "sallyport.yaml")
	if err := os.WriteFile(file, config, 0o600); err != nil { // JSON is YAML too
		return nil, err
	}
	command := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, s.binary, append(args, "--data", filepath.Join(folder, "data"), "--config", file)...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")} // no provider and no option from outside
		return cmd
	}
	made, err := output(command("init", "--json"))
	if err != nil {
		return nil, err
	}
	var first struct {
		APIKey string `json:"api_key"`
		Org    string `json:"org_id"`
	}
	if err := json.Unmarshal(made, &first); err != nil {
		return nil, err
	}
	if _, err := output(command("credit", "grant", "1000000")); err != nil {
		return nil, err
	}
	serve := []string{"serve", "--addr", "127.0.0.1:0"}
	if profile != "" {
		serve = append(serve, "--cpu-profile", profile)
	}
	cmd := command(serve...)
	// A line for each call, as by default, and on the disk, as it would be.
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	cmd.Stderr = log
	t, err := s.start(ctx, &target{name: k.name, key: first.APIKey, database: k.database}, cmd)
	if err != nil {
		said, _ := os.ReadFile(log.Name()) // as much as there is
		return nil, fmt.Errorf("%w; it said:\n%s", err, said)
	}
	t.trail, err = s.openTrail(ctx, k.database, database, first.Org)
	return t, err
}

func output(cmd *exec.Cmd) ([]byte, error) {
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, fmt.Errorf("%s: %w: %s", cmd, err, exit.Stderr)
	}
	return out, err
}

func gatewayConfig(k kind, database, provider string) any {
	type object = map[string]any
	rates := object{"requests_per_minute": 6_000_000, "tokens_per_minute": 10_000_000_000}
	var catalogue []object
	for _, a := range answers() {
		m := object{"id": a.model(), "provider": "mock", "price": object{"input": 0.1, "output": 0.4}}
		if a.unscanned {
			m["dlp"] = "off"
		}
		catalogue = append(catalogue, m)
	}
	if k.database == sqlite {
		database = "sqlite://" + database
	}
	return object{
		"database":   database,
		"durability": k.durability,
		"dlp":        object{"mode": "enforce"},
		"limits":     object{"organisation": rates, "user": rates, "key": rates},
		// A type that speaks nothing but chat, so that callers of other dialects are translated.
		"providers": []object{{"name": "mock", "type": "vllm", "base_url": "http://" + provider + "/v1", "api_key": gatewayCredential}},
		"models":    catalogue,
	}
}
