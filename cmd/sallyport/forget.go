package main

import (
	"context"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/identity"
	"github.com/sallyport-ai/sallyport/internal/server"
)

const (
	// forgetEvery is how often what is over is deleted.
	forgetEvery = time.Minute
	// forgetPage is how much goes in one transaction: calls wait for it.
	forgetPage = 500
)

// forgetOld deletes kept answers, sessions, tries to sign in, stored responses,
// threads and files when their time is over, until ctx ends. Several nodes may do so at once.
func (s *services) forgetOld(ctx context.Context) {
	db := s.instance.db
	for {
		now := s.instance.app.now()
		s.forgetPages(ctx, "answers kept for an Idempotency-Key", func() (int64, error) {
			return db.ForgetRequests(ctx, now.Add(-server.AnswersKept), forgetPage)
		})
		s.forgetPages(ctx, "sessions that ended", func() (int64, error) { return db.ForgetSessions(ctx, now, forgetPage) })
		s.forgetPages(ctx, "tries to sign in", func() (int64, error) { return db.ForgetTries(ctx, now.Add(-identity.TriesForgotten), forgetPage) })
		s.forgetPages(ctx, "stored responses", func() (int64, error) {
			return db.EraseResponses(ctx, now.Add(-sallyport.ResponsesKept), forgetPage)
		})
		s.forgetPages(ctx, "conversations of the API", func() (int64, error) {
			return db.EraseThreads(ctx, now.Add(-sallyport.ThreadsKept), forgetPage)
		})
		s.forgetPages(ctx, "files", func() (int64, error) { return db.ForgetFiles(ctx, now, forgetPage) })
		if !pause(ctx, forgetEvery) {
			return
		}
	}
}

// forgetPages deletes page after page, until one is not full.
func (s *services) forgetPages(ctx context.Context, what string, page func() (int64, error)) {
	for ctx.Err() == nil {
		n, err := page()
		if err != nil && ctx.Err() == nil {
			s.log.Warn(what+" are not deleted in time", "error", err)
		}
		if err != nil || n < forgetPage {
			return
		}
	}
}
