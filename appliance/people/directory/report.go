package directory

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Step is one thing that was tried, and what came of it.
type Step struct {
	Server string // URL
	What   string // "connect", "certificate", "bind", "person", "attributes", "groups", "roles"
	Found  string // what was found, or with what it was tried
	Err    error  // nil = it works
}

// Try goes through all that signing in takes but the password, with every
// server, and returns what it did. Its error is only that of ctx.
func (d *Directory) Try(ctx context.Context, login string) ([]Step, error) {
	var steps []Step
	for _, s := range d.servers {
		say := func(what, found string, err error) { steps = append(steps, Step{s.url, what, found, err}) }
		d.try(ctx, s, login, say)
		if err := ctx.Err(); err != nil {
			return steps, err
		}
	}
	return steps, nil
}

func (d *Directory) try(ctx context.Context, s server, login string, say step) {
	l, err := d.open(ctx, s, say)
	if err != nil {
		return // it was said
	}
	defer l.close()
	p, err := l.person(login)
	asked := d.people.fill(login) + " in " + d.config.People.Base
	if err != nil {
		say("person", asked, err)
		return
	}
	say("person", p.DN, nil)
	say("attributes", fmt.Sprintf("%s %s, %s %s, %s %s", d.config.People.Login, p.Login, d.config.People.Name, p.Name, d.config.People.ID, p.ID), nil)
	groups, err := l.groups(p)
	if err != nil {
		say("groups", "", err)
		return
	}
	if len(groups) == 0 {
		say("groups", "none", nil)
	} else {
		say("groups", strings.Join(groups, "; "), nil)
	}
	roles, err := d.rolesOf(groups)
	if errors.Is(err, ErrRoles) && len(groups) > 0 {
		err = fmt.Errorf("%w; directory.roles says which group gives which", err)
	}
	say("roles", strings.Join(roles, ", "), err)
}
