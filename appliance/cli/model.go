package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/catalogue"
	"skerry/appliance/llm"
)

func modelCommand(g *globals) *cobra.Command {
	c := &cobra.Command{Use: "model", Short: "Models: list, show, import, start, stop, exam, lock, rm"}
	c.AddCommand(modelListCommand(g), modelShowCommand(g), modelImportCommand(g), modelExamCommand(g), modelLockCommand(g), modelRemoveCommand(g), modelSwitch(g, "stop", "Stop a model; runs that need it wait", (*client.Client).StopModel),
		modelSwitch(g, "start", "Start a model; runs that wait for it go on", (*client.Client).StartModel))
	return c
}

func modelListCommand(g *globals) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the catalogue",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				list, err := a.Models(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return g.printJSON(list)
				}
				var rows [][]string
				for _, m := range list {
					var pools []string
					for _, p := range m.Pools {
						pools = append(pools, p.Name)
					}
					rows = append(rows, []string{string(m.ID), m.State, string(m.Boundary), orDash(string(m.Clearance)), orDash(strings.Join(pools, ",")), m.Source, catalogue.Bytes(m.SizeBytes), m.LockDigest, m.Title})
				}
				return g.table([]string{"MODEL", "STATE", "BOUNDARY", "CLEARANCE", "POOLS", "SOURCE", "SIZE", "LOCK", "TITLE"}, rows)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func modelSwitch(g *globals, verb, short string, do func(*client.Client, context.Context, llm.ModelID) (api.ModelEntry, error)) *cobra.Command {
	return &cobra.Command{
		Use:   verb + " MODEL",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				m, err := do(a, ctx, llm.ModelID(args[0]))
				if err != nil {
					return err
				}
				fmt.Fprintf(g.Out, "%s: %s\n", m.ID, m.State)
				return nil
			})
		},
	}
}
