package server

import (
	"encoding/json"
	"net/http"
)

// Description is what /openapi.json says, without a server: the Terminal's
// client is generated from it.
func Description(version string) ([]byte, error) {
	s := &Server{parts: Parts{Version: version}}
	described, err := json.MarshalIndent(s.control(http.NewServeMux()), "", "  ")
	if err != nil {
		return nil, err
	}
	return append(described, '\n'), nil
}
