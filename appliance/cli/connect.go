package cli

import (
	"context"
	"errors"
	"path/filepath"

	"skerry/appliance"
	"skerry/appliance/api/client"
)

// connected calls f with a client of the appliance that serves the data
// directory. Where none does, it starts one for the call, on the local socket
// only, and stops it afterwards.
func (g *globals) connected(ctx context.Context, f func(context.Context, *client.Client) error) error {
	socket := filepath.Join(g.data, appliance.SocketFile)
	api := client.New(socket)
	api.Language = g.lang
	defer api.Close()
	if _, err := api.Health(ctx); err == nil {
		return f(ctx, api)
	}
	config, err := appliance.LoadConfig(g.data)
	if err != nil {
		return err
	}
	config.Listen = ""
	a, err := appliance.Open(ctx, config, newLog(g, true))
	if err != nil {
		return explainOpen(err)
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	ready := make(chan struct{})
	served := make(chan error, 1)
	go func() {
		served <- a.Serve(serving, func(appliance.Address) { close(ready) })
	}()
	select {
	case <-ready:
		err = f(ctx, api)
	case err = <-served:
		served <- nil
	}
	stop()
	return errors.Join(err, <-served, a.Close())
}
