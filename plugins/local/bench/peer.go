package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

//go:embed peer.mjs
var script []byte

// peerVersion of node-llama-cpp; its package for Linux holds llama.cpp for every
// level of processors and chooses at start, as it is used everywhere.
const peerVersion = "3.22.1"

// peer is llama.cpp in a process of its own.
type peer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner

	loadMillis float64
}

// install brings node-llama-cpp into dir, once.
func install(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "peer.mjs"), script, 0o644); err != nil { //nolint:gosec // a script for node
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "node-llama-cpp")); err == nil {
		return nil
	}
	fmt.Fprintln(os.Stderr, "installing node-llama-cpp", peerVersion, "in", dir)
	cmd := exec.CommandContext(ctx, "npm", "install", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund", "node-llama-cpp@"+peerVersion)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install node-llama-cpp: %w; where there is no registry, copy %s from a host that has it\n%s", err, dir, text)
	}
	return nil
}

func startPeer(ctx context.Context, o options, model string, sequences, contextTokens int) (*peer, error) {
	flash := "off"
	if o.flash {
		flash = "on"
	}
	cmd := exec.CommandContext(ctx, "node", "peer.mjs", model, strconv.Itoa(sequences), strconv.Itoa(o.threads), strconv.Itoa(contextTokens), flash) //nolint:gosec // our own arguments
	cmd.Dir = o.peer
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &peer{cmd: cmd, in: in, out: bufio.NewScanner(out)}
	p.out.Buffer(nil, 1<<20)
	var ready struct{ Load float64 }
	if err := p.answer(&ready); err != nil {
		return nil, errors.Join(fmt.Errorf("llama.cpp does not start: %w", err), p.close())
	}
	p.loadMillis = ready.Load
	return p, nil
}

func (p *peer) ask(request, answer any) error {
	b, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if _, err := p.in.Write(append(b, '\n')); err != nil {
		return err
	}
	return p.answer(answer)
}

func (p *peer) answer(to any) error {
	if !p.out.Scan() {
		return errors.Join(errors.New("llama.cpp ended"), p.out.Err())
	}
	var failed struct{ Error string }
	if err := json.Unmarshal(p.out.Bytes(), &failed); err != nil {
		return fmt.Errorf("llama.cpp answered %q: %w", p.out.Text(), err)
	}
	if failed.Error != "" {
		return errors.New("llama.cpp: " + failed.Error)
	}
	return json.Unmarshal(p.out.Bytes(), to)
}

func (p *peer) close() error {
	_ = p.in.Close()
	return p.cmd.Wait()
}

// pass reads a prompt of so many tokens and then writes some.
func (p *peer) pass(prompt, tokens int) (pass, error) {
	var a struct {
		First, Rest float64
		Tokens      int
	}
	err := p.ask(map[string]any{"op": "pass", "prompt": prompt, "tokens": tokens}, &a)
	if err == nil && a.Tokens != tokens {
		err = fmt.Errorf("llama.cpp wrote %d tokens, not %d", a.Tokens, tokens)
	}
	return pass{prefillMillis: a.First, decodeMillis: a.Rest}, err
}

// documents answers all of w and returns how long it took.
func (p *peer) documents(w work) (batch, error) {
	var a struct {
		Ms          float64
		Tokens, Bad int
	}
	err := p.ask(map[string]any{"op": "documents", "prefix": w.prefix, "documents": w.documents, "schema": w.schema, "maxTokens": w.maxTokens}, &a)
	return batch{millis: a.Ms, tokens: a.Tokens, bad: a.Bad}, err
}
