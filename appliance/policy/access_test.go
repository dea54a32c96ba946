package policy

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCan(t *testing.T) {
	p := parse(t, small)
	for _, row := range []struct {
		says   string
		who    Principal
		action Action
		object Object
		want   bool
		why    string
	}{
		{"nobody may do nothing", Principal{Roles: []string{Admin}}, ReadRuns, Object{}, false, "nobody is signed in"},
		{"a viewer reads", Principal{ID: "v", Roles: []string{Viewer}}, ReadRuns, Object{}, true, "the role viewer may do this"},
		{"a viewer starts nothing", Principal{ID: "v", Roles: []string{Viewer}}, StartRun, Object{}, false, "this needs one of the roles user, approver, author, admin, service; v has viewer"},
		{"somebody without a role", Principal{ID: "v"}, ReadRuns, Object{}, false, "v has none"},
		{"a role that there is not", Principal{ID: "v", Roles: []string{"root"}}, ReadRuns, Object{}, false, "v has root"},
		{"an action that there is not", Principal{ID: "v", Roles: []string{Admin}}, "runs:burn", Object{}, false, "there is no action “runs:burn”"},
		{"an approver settles", Principal{ID: "a", Roles: []string{Viewer, Approver}}, Settle, Object{Queue: "desk"}, true, "the role approver may do this"},
		{"an admin is not of this queue", Principal{ID: "a", Roles: []string{Admin}}, Settle, Object{Queue: "desk"}, false, "this needs one of the roles approver; a has admin"},
		{"a queue that there is not", Principal{ID: "a", Roles: []string{Approver}}, Settle, Object{Queue: "other"}, false, "the policy has no queue “other”"},
		{"no queue at all", Principal{ID: "a", Roles: []string{Approver}}, Settle, Object{}, false, "the policy has no queue “”"},
		{"the initiator where it must be somebody else", Principal{ID: "a", Roles: []string{Approver}}, Settle, Object{Queue: "desk", NotBy: []string{"b", "a"}}, false, "it must be somebody else"},
		{"an auditor reads the policy", Principal{ID: "a", Roles: []string{Auditor}}, ReadPolicy, Object{}, true, "auditor"},
		{"an auditor changes nothing", Principal{ID: "a", Roles: []string{Auditor}}, WriteMissions, Object{}, false, "needs one of"},
		{"a service settles nothing", Principal{ID: "s", Roles: []string{Service}}, Settle, Object{Queue: "desk"}, false, "needs one of"},
	} {
		t.Run(row.says, func(t *testing.T) {
			got := p.Can(row.who, row.action, row.object)
			if got.Allowed != row.want || !strings.Contains(got.Why, row.why) || got.Allowed != (got.Role != "") {
				t.Errorf("got %+v, want %t, %q", got, row.want, row.why)
			}
		})
	}
}

// TestQueueCannotGrantAServiceOrAuditor: a policy that was put together without
// Parse and names them all the same is not obeyed.
func TestQueueCannotGrantAServiceOrAuditor(t *testing.T) {
	p := &Policy{Queues: map[string]Queue{"q": {Roles: Roles()}, "only": {Roles: []string{Service, Auditor}}}}
	for _, role := range Roles() {
		got := p.Can(Principal{ID: "x", Roles: []string{role}}, Settle, Object{Queue: "q"})
		if got.Allowed != slices.Contains(settlers, role) {
			t.Errorf("%s: got %+v", role, got)
		}
		if got := p.Can(Principal{ID: "x", Roles: []string{role}}, Settle, Object{Queue: "only"}); got.Allowed {
			t.Errorf("%s: got %+v, want refused", role, got)
		}
	}
}

// TestCanAlwaysSaysWhy, and more roles never allow less.
func TestCanAlwaysSaysWhy(t *testing.T) {
	p := parse(t, small)
	actions := []Action{"", "x", ReadRuns, StartRun, CancelRun, ReadDecisions, Settle, ReadMissions, WriteMissions, PublishMission, ReadModels, OperateModels, ReadPolicy, ReadAudit, Backup, Administer, ReadProposals, ProposeChanges, ApproveChanges, BreakGlass}
	roles := rapid.SliceOf(rapid.SampledFrom(append(Roles(), "root", "")))
	rapid.Check(t, func(t *rapid.T) {
		who := Principal{ID: rapid.SampledFrom([]string{"", "a"}).Draw(t, "id"), Roles: roles.Draw(t, "roles")}
		a := rapid.SampledFrom(actions).Draw(t, "action")
		o := Object{Queue: rapid.SampledFrom([]string{"", "desk"}).Draw(t, "queue"), NotBy: rapid.SliceOf(rapid.SampledFrom([]string{"a", "b"})).Draw(t, "not by")}
		got := p.Can(who, a, o)
		if got.Why == "" {
			t.Error("no reason")
		}
		if got.Allowed && (who.ID == "" || slices.Contains(o.NotBy, who.ID) || !slices.Contains(who.Roles, got.Role)) {
			t.Errorf("%+v may %s: %+v", who, a, got)
		}
		who.Roles = append(who.Roles, roles.Draw(t, "more")...)
		if more := p.Can(who, a, o); got.Allowed && !more.Allowed {
			t.Errorf("with more roles no longer allowed: %+v", more)
		}
	})
}

func TestCheckRoles(t *testing.T) {
	for _, row := range []struct {
		roles []string
		want  string
	}{
		{nil, ""}, {[]string{Admin, Author, Approver}, ""}, {[]string{Auditor}, ""}, {[]string{Auditor, Viewer}, ""},
		{[]string{"root"}, "no role"}, {[]string{User, User}, "twice"}, {[]string{Auditor, Admin}, "auditor cannot be admin"}, {[]string{User, Auditor}, "auditor cannot be user"},
	} {
		err := CheckRoles(row.roles)
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%v: %v, want %q", row.roles, err, row.want)
		}
	}
}
