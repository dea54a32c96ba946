package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"skerry/appliance"
	"skerry/appliance/audit"
)

// auditFlags are what verbs over a log have in common. None of them needs a
// running appliance, its vault or its data directory: a copy of the log will do.
type auditFlags struct {
	g          *globals
	enrolment  string
	seen       []string
	identities []string
	from       uint64
}

func auditCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Verify, read and prove the audit log; works on a copy of its folder",
		Long: "The audit log lies in the folder audit of the data directory. The appliance writes it and cannot read\n" +
			"it back: what was recorded is sealed to the auditors' keys. Every verb works on a copy of the folder, on\n" +
			"any machine.",
	}
	c.AddCommand(auditKeygen(g), auditVerify(g), auditDecrypt(g), auditExport(g), auditRuns(g), auditProve(g), auditCheckProof(g), auditCosign(g), auditDiff(g))
	return c
}

func (f *auditFlags) bind(c *cobra.Command, keys bool) {
	c.Flags().StringVar(&f.enrolment, "enrolment", "", "the enrolment.json that you kept when the log was made; default: the one that lies with the log")
	c.Flags().StringArrayVar(&f.seen, "seen", nil, "signed checkpoint `FILE` that the log must still lead to; may be given several times")
	c.Flags().Uint64Var(&f.from, "from", 1, "first segment that has to be there; older ones are archived elsewhere")
	if keys {
		c.Flags().StringArrayVarP(&f.identities, "identity", "i", nil, "auditor's age key `FILE`; may be given several times")
	}
}

// check returns what to verify against.
func (f *auditFlags) check(dir string) (audit.Check, error) {
	c := audit.Check{From: f.from}
	var err error
	if f.enrolment != "" {
		text, err := os.ReadFile(f.enrolment)
		if err != nil {
			return c, err
		}
		if c.Enrolment, err = audit.ParseEnrolment(text); err != nil {
			return c, fmt.Errorf("%s: %w", f.enrolment, err)
		}
	} else if c.Enrolment, err = audit.LoadEnrolment(dir); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return c, fmt.Errorf("there is no audit log in %s; it is the folder audit of a data directory, or a copy of it", dir)
		}
		return c, err
	}
	for _, path := range f.seen {
		text, err := os.ReadFile(path)
		if err != nil {
			return c, err
		}
		seen, err := audit.ParseSeen(text, c.Enrolment)
		if err != nil {
			return c, fmt.Errorf("%s: %w", path, err)
		}
		c.Seen = append(c.Seen, seen)
	}
	c.Identities, err = auditors(f.identities)
	return c, err
}

// auditors reads the files of auditors' keys.
func auditors(files []string) ([]age.Identity, error) {
	var list []age.Identity
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		ids, err := age.ParseIdentities(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, ids...)
	}
	return list, nil
}

var errNoIdentity = errors.New("records are sealed; name the file of an auditor's key with --identity")

// errFaults is the end of a verb that has found faults and said so.
var errFaults = exit{code: ExitError}

// report says what a verification has found, and returns [errFaults] if that
// is anything bad.
func report(w io.Writer, r *audit.Report, c audit.Check, kept bool) error {
	for _, f := range r.Faults {
		fmt.Fprintln(w, "FAULT", oneLine(f.String()))
	}
	if r.More > 0 {
		fmt.Fprintf(w, "and %d more\n", r.More)
	}
	fmt.Fprintf(w, "log %s: %d segments, %d records, %d entries, root %s\n", r.Enrolment.Origin(), r.Segments, r.Records, r.Size, r.Root)
	if !kept {
		fmt.Fprintf(w, "note: its keys lie with the log; compare the fingerprint with what init printed: %s\n", r.Enrolment.Fingerprint())
	}
	if n := r.Unsigned(); n > 0 {
		fmt.Fprintf(w, "note: no signature covers the last %d entries yet\n", n)
	}
	if r.Open {
		fmt.Fprintln(w, "note: the last segment has no end: the appliance is at work, or was killed, or the end was cut off")
	}
	if len(c.Seen) == 0 {
		fmt.Fprintln(w, "note: no checkpoint was given with --seen, so entries that are gone from the end cannot be missed")
	}
	if !r.OK() {
		fmt.Fprintf(w, "%d faults: this is not the log as the appliance wrote it\n", len(r.Faults)+r.More)
		return errFaults
	}
	fmt.Fprintln(w, "the log is whole")
	return nil
}

