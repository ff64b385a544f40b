package server

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
)

// The bounds of a series.
const (
	seriesDaysMax  = 400
	seriesDaysUsed = 30 // when nobody says from when
)

type seriesQuery struct {
	By   string `query:"by" enum:"model,user,key,agent,group" default:"model"`
	From string `query:"from" format:"date" doc:"First day, UTC; absent: 30 days in all"`
	To   string `query:"to" format:"date" doc:"Last day, included; absent: today"`
	Top  int    `query:"top" minimum:"1" maximum:"20" default:"6" doc:"So many of their own; the rest is one"`
}

// seriesView is one line of a chart; its lists have a number for each day.
type seriesView struct {
	ID     string   `json:"id" doc:"Of the model, user, key, agent or group; empty: calls of no agent"`
	Name   string   `json:"name"`
	Rest   bool     `json:"rest,omitempty" doc:"All others together"`
	Charge []string `json:"charge" doc:"Credits, decimal numbers in text"`
	Tokens []int64  `json:"tokens"`
	Calls  []int64  `json:"calls"`
	Total  string   `json:"total" doc:"Credits of all days"`
}

type seriesReport struct {
	By     string       `json:"by"`
	Days   []string     `json:"days" doc:"Each day of the range, UTC"`
	Series []seriesView `json:"series" doc:"The dearest first"`
}

type forecastView struct {
	Month    string `json:"month" doc:"As 2006-01, UTC"`
	Spent    string `json:"spent" doc:"Credits in this month so far"`
	PerDay   string `json:"per_day" doc:"Credits a day, of the days that the forecast is made from"`
	Forecast string `json:"forecast" doc:"Credits at the end of the month"`
	Days     int    `json:"days" doc:"Whole days that the forecast is made from; 0: there is none yet"`
	Method   string `json:"method"`
}

func (s *Server) controlUsageSeries(api huma.API) {
	huma.Register(api, operation("getUsageSeries", "usage.series", http.MethodGet, "/usage/series", "Usage day by day, of each model, user, key, agent or group"),
		func(ctx context.Context, in *seriesQuery) (*body[seriesReport], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (seriesReport, error) { return s.usageSeries(ctx, p.Org, "", in) }))
		})
	huma.Register(api, operation("getOwnUsageSeries", "usage.mine", http.MethodGet, "/usage/mine/series", "What your own calls used, day by day"),
		func(ctx context.Context, in *seriesQuery) (*body[seriesReport], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (seriesReport, error) { return s.usageSeries(ctx, p.Org, p.User, in) }))
		})
	huma.Register(api, operation("getUsageForecast", "usage.forecast", http.MethodGet, "/usage/forecast", "What this month will have cost at its end"),
		func(ctx context.Context, _ *struct{}) (*body[forecastView], error) {
			return reply(look(s, ctx, func(p sallyport.Principal) (forecastView, error) { return s.forecast(ctx, p.Org) }))
		})
}

// usageSeries is what the user's calls used day by day; "" is everybody's.
func (s *Server) usageSeries(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, in *seriesQuery) (seriesReport, error) {
	q, days, err := s.seriesDays(in.By, in.From, in.To)
	if err != nil {
		return seriesReport{}, err
	}
	q.User = user
	points, err := s.parts.Control.UsageSeries(ctx, org, q)
	if err != nil {
		return seriesReport{}, err
	}
	drawn := lines(points, q.From, len(days), in.Top)
	shown := make([]string, 0, len(drawn))
	for _, l := range drawn {
		shown = append(shown, in.By+"/"+l.id)
	}
	n, err := s.namesOf(ctx, org, shown...)
	if err != nil {
		return seriesReport{}, err
	}
	report := seriesReport{By: in.By, Days: days, Series: []seriesView{}}
	for _, l := range drawn {
		view := l.view()
		if !l.rest {
			view.ID, view.Name = l.id, n.Of(in.By, l.id)
		}
		report.Series = append(report.Series, view)
	}
	return report, nil
}

