// Command recipe trains the starter models from their recipe: it generates the
// records, builds the trainer, trains and exports. What is finished is not done
// again; what was interrupted goes on from its last checkpoint.
//
//	go run ./embed/starter/train/recipe [-dir DIR] [small] [large]
//
// Run it in the root of the repository.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "recipe:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	k := kitchen{}
	path := flag.String("recipe", "embed/starter/train/recipe.json", "recipe to follow")
	flag.StringVar(&k.dir, "dir", filepath.Join(cache, "skerry-train"), "where records, checkpoints and results go")
	flag.IntVar(&k.threads, "threads", runtime.NumCPU(), "threads of the trainer; one repeats a run bit for bit")
	flag.Float64Var(&k.maxSeconds, "max-seconds", 0, "most seconds of training a stage; 0 for no bound, which alone is reproducible")
	flag.BoolVar(&k.torch, "torch", false, "train with torch_train.py instead of the C++ trainer")
	flag.Parse()
	if k.recipe, err = read(*path); err != nil {
		return err
	}
	wanted := flag.Args()
	for _, id := range wanted {
		if !slices.ContainsFunc(k.recipe.Models, func(m model) bool { return m.ID == id }) {
			return fmt.Errorf("the recipe has no model %q", id)
		}
	}
	if k.dir, err = filepath.Abs(k.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(k.dir, 0o755); err != nil {
		return err
	}
	if err := k.prepare(ctx); err != nil {
		return err
	}
	for _, m := range k.recipe.Models {
		if len(wanted) > 0 && !k.needed(m.ID, wanted) {
			continue
		}
		if err := k.train(ctx, m); err != nil {
			return fmt.Errorf("model %s: %w", m.ID, err)
		}
	}
	return nil
}
