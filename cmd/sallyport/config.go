package main

import (
	"context"
)

type configCmd struct {
	Print configPrint `cmd:"" help:"Print the effective configuration, secrets redacted."`
}

type configPrint struct{}

func (c *configPrint) Run(ctx context.Context, a *app) error {
	cfg, err := a.configuration(ctx, "", true)
	if err != nil {
		return err
	}
	return cfg.Print(a.out)
}