// seriesDays completes the range of a series and lists its days.
func (s *Server) seriesDays(by, from, to string) (sallyport.UsageQuery, []string, error) {
	q, err := usageRange(by, from, to)
	if err != nil {
		return q, nil, err
	}
	if q.To.IsZero() {
		q.To = sallyport.PeriodDay.Start(s.parts.Now())
	}
	if q.From.IsZero() {
		q.From = q.To.AddDate(0, 0, 1-seriesDaysUsed)
	}
	var days []string
	for day := q.From; !day.After(q.To); day = day.AddDate(0, 0, 1) {
		if len(days) == seriesDaysMax {
			return q, nil, sallyport.NewError(sallyport.InvalidBody, fmt.Sprintf("a series has at most %d days", seriesDaysMax))
		}
		days = append(days, day.Format(time.DateOnly))
	}
	if len(days) == 0 {
		return q, nil, sallyport.NewError(sallyport.InvalidBody, "from must not be after to")
	}
	return q, days, nil
}

// line is what one thing used, day by day.
type line struct {
	id    string
	rest  bool
	days  []sallyport.UsageRow
	total sallyport.Credits
}

// lines are those of the top dearest things, and one of all the rest.
func lines(points []sallyport.UsagePoint, from time.Time, days, top int) []*line {
	byID := make(map[string]*line)
	for _, p := range points {
		at := int(p.Day.Sub(from) / (24 * time.Hour))
		if at < 0 || at >= days {
			continue
		}
		l := byID[p.Name]
		if l == nil {
			l = &line{id: p.Name, days: make([]sallyport.UsageRow, days)}
			byID[p.Name] = l
		}
		l.days[at].Add(p.UsageRow)
		l.total += p.Charge
	}
	all := make([]*line, 0, len(byID))
	for _, l := range byID {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *line) int { return cmp.Or(cmp.Compare(b.total, a.total), cmp.Compare(a.id, b.id)) })
	if len(all) <= top {
		return all
	}
	rest := &line{rest: true, days: make([]sallyport.UsageRow, days)}
	for _, l := range all[top:] {
		rest.total += l.total
		for at, day := range l.days {
			rest.days[at].Add(day)
		}
	}
	return append(all[:top:top], rest)
}

func (l *line) view() seriesView {
	view := seriesView{Rest: l.rest, Total: l.total.String()}
	for _, day := range l.days {
		view.Charge = append(view.Charge, day.Charge.String())
		view.Tokens = append(view.Tokens, day.Usage.Total())
		view.Calls = append(view.Calls, day.Calls)
	}
	return view
}

// forecastDays is how many whole days the forecast looks back.
const forecastDays = 7

const forecastMethod = "What was spent in this month, and for each day that is left the mean of the last 7 whole days (of fewer, where there are not as many yet). It knows no weekends and no plans."

// forecast adds to the month's spending the mean of the last whole days, for the
// part of the month that is left.
func (s *Server) forecast(ctx context.Context, org sallyport.OrgID) (forecastView, error) {
	now := s.parts.Now().UTC()
	month, today := sallyport.PeriodMonth.Start(now), sallyport.PeriodDay.Start(now)
	since := today.AddDate(0, 0, -forecastDays)
	rows, err := s.parts.Control.Usage(ctx, org, sallyport.UsageQuery{By: sallyport.UsageByDay, From: earlier(month, since), To: today})
	if err != nil {
		return forecastView{}, err
	}
	var spent, recent sallyport.Credits
	var first time.Time
	for _, r := range rows {
		day, err := time.Parse(time.DateOnly, r.Name)
		if err != nil {
			return forecastView{}, err
		}
		if !day.Before(month) {
			spent += r.Charge
		}
		if !day.Before(since) && day.Before(today) {
			recent += r.Charge
			first = firstOf(first, day)
		}
	}
	view := forecastView{Month: month.Format("2006-01"), Spent: spent.String(), Method: forecastMethod, PerDay: "0", Forecast: spent.String()}
	if first.IsZero() {
		return view, nil
	}
	view.Days = int(today.Sub(first) / (24 * time.Hour))
	perDay := recent / sallyport.Credits(view.Days)
	left := month.AddDate(0, 1, 0).Sub(now)
	view.PerDay = perDay.String()
	view.Forecast = (spent + perDay/1440*sallyport.Credits(left/time.Minute)).String() // by minutes, so that no product overflows
	return view, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// firstOf is the earlier of two days; the zero time is none.
func firstOf(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return earlier(a, b)
}
