package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/mission"
)

func missionCommand(g *globals) *cobra.Command {
	c := &cobra.Command{Use: "mission", Short: "Missions: list, show, validate, publish, run, schema"}
	c.AddCommand(missionListCommand(g), missionShowCommand(g), missionValidateCommand(g), missionPublishCommand(g),
		missionRunCommand(g), missionSchemaCommand(g))
	return c
}

func missionListCommand(g *globals) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the missions",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				list, err := a.Missions(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return g.printJSON(list)
				}
				var rows [][]string
				for _, m := range list {
					draft := "-"
					if m.Draft != nil {
						draft = "changed " + when(m.Draft.UpdatedAt)
					}
					rows = append(rows, []string{m.Name, fmt.Sprint(m.Version), draft, m.Title.In(g.lang)})
				}
				return g.table([]string{"MISSION", "VERSION", "DRAFT", "TITLE"}, rows)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func missionShowCommand(g *globals) *cobra.Command {
	var version int
	c := &cobra.Command{
		Use:   "show MISSION",
		Short: "Print the file of a mission",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				source, err := a.MissionSource(ctx, args[0], version)
				if err != nil {
					return err
				}
				_, err = g.Out.Write(source)
				return err
			})
		},
	}
	c.Flags().IntVar(&version, "version", 0, "published version; 0 = the latest")
	return c
}

func missionSchemaCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of mission files, for editors",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := g.Out.Write(mission.Schema())
			return err
		},
	}
}

func missionValidateCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE",
		Short: "Say what is wrong with a mission file, by line and column",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			source, err := g.readFile(args[0])
			if err != nil {
				return err
			}
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				v, err := a.Validate(ctx, source)
				if err != nil {
					return err
				}
				if v.Valid {
					fmt.Fprintf(g.Out, "%s: can be published\n", args[0])
					return nil
				}
				g.printFindings(args[0], v.Problems)
				return exit{code: ExitError}
			})
		},
	}
}

func missionPublishCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "publish FILE",
		Short: "Publish a mission file as the next version",
		Long:  "New runs use the new version; runs under way finish on the one that they began with.",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			source, err := g.readFile(args[0])
			if err != nil {
				return err
			}
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				v, err := a.Validate(ctx, source)
				if err != nil {
					return err
				}
				if !v.Valid {
					g.printFindings(args[0], v.Problems)
					return exit{code: ExitError}
				}
				m, err := mission.Parse(source)
				if err != nil {
					return err
				}
				d, err := a.SaveDraft(ctx, m.Name, source)
				if err != nil {
					return err
				}
				published, err := a.Publish(ctx, m.Name, d.Digest)
				if err != nil {
					return err
				}
				fmt.Fprintf(g.Out, "published %s version %d\n", m.Name, published.Entry.Version)
				return nil
			})
		},
	}
}

// maxMissionBytes bounds a mission file that is read from disk.
const maxMissionBytes = 1 << 20

// readFile reads a file, or the standard input for "-".
func (g *globals) readFile(name string) ([]byte, error) {
	in := g.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxMissionBytes+1))
	if err == nil && len(data) > maxMissionBytes {
		err = errors.New("larger than 1 MiB, which no mission is")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}

// printFindings prints problems in the form that editors understand.
func (g *globals) printFindings(file string, list []api.Finding) {
	for _, f := range list {
		at := file
		if f.Line > 0 {
			at = fmt.Sprintf("%s:%d:%d", file, f.Line, f.Column)
		}
		fmt.Fprintf(g.Out, "%s: %s\n", at, oneLine(f.Message))
	}
}
