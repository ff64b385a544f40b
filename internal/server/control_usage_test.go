package server_test

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// spend makes a call and returns what it cost.
func spend(t *testing.T, h *servertest.House, m servertest.Member, model string) sallyport.Credits {
	t.Helper()
	before, _ := h.Balance(t, m.Org)
	if a := h.Chat(t, m.Key, strings.Replace(chatBody(false, "hello", ""), servertest.Model, model, 1)); a.Status != http.StatusOK {
		t.Fatalf("call: %d %s", a.Status, a.Body)
	}
	after, _ := h.Balance(t, m.Org)
	return before - after
}

type series struct {
	Days   []string
	Series []struct {
		ID, Name string
		Rest     bool
		Charge   []string
		Calls    []int64
		Total    string
	}
}

// A series has a number for each day of its range, and one line for all that is
// not among the dearest.
func TestUsageSeries(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	first := spend(t, h, h.Home.User, servertest.Model)
	h.Clock.Advance(48 * time.Hour)
	second := spend(t, h, h.Home.User, servertest.Model) + spend(t, h, h.Home.User, servertest.Model)
	claude := spend(t, h, h.Home.Creator, servertest.Claude)
	get := func(query string) series {
		t.Helper()
		return readJSON[series](t, h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/usage/series?"+query, ""))
	}
	got := get("by=model&from=2026-01-04&to=2026-01-08")
	if strings.Join(got.Days, " ") != "2026-01-04 2026-01-05 2026-01-06 2026-01-07 2026-01-08" || len(got.Series) != 2 {
		t.Fatalf("got %+v", got)
	}
	dear := got.Series[0]
	if dear.ID != servertest.Model || dear.Name != "Mock Large" || dear.Total != (first+second).String() ||
		strings.Join(dear.Charge, " ") != "0 "+first.String()+" 0 "+second.String()+" 0" || dear.Calls[3] != 2 {
		t.Errorf("the dearest is %+v", dear)
	}
	if got := get("by=model&top=1"); len(got.Days) != 30 || len(got.Series) != 2 || !got.Series[1].Rest || got.Series[1].Total != claude.String() {
		t.Errorf("the rest: %+v", got)
	}
	if got := get("by=user&from=2026-01-07&to=2026-01-07"); len(got.Series) != 2 || !strings.HasSuffix(got.Series[0].Name, "@home.test") {
		t.Errorf("by user: %+v", got)
	}
	for _, query := range []string{"from=2026-01-08&to=2026-01-07", "from=2020-01-01", "from=today"} {
		if a := h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/usage/series?"+query, ""); a.Status/100 != 4 {
			t.Errorf("%s: %d %s", query, a.Status, a.Body)
		}
	}
	own := h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/usage/mine?by=model", "")
	if !strings.Contains(own.Body, `"rows":[]`) {
		t.Errorf("an administrator's own: %s", own.Body)
	}
	own = h.Call(t, h.Home.Creator.Key, http.MethodGet, "/api/v1/usage/mine?by=model", "")
	if strings.Count(own.Body, `"name"`) != 2 || !strings.Contains(own.Body, `"charge":"`+claude.String()+`"`) || !strings.Contains(own.Body, `"label":"Mock Claude"`) {
		t.Errorf("a creator's own: %s", own.Body)
	}
}

// Nobody sees another's calls in their own usage, whatever they ask for, nor does
// an administrator see everybody's there.
func TestOwnUsageSeries(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	spent := map[string]sallyport.Credits{
		h.Home.User.Key:    spend(t, h, h.Home.User, servertest.Model),
		h.Home.Creator.Key: spend(t, h, h.Home.Creator, servertest.Claude),
	}
	for key, charge := range spent {
		for _, query := range []string{"by=model", "by=key", "by=user", "by=user&user=" + string(h.Home.Admin.ID)} {
			got := readJSON[series](t, h.Call(t, key, http.MethodGet, "/api/v1/usage/mine/series?"+query, ""))
			if len(got.Series) != 1 || got.Series[0].Total != charge.String() || len(got.Days) != 30 {
				t.Errorf("%s: got %+v, want %s in all", query, got, charge)
			}
		}
		if a := h.Call(t, key, http.MethodGet, "/api/v1/usage/series?by=user", ""); a.Status != http.StatusForbidden {
			t.Errorf("everybody's: %d %s", a.Status, a.Body)
		}
	}
	if got := readJSON[series](t, h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/usage/mine/series", "")); len(got.Series) != 0 {
		t.Errorf("an administrator's own: %+v", got)
	}
}

