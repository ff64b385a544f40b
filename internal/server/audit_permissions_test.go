package server_test

import (
	"maps"

	"github.com/sallyport-ai/sallyport"
)

// The operations of the trail are named here.
var _ = func() bool {
	maps.Copy(permissions, map[string]permission{
		"getRecord":          {sallyport.RoleAdministrator, "audit.get", "", "", 200},
		"proveRecord":        {sallyport.RoleAdministrator, "audit.prove", "", "", 200},
		"getRecordHistogram": {sallyport.RoleAdministrator, "audit.histogram", "", "", 200},
		"followRecords":      {sallyport.RoleAdministrator, "audit.follow", "", "", 200},
		"verifyTrail":        {sallyport.RoleAdministrator, "audit.verify", "", "", 200},
		"listVerifications":  {sallyport.RoleAdministrator, "audit.verifications", "", "", 200},
		"listSavedSearches":  {sallyport.RoleAdministrator, "audit.searches", "", "", 200},
		"saveSearch":         {sallyport.RoleAdministrator, "audit.save_search", "", `{"name":"mine","query":{"action":"login"}}`, 200},
		"deleteSavedSearch":  {sallyport.RoleAdministrator, "audit.delete_search", "", "", 204},
		"testSink":           {sallyport.RoleAdministrator, "sink.test", "", "", 200},
		"getSystem":          {sallyport.RoleAdministrator, "system.get", "", "", 200},
		"getDiagnostics":     {sallyport.RoleAdministrator, "system.diagnostics", "", "", 200},
	})
	return true
}()
