package main

import "github.com/sallyport-ai/sallyport/internal/server"

// openapiCmd prints the API's description without an instance: the Terminal's
// client and others are generated from it.
type openapiCmd struct{}

func (c *openapiCmd) Run(a *app) error {
	described, err := server.Description(programVersion())
	if err != nil {
		return err
	}
	_, err = a.out.Write(described)
	return err
}
