package server_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// description is what these tests read of /openapi.json.
type description struct {
	OpenAPI string
	Info    struct{ Title, Version string }
	Paths   map[string]map[string]struct {
		OperationID string `json:"operationId"`
		Security    []map[string][]string
		Responses   map[string]json.RawMessage
	}
	Components struct {
		Schemas         map[string]json.RawMessage
		SecuritySchemes map[string]json.RawMessage
	}
	Security []map[string][]string
}

func describe(t *testing.T, h *servertest.House) (description, any) {
	t.Helper()
	a := h.Call(t, "", http.MethodGet, "/openapi.json", "")
	var d description
	var whole any
	for _, into := range []any{&d, &whole} {
		if err := json.Unmarshal([]byte(a.Body), into); err != nil {
			t.Fatalf("%d: %v", a.Status, err)
		}
	}
	return d, whole
}

func TestDescription(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	d, whole := describe(t, h)
	if !strings.HasPrefix(d.OpenAPI, "3.1.") || d.Info.Title == "" || d.Info.Version == "" {
		t.Errorf("got version %q, info %+v", d.OpenAPI, d.Info)
	}
	names := map[string]bool{}
	described := 0
	for path, operations := range d.Paths {
		if !strings.HasPrefix(path, "/api/v1/") {
			t.Errorf("%s is not of the control plane", path)
		}
		for method, op := range operations {
			described++
			if op.OperationID == "" || names[op.OperationID] {
				t.Errorf("%s %s: the operation id %q is empty or taken", method, path, op.OperationID)
			}
			names[op.OperationID] = true
			if len(op.Responses) == 0 {
				t.Errorf("%s has no responses", op.OperationID)
			}
			security := op.Security
			if security == nil {
				security = d.Security
			}
			for _, one := range security {
				for scheme := range one {
					if d.Components.SecuritySchemes[scheme] == nil {
						t.Errorf("%s: there is no security scheme %q", op.OperationID, scheme)
					}
				}
			}
			if slices.Contains(open, strings.ToUpper(method)+" "+path) {
				continue
			}
			if len(security) == 0 || slices.ContainsFunc(security, func(s map[string][]string) bool { return len(s) == 0 }) {
				t.Errorf("%s needs no key", op.OperationID)
			}
		}
	}
	routes := 0
	for _, pattern := range h.Server.Patterns() {
		if strings.Contains(pattern, " /api/v1/") {
			routes++
		}
	}
	if described != routes || routes == 0 {
		t.Errorf("%d operations are described, and there are %d routes", described, routes)
	}
	resolve(t, whole, whole)
}

// resolve follows every $ref.
func resolve(t *testing.T, whole, part any) {
	t.Helper()
	switch v := part.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			at := whole
			for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
				object, _ := at.(map[string]any)
				at = object[step]
			}
			if at == nil || !strings.HasPrefix(ref, "#/") {
				t.Errorf("the reference %q leads nowhere", ref)
			}
		}
		for _, member := range v {
			resolve(t, whole, member)
		}
	case []any:
		for _, item := range v {
			resolve(t, whole, item)
		}
	}
}
