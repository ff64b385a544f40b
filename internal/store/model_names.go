package store

import (
	"context"
	"database/sql"
	"slices"

	"github.com/sallyport-ai/sallyport"
)

// ModelAliases lists the names that the organisation gave models, by name.
func (db *DB) ModelAliases(ctx context.Context, org sallyport.OrgID) ([]sallyport.ModelAlias, error) {
	return list(ctx, db.read, func(rows *sql.Rows) (a sallyport.ModelAlias, err error) {
		err = rows.Scan(&a.Name, &a.Model, &a.Kind)
		return a, err
	}, `SELECT name, model, kind FROM model_aliases WHERE org_id = $1 ORDER BY name`, org)
}

// AddModelAlias gives a model one more name; Conflict when something in the
// organisation's own catalogue has it.
func (db *DB) AddModelAlias(ctx context.Context, org sallyport.OrgID, a sallyport.ModelAlias, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		if err := freeModelName(ctx, tx, org, a.Name); err != nil {
			return err
		}
		return insertAlias(ctx, tx, org, a)
	})
}

// RenameModel lists a model by name in place of its id, and of the name that it had
// before, which goes on working. Its id, or one of its aliases, can be that name.
// Conflict when something else has it.
func (db *DB) RenameModel(ctx context.Context, org sallyport.OrgID, model, name string, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		if _, err := tx.ExecContext(ctx, `
			UPDATE model_aliases SET kind = $3 WHERE org_id = $1 AND model = $2 AND kind = $4`,
			org, model, sallyport.Former, sallyport.Rename); err != nil {
			return err
		}
		if name == model {
			return nil
		}
		if _, err := tx.ExecContext(ctx,
			`DELETE FROM model_aliases WHERE org_id = $1 AND model = $2 AND name = $3`, org, model, name); err != nil {
			return err
		}
		if err := freeModelName(ctx, tx, org, name); err != nil {
			return err
		}
		return insertAlias(ctx, tx, org, sallyport.ModelAlias{Name: name, Model: model, Kind: sallyport.Rename})
	})
}

// RemoveModelAlias takes a name from a model; NotFound when it is none of it.
func (db *DB) RemoveModelAlias(ctx context.Context, org sallyport.OrgID, model, name string, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		found, err := changed(tx.ExecContext(ctx,
			`DELETE FROM model_aliases WHERE org_id = $1 AND model = $2 AND name = $3`, org, model, name))
		return foundOr(found, err, "name of that model")
	})
}

// freeModelName is Conflict when one of the organisation's models, or a name of
// one, is name. Whoever writes names holds the organisation's lock.
func freeModelName(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, name string) error {
	if err := noModelAlias(ctx, tx, org, name); err != nil {
		return err
	}
	return untaken(tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM models WHERE org_id = $1 AND id = $2)`, org, name))
}

// noModelAlias is Conflict when name is one that the organisation gave a model.
func noModelAlias(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, name string) error {
	return untaken(tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM model_aliases WHERE org_id = $1 AND name = $2)`, org, name))
}

func untaken(found *sql.Row) error {
	var taken bool
	err := found.Scan(&taken)
	if err == nil && taken {
		err = sallyport.NewError(sallyport.Conflict, "another model has that name")
	}
	return err
}

func insertAlias(ctx context.Context, tx *sql.Tx, org sallyport.OrgID, a sallyport.ModelAlias) error {
	var count int
	err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM model_aliases WHERE org_id = $1`, org).Scan(&count)
	if err != nil {
		return err
	}
	if count >= sallyport.ModelAliasesMax {
		return sallyport.NewError(sallyport.Conflict, "there are too many names of models: remove one first")
	}
	_, err = tx.ExecContext(ctx,
		`INSERT INTO model_aliases (org_id, name, model, kind) VALUES ($1, $2, $3, $4)`, org, a.Name, a.Model, a.Kind)
	return err
}

// ModelGroups lists the organisation's model groups by name.
func (db *DB) ModelGroups(ctx context.Context, org sallyport.OrgID) ([]sallyport.ModelGroup, error) {
	// One statement: a group and its models are of one moment.
	type row struct{ name, description, model string }
	rows, err := list(ctx, db.read, func(rows *sql.Rows) (r row, err error) {
		err = rows.Scan(&r.name, &r.description, &r.model)
		return r, err
	}, `
		SELECT g.name, g.description, COALESCE(m.model, '')
		FROM model_groups g LEFT JOIN model_group_members m ON m.org_id = g.org_id AND m.group_name = g.name
		WHERE g.org_id = $1 ORDER BY g.name, m.model`, org)
	var groups []sallyport.ModelGroup
	for _, r := range rows {
		if len(groups) == 0 || groups[len(groups)-1].Name != r.name {
			groups = append(groups, sallyport.ModelGroup{Name: r.name, Description: r.description})
		}
		if r.model != "" {
			g := &groups[len(groups)-1]
			g.Models = append(g.Models, r.model)
		}
	}
	return groups, err
}

// SaveModelGroup adds a model group, or replaces it whole.
func (db *DB) SaveModelGroup(ctx context.Context, org sallyport.OrgID, g sallyport.ModelGroup, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO model_groups (org_id, name, description) VALUES ($1, $2, $3)
			ON CONFLICT (org_id, name) DO UPDATE SET description = excluded.description`,
			org, g.Name, g.Description); err != nil {
			return err
		}
		var count int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM model_groups WHERE org_id = $1`, org).Scan(&count); err != nil {
			return err
		}
		if count > sallyport.ModelGroupsMax {
			return sallyport.NewError(sallyport.Conflict, "there are too many model groups: delete one first")
		}
		if _, err := tx.ExecContext(ctx,
			`DELETE FROM model_group_members WHERE org_id = $1 AND group_name = $2`, org, g.Name); err != nil {
			return err
		}
		for _, model := range slices.Compact(slices.Sorted(slices.Values(g.Models))) {
			if _, err := tx.ExecContext(ctx,
				`INSERT INTO model_group_members (org_id, group_name, model) VALUES ($1, $2, $3)`, org, g.Name, model); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteModelGroup deletes a model group, unless check, which sees the rights that
// are decided and that nobody changes meanwhile, fails.
func (db *DB) DeleteModelGroup(ctx context.Context, org sallyport.OrgID, name string,
	check func(rights map[string][]byte) error, rec sallyport.Record) error {
	return db.change(ctx, org, rec, func(tx *sql.Tx, _ *sallyport.Record) error {
		rights, err := policies(ctx, tx, org, kindRights)
		if err != nil {
			return err
		}
		if err := check(rights); err != nil {
			return err
		}
		found, err := changed(tx.ExecContext(ctx, `DELETE FROM model_groups WHERE org_id = $1 AND name = $2`, org, name))
		return foundOr(found, err, "model group")
	})
}