// The forecast is what was spent, and the mean of the last whole days for each
// day that is left.
func TestForecast(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	type forecast struct {
		Month, Spent, Forecast string
		PerDay                 string `json:"per_day"`
		Days                   int
	}
	get := func() forecast {
		t.Helper()
		return readJSON[forecast](t, h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/usage/forecast", ""))
	}
	// 5 January, 9:30. Until a day is whole there is no forecast.
	one := spend(t, h, h.Home.User, servertest.Model)
	if got := get(); got != (forecast{"2026-01", one.String(), one.String(), "0", 0}) {
		t.Errorf("on the first day: %+v", got)
	}
	h.Clock.Advance(14*time.Hour + 30*time.Minute) // 6 January, 0:00; 26 days are left
	if got, want := get(), one+one/1440*(26*1440); got.Days != 1 || got.PerDay != one.String() || got.Forecast != want.String() {
		t.Errorf("on the second day: %+v, want %s", got, want)
	}
	h.Clock.Advance(31 * 24 * time.Hour) // 6 February
	if got := get(); got != (forecast{"2026-02", "0", "0", "0", 0}) {
		t.Errorf("a month later: %+v", got)
	}
}

// Tables are recorded, have the numbers of the reports, and run nothing in a
// spreadsheet.
func TestUsageExports(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	charge := spend(t, h, h.Home.User, servertest.Model)
	a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/credits/grants", `{"amount":"-1","note":"=HYPERLINK(1)"}`)
	if a.Status != http.StatusOK {
		t.Fatal(a.Body)
	}
	read := func(path, action string) [][]string {
		t.Helper()
		mark := h.Mark(t, h.Home.ID)
		a := h.Call(t, h.Home.Admin.Key, http.MethodGet, path, "")
		rows, err := csv.NewReader(strings.NewReader(a.Body)).ReadAll()
		if err != nil || a.Status != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/csv") {
			t.Fatalf("%s: %d %v %s", path, a.Status, err, a.Body)
		}
		if r := h.Records(t, h.Home.ID, mark); len(r) != 1 || r[0].Action != action {
			t.Errorf("%s: the records are %+v", path, r)
		}
		return rows
	}
	usage := read("/api/v1/usage/export?by=user", "usage.export")
	if len(usage) != 2 || usage[0][0] != "day" || usage[1][0] != "2026-01-05" || usage[1][1] != string(h.Home.User.ID) || usage[1][9] != charge.String() {
		t.Errorf("usage is %q", usage)
	}
	ledger := read("/api/v1/credits/ledger/export", "credits.export")
	if len(ledger) != 4 || ledger[2][3] != (-charge).String() || ledger[3][3] != "-1" || ledger[3][13] != "'=HYPERLINK(1)" {
		t.Errorf("the ledger is %q", ledger)
	}
	newest := h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/credits/ledger?order=newest&limit=1", "").Body
	if !strings.Contains(newest, `"seq":3`) || strings.Contains(newest, `"seq":2`) {
		t.Errorf("the newest is %s", newest)
	}
	if next := h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/credits/ledger?order=newest&limit=1&before=3", "").Body; !strings.Contains(next, `"seq":2`) ||
		ledger[2][12] == "" || !strings.Contains(next, `"price_version":`+quoted(ledger[2][12])) {
		t.Errorf("the next is %s", next)
	}
}
