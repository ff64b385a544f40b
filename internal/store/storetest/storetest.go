// Package storetest is the contract of package store. Run holds one database to
// it; the store's own tests run it on SQLite and on Postgres. Every method is
// also called with the ids of a second organisation, and must then find nothing
// and change nothing.
//
// The package also makes stores for other packages' tests: SQLite and Postgres
// return an empty one that goes when the test ends.
package storetest

import (
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
)

// Run checks the whole contract. open returns an empty store.
func Run(t *testing.T, open func(t *testing.T) *store.DB) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *store.DB)
	}{
		{"Organisations", testOrganisations},
		{"Members", testMembers},
		{"Passwords", testPasswords},
		{"Sessions", testSessions},
		{"Tries", testTries},
		{"ChangeMember", testChangeMember},
		{"FindMembers", testFindMembers},
		{"Credentials", testCredentials},
		{"Invites", testInvites},
		{"Groups", testGroups},
		{"GroupMembers", testGroupMembers},
		{"GroupsOfMember", testGroupsOfMember},
		{"GroupDeleted", testGroupDeleted},
		{"Keys", testKeys},
		{"KeyBounds", testKeyBounds},
		{"KeyUse", testKeyUse},
		{"Credits", testCredits},
		{"Providers", testProviders},
		{"Models", testModels},
		{"ModelAccess", testModelAccess},
		{"ModelNames", testModelNames},
		{"ProviderLists", testProviderLists},
		{"ModelGroups", testModelGroups},
		{"Policies", testPolicies},
		{"PolicyVersions", testPolicyVersions},
		{"PolicyDrafts", testPolicyDrafts},
		{"Agents", testAgents},
		{"Runs", testRuns},
		{"FindAgents", testFindAgents},
		{"ShareAgent", testShareAgent},
		{"FindRuns", testFindRuns},
		{"RunSteps", testRunSteps},
		{"RunCalls", testRunCalls},
		{"Conversations", testConversations},
		{"Messages", testMessages},
		{"TurnOnce", testTurnOnce},
		{"Answers", testAnswers},
		{"LeftAnswers", testLeftAnswers},
		{"ConversationErased", testConversationErased},
		{"EraseConversations", testEraseConversations},
		{"Shares", testShares},
		{"ForkConversation", testForkConversation},
		{"Keysets", testKeysets},
		{"Changes", testChanges},
		{"ChangeAndRecordTogether", testChangeAndRecordTogether},
		{"Records", testRecords},
		{"FindRecords", testFindRecords},
		{"Search", testSearch},
		{"SearchReread", testSearchReread},
		{"SearchInPages", testSearchInPages},
		{"PagesOfMovingTrail", testPagesOfMovingTrail},
		{"Names", testNames},
		{"Health", testHealth},
		{"Verifications", testVerifications},
		{"SavedSearches", testSavedSearches},
		{"Histogram", testHistogram},
		{"Source", testSource},
		{"HostileText", testHostileText},
		{"InstanceTrail", testInstanceTrail},
		{"Checkpoints", testCheckpoints},
		{"Unsigned", testUnsigned},
		{"Tombstones", testTombstones},
		{"TombstoneNeeds", testTombstoneNeeds},
		{"LegalHold", testLegalHold},
		{"Contents", testContents},
		{"LookAtContent", testLookAtContent},
		{"EraseContents", testEraseContents},
		{"ContentsInSteps", testContentsInSteps},
		{"EraseAddresses", testEraseAddresses},
		{"SinkHolder", testSinkHolder},
		{"SinkCursors", testSinkCursors},
		{"SinkLag", testSinkLag},
		{"Batch", testBatch},
		{"BatchRepeated", testBatchRepeated},
		{"BatchRefusesEntry", testBatchRefusesEntry},
		{"BatchOfMany", testBatchOfMany},
		{"BatchOfManyMistaken", testBatchOfManyMistaken},
		{"BatchOtherOrganisation", testBatchOtherOrganisation},
		{"BatchOpensAndCloses", testBatchOpensAndCloses},
		{"HoldRefused", testHoldRefused},
		{"HoldOfNothing", testHoldOfNothing},
		{"Overrun", testOverrun},
		{"LateOutcome", testLateOutcome},
		{"OpenCalls", testOpenCalls},
		{"Leases", testLeases},
		{"LeasedCalls", testLeasedCalls},
		{"CloseOnlyOpen", testCloseOnlyOpen},
		{"RecoverTogether", testRecoverTogether},
		{"WatchChanges", testWatchChanges},
		{"FirstRequests", testFirstRequests},
		{"InterruptedRequests", testInterruptedRequests},
		{"Responses", testResponses},
		{"ResponsesCrowd", testResponsesCrowd},
		{"TurnsSize", testTurnsSize},
		{"BackgroundResponses", testBackgroundResponses},
		{"Threads", testThreads},
		{"ThreadsBounds", testThreadsBounds},
		{"ThreadsTogether", testThreadsTogether},
		{"Files", testFiles},
		{"FilesBounds", testFilesBounds},
		{"EraseFiles", testEraseFiles},
		{"FilesLarge", testFilesLarge},
		{"ClaimTogether", testClaimTogether},
		{"RequestEndsTogether", testRequestEndsTogether},
		{"OpenCallKeepsPrice", testOpenCallKeepsPrice},
		{"Usage", testUsage},
		{"UsageTogether", testUsageTogether},
		{"Budgets", testBudgets},
		{"BudgetPeriods", testBudgetPeriods},
		{"BudgetRecovery", testBudgetRecovery},
		{"BudgetSpending", testBudgetSpending},
		{"BudgetSetBesideCalls", testBudgetSetBesideCalls},
		{"BudgetAlerts", testBudgetAlerts},
		{"GroupBudgets", testGroupBudgets},
		{"GroupsOfCall", testGroupsOfCall},
		{"GroupSpending", testGroupSpending},
		{"GroupUsage", testGroupUsage},
		{"Spending", testSpending},
		{"Recovery", testRecovery},
		{"ConcurrentWriters", testConcurrentWriters},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t))
		})
	}
}

// ok fails the test on an error.
func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// fails fails the test unless err has the code.
func fails(t *testing.T, err error, code sallyport.Code) {
	t.Helper()
	if sallyport.CodeOf(err) != code {
		t.Errorf("error is %v, want code %s", err, code)
	}
}

// unchanged fails the test when f moved the organisation's trail.
func unchanged(t *testing.T, db *store.DB, org sallyport.OrgID, f func()) {
	t.Helper()
	before, _, err := db.ChainHead(t.Context(), org)
	ok(t, err)
	f()
	after, _, err := db.ChainHead(t.Context(), org)
	ok(t, err)
	if after != before {
		t.Errorf("the trail has %d records, want %d as before", after, before)
	}
}
