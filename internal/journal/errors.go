package journal

import (
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// Why an entry was not written; the log sees it as the cause.
var (
	errClosed       = errors.New("journal is closed")
	errWaitingFull  = errors.New("too many entries wait to be written")
	errOutcomesWait = errors.New("too many outcomes wait to be written")
	errFailedLately = errors.New("the last attempt to write failed")
)

type keptError int

func (n keptError) Error() string {
	return fmt.Sprintf("%d outcomes were not written; recovery closes their calls at the next start", int(n))
}

// retryAfter is what callers are told to wait when the trail cannot be written.
const retryAfter = time.Second

func unavailable(cause error) error {
	err := sallyport.WrapError(sallyport.AuditUnavailable,
		"The audit trail cannot be written at the moment, so nothing is done that would have to be recorded.", cause)
	err.RetryAfter = retryAfter
	return err
}

// panicError is a panic of the store, turned into an error so that the callers
// of its batch get an answer. It may have come before or after the commit.
type panicError struct{ value any }

func (p *panicError) Error() string { return fmt.Sprintf("store panicked: %v", p.value) }

// Is makes a panic count as a commit whose outcome is unknown.
func (p *panicError) Is(target error) bool { return target == ErrOutcomeUnknown }

// refusedData says that the fault lies with an entry, so that its neighbours
// should be tried without it.
func refusedData(err error) bool {
	var entry *EntryError
	var panicked *panicError
	return errors.As(err, &entry) || errors.As(err, &panicked)
}

// written says that an entry was refused because it is there already: an
// earlier attempt whose answer was lost.
func written(err error) bool {
	var entry *EntryError
	return errors.As(err, &entry) && sallyport.CodeOf(entry.Err) == sallyport.Conflict
}
