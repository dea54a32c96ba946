package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"skerry/appliance"
	"skerry/appliance/audit"
)

func auditProve(g *globals) *cobra.Command {
	f := &auditFlags{g: g}
	var out, run string
	var seqs []uint
	var reveal bool
	c := &cobra.Command{
		Use:   "prove DIR -o FILE (--run ID | --seq N …)",
		Short: "Prove to a third party that records stand in the log",
		Long: "The proof holds the sealed records, the hashes that lead to a signed checkpoint (C2SP tlog-proof) and the\n" +
			"log's enrolment. With --reveal it holds the keys of these records too, and of no others.\n" +
			"Check one with: skerry audit check-proof FILE --enrolment enrolment.json",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			check, err := f.check(args[0])
			if err != nil {
				return err
			}
			if (run == "") == (len(seqs) == 0) {
				return exit{ExitUsage, errors.New("name either a run with --run or entries with --seq")}
			}
			if len(f.identities) == 0 && (run != "" || reveal) {
				return exit{ExitUsage, errNoIdentity}
			}
			wanted := map[uint64]bool{}
			for _, n := range seqs {
				wanted[uint64(n)] = true
			}
			p, err := audit.Prove(args[0], check, func(seq uint64, record []byte) bool {
				if run == "" {
					return wanted[seq]
				}
				var r audit.Record
				return json.Unmarshal(record, &r) == nil && r.Run == run
			}, reveal)
			if err != nil {
				return err
			}
			_, err = saveNew(out, func(w *os.File) error { return json.NewEncoder(w).Encode(p) })
			if err == nil {
				fmt.Fprintf(g.Out, "%s proves %d records\n", out, len(p.Records))
			}
			return err
		},
	}
	f.bind(c, true)
	c.Flags().StringVarP(&out, "output", "o", "", "`FILE` for the proof")
	_ = c.MarkFlagRequired("output") // it exists
	c.Flags().StringVar(&run, "run", "", "every record of this run")
	c.Flags().UintSliceVar(&seqs, "seq", nil, "the record with this entry number")
	c.Flags().BoolVar(&reveal, "reveal", false, "put what the records say into the proof")
	return c
}

func auditCheckProof(g *globals) *cobra.Command {
	var enrolment string
	c := &cobra.Command{
		Use:   "check-proof FILE",
		Short: "Check a proof, and print what it reveals",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			var known *audit.Enrolment
			if enrolment != "" {
				b, err := os.ReadFile(enrolment)
				if err != nil {
					return err
				}
				if known, err = audit.ParseEnrolment(b); err != nil {
					return fmt.Errorf("%s: %w", enrolment, err)
				}
			}
			x, err := audit.NewExporter(g.Out, "jsonl", appliance.BuildVersion().Version)
			if err != nil {
				return err
			}
			n := 0
			e, err := audit.CheckProof(text, known, func(e audit.Entry) error {
				n++
				return x.Write(e)
			})
			if err = errors.Join(err, x.Close()); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			fmt.Fprintf(g.Err, "%d records stand in the log %s\n", n, e.Origin())
			if known == nil {
				fmt.Fprintf(g.Err, "note: the log's keys come with the proof; compare the fingerprint with what you know: %s\n", e.Fingerprint())
			}
			return nil
		},
	}
	c.Flags().StringVar(&enrolment, "enrolment", "", "the log's enrolment.json, from a source that you trust")
	return c
}

func auditCosign(g *globals) *cobra.Command {
	f := &auditFlags{g: g}
	var key, name, out string
	var put bool
	c := &cobra.Command{
		Use:   "cosign DIR --key FILE -o FILE",
		Short: "Countersign the log's latest checkpoint as a witness, after checking it",
		Long: "Runs on the auditor's machine, over a copy of the log. The key is made on the first use, with --name. The\n" +
			"checkpoint that was cosigned is kept beside the key, and the log must lead there the next time. Carry the\n" +
			"result back, and put it beside the log with: skerry audit cosign DIR --put FILE",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if put {
				text, err := os.ReadFile(out)
				if err != nil {
					return err
				}
				seen, err := audit.PutWitnessed(args[0], text)
				if err == nil {
					fmt.Fprintf(g.Out, "witnessed up to entry %d\n", seen.Size)
				}
				return err
			}
			w, err := witness(g, key, name)
			if err != nil {
				return err
			}
			memory := key + ".seen"
			if _, err := os.Stat(memory); err == nil {
				f.seen = append(f.seen, memory)
			} else if !errors.Is(err, fs.ErrNotExist) {
				return err // a witness that forgets is none
			}
			check, err := f.check(args[0])
			if err != nil {
				return err
			}
			r, err := audit.Verify(args[0], check)
			if err != nil {
				return err
			}
			if err := report(g.Out, r, check, f.enrolment != ""); err != nil {
				return err
			}
			signed, err := w.Cosign(r, time.Now())
			if err != nil {
				return err
			}
			if err := saveOver(memory, signed); err != nil {
				return err
			}
			if err := saveOver(out, signed); err != nil {
				return err
			}
			fmt.Fprintf(g.Out, "cosigned %d entries: %s\nwitness key: %s\n", r.Signed.Size, out, w.Key())
			return nil
		},
	}
	f.bind(c, false)
	c.Flags().StringVar(&key, "key", "", "`FILE` of the witness's key")
	c.Flags().StringVar(&name, "name", "", "name of a witness whose key is made now")
	c.Flags().StringVarP(&out, "output", "o", "", "`FILE` for the cosigned checkpoint")
	_ = c.MarkFlagRequired("output") // it exists
	c.Flags().BoolVar(&put, "put", false, "on the appliance: put the checkpoint in --output beside the log")
	return c
}

// witness reads the key of a witness, or makes it where a name says so. A file
// that cannot be read is never replaced.
func witness(g *globals, path, name string) (*audit.Witness, error) {
	if path == "" {
		return nil, exit{ExitUsage, errors.New("name the file of the witness's key with --key")}
	}
	text, err := os.ReadFile(path)
	if err == nil {
		return audit.ParseWitness(text)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if name == "" {
		return nil, fmt.Errorf("%s is not there; make a witness's key with --name NAME", path)
	}
	w, err := audit.NewWitness(name)
	if err != nil {
		return nil, err
	}
	if _, err := saveNew(path, func(f *os.File) error { return json.NewEncoder(f).Encode(w) }); err != nil {
		return nil, err
	}
	fmt.Fprintln(g.Out, "made a witness's key:", path)
	return w, nil
}
