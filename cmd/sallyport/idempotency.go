package main

import (
	"context"
	"time"

	"github.com/sallyport-ai/sallyport/internal/server"
)

const (
	// forgetEvery is how often answers are deleted whose time is over.
	forgetEvery = time.Minute
	// forgetPage is how many go in one transaction: calls wait for it.
	forgetPage = 500
)

// forgetAnswers deletes kept answers when their time is over, until ctx ends.
// Several nodes may do so at once.
func (s *services) forgetAnswers(ctx context.Context) {
	for {
		n, err := s.instance.db.ForgetRequests(ctx, s.instance.app.now().Add(-server.AnswersKept), forgetPage)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.log.Warn("answers kept for an Idempotency-Key are not deleted in time", "error", err)
		case n == forgetPage:
			continue
		}
		if !pause(ctx, forgetEvery) {
			return
		}
	}
}