func auditVerify(g *globals) *cobra.Command {
	f := &auditFlags{g: g}
	var save string
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify DIR",
		Short: "Check structure, order, tree, signatures and what was seen before; needs no key",
		Long: "With --identity every record is opened too. Exits with 1 if anything is wrong. --save keeps the latest\n" +
			"signed checkpoint, to be given as --seen the next time.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			check, err := f.check(args[0])
			if err != nil {
				return err
			}
			r, err := audit.Verify(args[0], check)
			if err != nil {
				return err
			}
			if save != "" && r.OK() {
				if err := saveOver(save, r.Note); err != nil {
					return err
				}
			}
			if asJSON {
				return printReport(g, r)
			}
			return report(g.Out, r, check, f.enrolment != "")
		},
	}
	f.bind(c, true)
	c.Flags().StringVar(&save, "save", "", "`FILE` to keep the latest signed checkpoint in, if the log is whole")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func printReport(g *globals, r *audit.Report) error {
	faults := []string{}
	for _, f := range r.Faults {
		faults = append(faults, f.String())
	}
	err := g.printJSON(map[string]any{
		"origin": r.Enrolment.Origin(), "fingerprint": r.Enrolment.Fingerprint(), "segments": r.Segments, "records": r.Records,
		"opened": r.Opened, "entries": r.Size, "root": r.Root.String(), "signed": r.Signed.Size, "unsigned": r.Unsigned(),
		"open": r.Open, "first": r.First, "last": r.Last, "faults": faults, "more": r.More,
	})
	if err == nil && !r.OK() {
		return errFaults
	}
	return err
}

// saveOver replaces a file whole.
func saveOver(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// read exports every record of the log to g.Out, and the report to g.Err.
func (f *auditFlags) read(dir, format string, keep func(*audit.Record) bool) error {
	if len(f.identities) == 0 {
		return exit{ExitUsage, errNoIdentity}
	}
	check, err := f.check(dir)
	if err != nil {
		return err
	}
	x, err := audit.NewExporter(f.g.Out, format, appliance.BuildVersion().Version)
	if err != nil {
		return exit{ExitUsage, err}
	}
	check.Each = func(e audit.Entry) error {
		if keep != nil {
			var r audit.Record
			if err := json.Unmarshal(e.Record, &r); err != nil {
				return fmt.Errorf("entry %d: %w", e.Seq, err)
			}
			if !keep(&r) {
				return nil
			}
		}
		return x.Write(e)
	}
	r, err := audit.Verify(dir, check)
	if err = errors.Join(err, x.Close()); err != nil {
		return err
	}
	return report(f.g.Err, r, check, f.enrolment != "")
}

func auditDecrypt(g *globals) *cobra.Command {
	f := &auditFlags{g: g}
	c := &cobra.Command{
		Use:   "decrypt DIR --identity FILE",
		Short: "Print every record, one JSON line each, and verify the log on the way",
		Args:  cobra.ExactArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return f.read(args[0], "jsonl", nil) },
	}
	f.bind(c, true)
	return c
}

func auditExport(g *globals) *cobra.Command {
	f := &auditFlags{g: g}
	var format, model, run, action, actor, since, until string
	var classes []string
	c := &cobra.Command{
		Use:   "export DIR --identity FILE",
		Short: "Print the records that fit, for other programs: jsonl, cef or ocsf",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			from, err1 := day(since)
			to, err2 := day(until)
			if err := errors.Join(err1, err2); err != nil {
				return exit{ExitUsage, err}
			}
			return f.read(args[0], format, func(r *audit.Record) bool {
				fits := func(want, have string) bool { return want == "" || want == have }
				return fits(model, r.Model) && fits(run, r.Run) && fits(action, r.Action) && fits(actor, r.Actor) && oneOf(classes, r.Class) &&
					(from.IsZero() || !r.At.Before(from)) && (to.IsZero() || r.At.Before(to))
			})
		},
	}
	f.bind(c, true)
	c.Flags().StringVar(&format, "format", "jsonl", "jsonl, cef or ocsf")
	c.Flags().StringVar(&model, "model", "", "only records of this model")
	c.Flags().StringVar(&run, "run", "", "only records of this run")
	c.Flags().StringVar(&action, "action", "", "only this action, for example run.routed")
	c.Flags().StringVar(&actor, "actor", "", "only what this principal did")
	c.Flags().StringArrayVar(&classes, "class", nil, "only this data class; may be given several times")
	c.Flags().StringVar(&since, "since", "", "only from this time on: 2026-11-28 or RFC 3339")
	c.Flags().StringVar(&until, "until", "", "only before this time")
	return c
}

func oneOf(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return len(list) == 0
}

// day parses a day or a time; empty = the zero time.
func day(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("%q is no time like 2026-11-28 or 2026-11-28T12:00:00Z", s)
	}
	return t, nil
}

func auditKeygen(g *globals) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "keygen -o FILE",
		Short: "Make an auditor's key; on the auditor's machine, not on the appliance",
		Long:  "The key is an age identity, hybrid post-quantum. The line that is printed goes to skerry init --auditor.",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			id, err := age.GenerateHybridIdentity()
			if err != nil {
				return err
			}
			text := fmt.Sprintf("# Skerry auditor, made %s\n# recipient: %s\n%s\n", time.Now().UTC().Format(time.RFC3339), id.Recipient(), id)
			if _, err := saveNew(out, func(w *os.File) error { _, err := io.WriteString(w, text); return err }); err != nil {
				return err
			}
			fmt.Fprintln(g.Out, id.Recipient())
			return nil
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "`FILE` for the key")
	_ = c.MarkFlagRequired("output") // it exists
	return c
}
