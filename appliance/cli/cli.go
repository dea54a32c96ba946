// Package cli is the command line of Skerry: one file per noun. It holds no
// logic of its own: a verb talks to the running appliance over the local socket,
// or opens the data directory when none runs. Start with [Main].
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"skerry/appliance"
)

// Exit codes. Of several that apply to one call, the highest is returned.
const (
	ExitOK       = 0
	ExitError    = 1  // the work could not be done at all
	ExitUsage    = 2  // the command line is wrong
	ExitReferred = 10 // some run ended other than approved: rejected, referred …
	ExitWaiting  = 11 // some run waits for a person or a model
	ExitFailed   = 12 // some run failed, or some file could not be handed in
)

// Streams are what a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// exit is an error that carries the exit code, and no text where the command
// has said everything already.
type exit struct {
	code int
	err  error
}

func (e exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e exit) Unwrap() error { return e.err }

// globals are the flags that every verb has.
type globals struct {
	Streams
	data string
	lang string
}

// Main runs the command line args, without the program name, and returns the
// exit code. SIGINT and SIGTERM end the work cleanly; a second one ends it at
// once.
func Main(args []string, s Streams) int {
	if err := appliance.Harden(); err != nil {
		fmt.Fprintln(s.Err, "skerry:", err)
		return ExitError
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the next signal has its usual effect

	root := newRoot(s)
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}
	var e exit
	if errors.As(err, &e) {
		if e.err != nil {
			fmt.Fprintln(s.Err, "skerry:", e.err)
		}
		return e.code
	}
	fmt.Fprintln(s.Err, "skerry:", err)
	return ExitError
}

func newRoot(s Streams) *cobra.Command {
	g := &globals{Streams: s}
	root := &cobra.Command{
		Use:           "skerry",
		Short:         "Missions, independent of any language model",
		Long:          "Skerry runs missions on models that policy chooses, explains every step,\nand asks people where they have to decide. One host, one binary, no internet.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       appliance.BuildVersion().Version,
		CompletionOptions: cobra.CompletionOptions{
			HiddenDefaultCmd: true,
		},
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return exit{ExitUsage, fmt.Errorf("%w; see: %s --help", err, c.CommandPath())}
	})
	root.PersistentFlags().StringVar(&g.data, "data", "", "data directory (default: skerry in your data home)")
	root.PersistentFlags().StringVar(&g.lang, "lang", "en", "language of the Explain rail: en or de")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if g.lang != "en" && g.lang != "de" {
			return exit{ExitUsage, fmt.Errorf("--lang is %q, may be en or de", g.lang)}
		}
		if g.data != "" {
			return nil
		}
		var err error
		g.data, err = appliance.DefaultData()
		return err
	}
	root.AddCommand(
		serveCommand(g), initCommand(g), userCommand(g), directoryCommand(g),
		missionCommand(g), runCommand(g), decisionCommand(g), modelCommand(g), policyCommand(g),
		proposalCommand(g), waiverCommand(g),
		vaultCommand(g), secretCommand(g), tlsCommand(g), keyCommand(g), auditCommand(g), backupCommand(g), restoreCommand(g), doctorCommand(g),
		versionCommand(g), licencesCommand(g),
	)
	root.AddCommand(hiddenCommands(g)...)
	root.SuggestionsMinimumDistance = 2
	strict(root)
	return root
}

// strict makes a wrong number of arguments, or an unknown verb, a usage error
// that says where to look.
func strict(c *cobra.Command) {
	check := c.Args
	if c.HasSubCommands() {
		check = knownVerb
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(c, args); err != nil {
			return exit{ExitUsage, fmt.Errorf("%w; see: %s --help", err, c.CommandPath())}
		}
		return nil
	}
	for _, sub := range c.Commands() {
		strict(sub)
	}
}

// knownVerb refuses what is left over where a verb was expected.
func knownVerb(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Errorf("%s has no verb %q; did you mean %q?", c.CommandPath(), args[0], near[0])
	}
	return fmt.Errorf("%s has no verb %q", c.CommandPath(), args[0])
}
