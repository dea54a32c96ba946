package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"skerry/appliance"
	"skerry/appliance/audit"
	"skerry/appliance/catalogue"
	"skerry/appliance/document"
	"skerry/embed"
	"skerry/store"
)

func serveCommand(g *globals) *cobra.Command {
	var listen string
	var quiet bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the web UI and the API, and drive runs",
		Long:  "Serves until it gets SIGINT or SIGTERM. Runs that are under way then go on after the next start.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := appliance.LoadConfig(g.data)
			if err != nil {
				return err
			}
			if c.Flags().Changed("listen") {
				config.Listen = listen
			}
			if err := config.Validate(); err != nil {
				return err
			}
			return explainOpen(appliance.Run(c.Context(), config, newLog(g, quiet), func(a *appliance.Appliance, at appliance.Address) {
				g.announce(c.Context(), a, at)
			}))
		},
	}
	c.Flags().StringVar(&listen, "listen", "", "address, for example 127.0.0.1:8080; overrides config.yaml")
	c.Flags().BoolVar(&quiet, "quiet", false, "log warnings and errors only")
	return c
}

// announce tells the person at the terminal where to go. a is nil while the
// vault is sealed.
func (g *globals) announce(ctx context.Context, a *appliance.Appliance, at appliance.Address) {
	fmt.Fprintf(g.Out, "Skerry %s, data in %s\n", appliance.BuildVersion().Version, g.data)
	if a == nil {
		fmt.Fprintf(g.Out, "sealed: no key on this host opens it; an admin does with: skerry vault unseal --data %s\n", g.data)
	}
	if at.URL == "" {
		fmt.Fprintln(g.Out, "serving the local socket only:", at.Socket)
		return
	}
	fmt.Fprintln(g.Out, "serving", at.URL)
	if at.Certificates != "" {
		fmt.Fprintln(g.Out, "serving people with client certificates", at.Certificates)
	}
	if a == nil {
		return
	}
	token, err := a.NewLink(ctx)
	if err != nil {
		fmt.Fprintln(g.Err, "skerry: no sign-in link could be made:", err)
		return
	}
	fmt.Fprintf(g.Out, "sign in (once, within %d minutes): %s\n", int(appliance.LinkLifetime.Minutes()), signInURL(at.URL, token))
}

// signInURL carries the token in the fragment, which browsers do not send, so
// that it stands in no server's log.
func signInURL(base, token string) string { return base + "/sign-in#token=" + token }

func newLog(g *globals, quiet bool) *slog.Logger {
	level := slog.LevelInfo
	if quiet {
		level = slog.LevelWarn
	}
	return slog.New(slog.NewTextHandler(g.Err, &slog.HandlerOptions{Level: level}))
}

// explainOpen adds what to do to the errors of opening a data directory.
func explainOpen(err error) error {
	if errors.Is(err, store.ErrInUse) || errors.Is(err, audit.ErrInUse) {
		return fmt.Errorf("%w; is another skerry serving it?", err)
	}
	return err
}

func initCommand(g *globals) *cobra.Command {
	var ifNeeded bool
	var auditors, hosts []string
	var listen, waiver string
	var admins adminFlags
	c := &cobra.Command{
		Use:   "init",
		Short: "Make a data directory with the sample mission, policy and models",
		Long:  "Everything in it is sealed for the admins that are named. Without any, a key file beside the\ndata directory opens it at every start, which suits evaluation: it does not protect a stolen host.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("single-person") && strings.TrimSpace(waiver) == "" {
				return exit{ExitUsage, errors.New("--single-person needs the reason why there is no second person, for whoever asks later")}
			}
			list, err := g.admins(admins)
			if err != nil {
				return err
			}
			config := appliance.NewConfig(g.data, listen, hosts)
			list.Single = waiver
			done, err := appliance.Init(c.Context(), config, list, auditors...)
			if errors.Is(err, appliance.ErrInitialised) && ifNeeded {
				fmt.Fprintln(g.Out, "data directory:", g.data)
				return nil
			}
			if err != nil {
				return explainOpen(err)
			}
			fmt.Fprintln(g.Out, "data directory:", done.Data)
			fmt.Fprintf(g.Out, "policy version %d is active\n", done.Policy)
			for _, name := range done.Missions {
				fmt.Fprintln(g.Out, "mission published:", name)
			}
			g.sayKeyFile(done.KeyFile)
			if done.CA != "" {
				fmt.Fprintf(g.Out, "HTTPS on %s with a CA of its own: clients take it from skerry tls export, and compare its SHA-256:\n%s\n", config.Listen, done.CA)
			}
			if done.Waiver != "" {
				fmt.Fprintln(g.Out, "single person: what takes two people elsewhere takes one here, which every page says:", oneLine(done.Waiver))
			} else {
				fmt.Fprintln(g.Out, "changes of policy, administrators, approvers, auditors and the vault take two people; make two accounts first:")
				fmt.Fprintln(g.Out, "  skerry user add ann --role admin && skerry user add bob --role admin")
			}
			if e := done.Audit; e != nil {
				fmt.Fprintf(g.Out, "audit log of %s, sealed to %d auditors: %s\n", e.Origin(), len(e.Recipients), filepath.Join(done.Data, appliance.AuditDir))
				fmt.Fprintln(g.Out, "auditors: take a copy of its enrolment.json with you, and write down its fingerprint:")
				fmt.Fprintln(g.Out, e.Fingerprint())
			} else {
				fmt.Fprintln(g.Out, "no audit log: name two auditors or more with --auditor; without, a site is for evaluation")
			}
			return nil
		},
	}
	admins.bind(c)
	c.Flags().StringArrayVar(&auditors, "auditor", nil, "age `RECIPIENT` (age1pq1…, age1…) of an auditor, from skerry audit keygen; at least two")
	c.Flags().StringVar(&listen, "listen", "", "address to serve on, for example 0.0.0.0:8443 for the network; default 127.0.0.1:8080")
	c.Flags().StringArrayVar(&hosts, "host", nil, "`NAME` or address that people use for this host; makes a CA, and serves HTTPS. May be repeated")
	c.Flags().StringVar(&waiver, "single-person", "", "`REASON` why governed changes take one person on this site instead of two; every page shows it")
	c.Flags().BoolVar(&ifNeeded, "if-needed", false, "do nothing if there is one already")
	return c
}

func versionCommand(g *globals) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Say which build this is",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := appliance.BuildVersion()
			if asJSON {
				return g.printJSON(v)
			}
			fmt.Fprintf(g.Out, "skerry %s (commit %s, %s, %s)\n", v.Version, v.Commit, v.Go, v.Target)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func licencesCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "licences",
		Short: "Print the licences of everything in this binary",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := g.Out.Write(embed.Licences())
			return err
		},
	}
}

// hiddenCommands are how the appliance calls itself for work that may bring a
// process down: reading documents,
// inspecting model files, and checking a damaged database.
func hiddenCommands(g *globals) []*cobra.Command {
	list := []*cobra.Command{
		{Use: document.Verb, Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return document.Main(g.In, g.Out) }},
		{Use: catalogue.Verb, Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return catalogue.Main(g.In, g.Out) }},
		{Use: appliance.PagesVerb + " FILE", Args: cobra.ExactArgs(1), RunE: func(_ *cobra.Command, args []string) error { return appliance.CheckPages(args[0], g.Out) }},
	}
	for _, c := range list {
		c.Hidden = true
		// Nothing of the usual preparation: there is no home, no data and no language.
		c.PersistentPreRunE = func(*cobra.Command, []string) error { return nil }
	}
	return list
}
