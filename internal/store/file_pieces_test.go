package store_test

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/store"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

func largeFile(org sallyport.OrgID, size int) sallyport.File {
	content := make([]byte, size)
	_, _ = rand.Read(content) // never fails
	return sallyport.File{
		Org: org, ID: sallyport.FileID(storetest.NewID()), User: "ann", Purpose: "user_data", Size: int64(size),
		CreatedAt: storetest.Time, ExpiresAt: storetest.Time.Add(24 * time.Hour), Head: []byte("head"), Content: content,
	}
}

// What a crash leaves of an upload nobody sees, and it is erased, but not while it may still be written.
func TestFileHalfWritten(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, db := t.Context(), open(t)
			org := storetest.NewOrg(t, db)
			f := largeFile(org, 2<<20)
			if err := db.CrashWriting(ctx, f); err != nil {
				t.Fatal(err)
			}
			if listed, err := db.Files(ctx, org, "ann", sallyport.FileQuery{Limit: 9}, storetest.Time); err != nil || len(listed) != 0 {
				t.Errorf("listed are %v, %v", listed, err)
			}
			_, headErr := db.FileHead(ctx, org, "ann", f.ID, storetest.Time)
			_, fileErr := db.File(ctx, org, "ann", f.ID, storetest.Time)
			deleteErr := db.DeleteFile(ctx, org, "ann", f.ID, storetest.Time, storetest.Event("files.delete"))
			for _, err := range []error{headErr, fileErr, deleteErr} {
				if sallyport.CodeOf(err) != sallyport.NotFound {
					t.Errorf("got %v, want that it is not there", err)
				}
			}
			end := storetest.Time.Add(store.FileWriting)
			for _, step := range []struct {
				at   time.Time
				want int64
			}{{end.Add(-time.Second), 0}, {end, 1}} {
				if n, err := db.ForgetFiles(ctx, step.at, 9); err != nil || n != step.want {
					t.Errorf("at %v it forgot %d, %v", step.at, n, err)
				}
			}
			write, _ := db.Pools()
			var left int
			if err := write.QueryRowContext(ctx, `SELECT COUNT(*) FROM file_pieces`).Scan(&left); err != nil || left != 0 {
				t.Errorf("%d pieces are left, %v", left, err)
			}
		})
	}
}

// BenchmarkCommitBesideUpload tells how long others wait at most while 32 MB are stored.
func BenchmarkCommitBesideUpload(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			db := open(b)
			var most time.Duration
			for b.Loop() {
				org := storetest.NewOrg(b, db)
				ctx, stop := context.WithCancel(b.Context())
				var others sync.WaitGroup
				others.Go(func() {
					for ctx.Err() == nil {
						began := time.Now()
						if err := db.CreateFile(b.Context(), largeFile(org, 100), storetest.Event("files.create")); err != nil {
							b.Error(err)
						}
						most = max(most, time.Since(began))
						time.Sleep(time.Millisecond)
					}
				})
				if err := db.CreateFile(b.Context(), largeFile(org, sallyport.FileSize), storetest.Event("files.create")); err != nil {
					b.Error(err)
				}
				stop()
				others.Wait()
			}
			b.ReportMetric(float64(most.Milliseconds()), "ms-waited-most")
		})
	}
}
