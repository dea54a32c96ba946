package api

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"skerry/appliance/policy"
)

const maxSmallBodyBytes = 1 << 20

var errNot = errors.New("not yet")

type API struct {
	huma   huma.API
	guards map[string]guard
}

type Config struct{}

func New(c Config) *API {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	describe(registry)
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI:    "3.1.0",
			Info:       &huma.Info{Title: "Skerry", Version: "1", Description: "Money is in integer micro-units of the site's currency, times are RFC 3339 in UTC, and a confidence is a number in [0, 1] or null. Errors are RFC 9457 problems."},
			Components: &huma.Components{Schemas: registry},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
	}
	a := &API{huma: humagin.New(engine, config), guards: map[string]guard{}}
	a.routes()
	return a
}
func (a *API) admit(ctx context.Context, x access) error                             { return nil }
func (a *API) authorize(ctx context.Context, x policy.Action, o policy.Object) error { return nil }
func (a *API) problem(ctx context.Context, err error) error                          { return err }

func typeOf[T any]() reflect.Type               { return reflect.TypeFor[T]() }
func valueType(v any) reflect.Type              { return reflect.TypeOf(v) }
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
