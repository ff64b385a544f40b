package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// checkpointer signs the trails of this installation.
func (i *instance) checkpointer(log *slog.Logger) *audit.Checkpointer {
	return &audit.Checkpointer{Store: i.db, Key: i.checkpointKey, Now: i.app.now, Log: log}
}

// checkpointKey returns the key that signs an organisation's checkpoints, made
// at the first use. It lies sealed beside the values of the instance.
func (i *instance) checkpointKey(ctx context.Context, org sallyport.OrgID) (audit.CheckpointKey, error) {
	name := "checkpoint_key/" + string(org)
	sealed, err := i.db.InstanceValue(ctx, name)
	if sallyport.CodeOf(err) == sallyport.NotFound {
		if sealed, err = i.ring.Seal(ctx, org, secret.Checkpoint, audit.NewCheckpointKey(), []byte(name)); err == nil {
			sealed, err = i.db.AddInstanceValue(ctx, name, sealed)
		}
	}
	if err != nil {
		return audit.CheckpointKey{}, fmt.Errorf("key of the checkpoints: %w", err)
	}
	seed, err := i.ring.Unseal(ctx, org, secret.Checkpoint, sealed, []byte(name))
	if err != nil {
		return audit.CheckpointKey{}, errors.New("the key of the checkpoints in the database was not made by this installation")
	}
	return audit.OpenCheckpointKey(org, seed)
}

type auditCheckpoint struct {
	orgFlag
	jsonFlag
}

type checkpointView struct {
	OrgID sallyport.OrgID `json:"org_id"`
	Size  int64           `json:"size"`
	Root  string          `json:"root"`
	Note  string          `json:"checkpoint"`
	Key   string          `json:"key"`
}

// Run prints the signed note alone to standard output, so that it can be kept as
// a file; the key goes to standard error.
func (c *auditCheckpoint) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		if org.ID == sallyport.InstanceOrg {
			return errNoInstanceTree
		}
		key, err := i.checkpointKey(ctx, org.ID)
		if err != nil {
			return err
		}
		made, err := i.checkpointer(slog.New(slog.DiscardHandler)).Make(ctx, org.ID)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(a.out, checkpointView{org.ID, made.Size, fmt.Sprintf("%x", made.Root[:]), string(made.Note), key.Public})
		}
		fmt.Fprintf(a.log, "key %s\n", key.Public)
		_, err = a.out.Write(made.Note)
		return err
	})
}

var errNoInstanceTree = errors.New("the instance's own trail keeps its newest records only and has no checkpoints: name an organisation")

type auditProve struct {
	orgFlag
	Record string `arg:"" help:"Number or event id of the record."`
}

func (c *auditProve) Run(ctx context.Context, a *app) error {
	return c.with(ctx, a, func(i *instance, org sallyport.Organisation) error {
		if org.ID == sallyport.InstanceOrg {
			return errNoInstanceTree
		}
		record, err := i.findRecord(ctx, org.ID, c.Record)
		if err != nil {
			return err
		}
		proof, err := i.checkpointer(slog.New(slog.DiscardHandler)).Prove(ctx, org.ID, record)
		if err != nil {
			return err
		}
		// In one line: the record's bytes must stay as they are.
		enc := json.NewEncoder(a.out)
		enc.SetEscapeHTML(false)
		return enc.Encode(proof)
	})
}

// findRecord finds a record by its number or its event id.
func (i *instance) findRecord(ctx context.Context, org sallyport.OrgID, name string) (sallyport.StoredRecord, error) {
	var found []sallyport.StoredRecord
	seq, err := strconv.ParseInt(name, 10, 64)
	if err == nil {
		found, err = i.db.Records(ctx, org, seq-1, 1)
	} else {
		found, err = i.db.FindRecords(ctx, org, sallyport.RecordFilter{Event: name, Limit: 1})
	}
	switch {
	case err != nil:
		return sallyport.StoredRecord{}, err
	case len(found) == 0 || seq != 0 && found[0].Seq != seq:
		return sallyport.StoredRecord{}, fmt.Errorf("there is no record %s: see 'sallyport audit list'", name)
	}
	return found[0], nil
}

// proofMax bounds a proof that is read: far above the largest record.
const proofMax = 32 << 20

func (c *auditVerify) verifyProof(a *app) error {
	in, err := a.openArg(c.Proof)
	if err != nil {
		return err
	}
	defer in.Close()
	var proof audit.Proof
	if err := json.NewDecoder(io.LimitReader(in, proofMax)).Decode(&proof); err != nil {
		return fmt.Errorf("the proof cannot be read: %w", err)
	}
	if err := audit.CheckProof(proof, c.Key); err != nil {
		return fmt.Errorf("BAD proof of record %d: %w", proof.Seq, err)
	}
	fmt.Fprintf(a.out, "ok: record %d is in the trail, key %s\n", proof.Seq, proof.Key)
	if c.Key == "" {
		fmt.Fprintln(a.out, "The key came with the proof: compare it with one from elsewhere, or give that with --key.")
	}
	return nil
}
