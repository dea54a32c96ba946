package plugins

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"skerry/appliance/llm"
	"skerry/appliance/llm/llmtest"
	"skerry/plugins/sdk"
)

// TestMain makes the test binary its own children: with a first argument that
// begins with "child:" it behaves as that says and runs no test.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "child:") {
		behave(strings.TrimPrefix(os.Args[1], "child:"))
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// forever blocks as a hung program does, without Go's deadlock detector.
func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

func behave(mode string) {
	socketDir := os.Getenv("PLUGIN_UNIX_SOCKET_DIR")
	switch mode {
	// Providers.
	case "serve":
		sdk.Serve(&provider{})
	case "serve-bad-log": // a line like this makes go-plugin's log reader panic
		fmt.Fprintln(os.Stderr, `{"@message": 17, "@level": {}}`)
		sdk.Serve(&provider{})

	case "file": // what is on the first inherited descriptor, and whether it can be changed
		f := os.NewFile(3, "inherited")
		b, err := io.ReadAll(f)
		_, cannot := f.WriteAt([]byte("x"), 0)
		fmt.Printf("%s %v %t", b, err, cannot == nil)

	// Children that never become providers.
	case "silent":
		forever()
	case "no-newline":
		_, _ = os.Stdout.Write(make([]byte, 1<<20))
		forever()
	case "rubbish":
		fmt.Println("hello, I am no provider")
		forever()
	case "exits":
		fmt.Fprintln(os.Stderr, "the configuration is missing")
		os.Exit(3)
	case "unusable":
		sdk.Unusable("the model file is damaged: it ends early")
	case "tcp":
		fmt.Printf("1|1|tcp|%s|grpc|\n", os.Args[2])
		forever()
	case "abstract":
		fmt.Println("1|1|unix|@skerry-somewhere-else|grpc|")
		forever()
	case "foreign-socket":
		fmt.Printf("1|1|unix|%s|grpc|\n", os.Args[2])
		forever()
	case "dotdot":
		fmt.Printf("1|1|unix|%s/../x/../provider.sock|grpc|\n", socketDir)
		forever()
	case "link":
		_ = os.Symlink(os.Args[2], socketDir+"/provider.sock")
		fmt.Printf("1|1|unix|%s/provider.sock|grpc|\n", socketDir)
		forever()
	case "netrpc":
		l, _ := net.Listen("unix", socketDir+"/provider.sock")
		defer l.Close()
		fmt.Printf("1|1|unix|%s/provider.sock|netrpc|\n", socketDir)
		forever()
	case "mute-socket": // accepts connections and never says a word
		l, _ := net.Listen("unix", socketDir+"/provider.sock")
		fmt.Printf("1|1|unix|%s/provider.sock|grpc|\n", socketDir)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}

	// Isolated work.
	case "echo":
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "environment":
		fmt.Print(os.Environ())
	case "refuse":
		fmt.Fprintln(os.Stderr, "\x1b[2Jthis is no invoice\u202e")
		os.Exit(3)
	case "panic":
		panic("parser lost its way")
	case "segfault":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		forever()
	case "hang":
		forever()
	case "spin":
		for turns := 0; ; turns++ {
			_ = turns
		}
	case "flood":
		for {
			_, _ = os.Stdout.Write(make([]byte, 1<<16))
		}
	case "hoard":
		_, _ = io.ReadAll(os.Stdin) // limits are in force from here on
		var all [][]byte
		for {
			b := make([]byte, 16<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			all = append(all, b)
			runtime.KeepAlive(all)
		}
	case "write":
		_, _ = io.ReadAll(os.Stdin)
		err := os.WriteFile(os.Args[2], []byte("x"), 0o600)
		fmt.Print(err != nil)
	default:
		panic("no such child: " + mode)
	}
}

// provider is a fake with switches in the request: what its only message says
// decides what the process does.
type provider struct{ llmtest.Fake }

func (p *provider) Describe(context.Context) (llm.Description, error) {
	return llm.Description{Name: "test", Version: strings.Join(os.Environ(), "\x00"), Engine: fmt.Sprint(os.Args)}, nil
}

func (p *provider) Generate(ctx context.Context, r llm.Request, emit func(llm.Delta) error) (llm.Response, error) {
	if len(r.Messages) == 1 {
		switch r.Messages[0].Parts[0].Text {
		case "crash":
			_ = emit(llm.Delta{Text: "so far"})
			os.Exit(9)
		case "hang":
			_ = emit(llm.Delta{Text: "so far"})
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
			forever() // the signal takes a moment
		case "wait":
			_ = emit(llm.Delta{Text: "so far"})
			<-ctx.Done()
			return llm.Response{}, ctx.Err()
		case "noise":
			go func() {
				for { // floods both streams for as long as it lives
					fmt.Println(strings.Repeat("rubbish", 1000))
					fmt.Fprintln(os.Stderr, "\x1b[31mnoise\x07 "+strings.Repeat("y", 5000))
				}
			}()
		case "fail":
			return llm.Response{}, &llm.Error{Kind: llm.RateLimited, Message: "busy <b>now</b>", RetryAfter: 1500 * time.Millisecond, Err: io.ErrUnexpectedEOF}
		case "unknown-error":
			return llm.Response{}, &llm.Error{Kind: "strange", Message: "?"}
		case "endless":
			for {
				if err := emit(llm.Delta{Text: strings.Repeat("z", 1<<16)}); err != nil {
					return llm.Response{}, err
				}
			}
		case "tokens", "tokens-slowly": // as many as were asked for, as fast as they go or one at a time
			for range r.MaxTokens {
				if r.Messages[0].Parts[0].Text == "tokens-slowly" {
					time.Sleep(500 * time.Microsecond) // a small model computes
				}
				if err := emit(llm.Delta{Text: "token ", Tokens: []llm.Token{{Bytes: []byte("token "), Logprob: -0.5}}}); err != nil {
					return llm.Response{}, err
				}
			}
			return llm.Response{Finish: llm.FinishStop, Usage: llm.Usage{OutputTokens: r.MaxTokens}}, nil
		case "open-file":
			b, err := os.ReadFile(os.Args[len(os.Args)-1])
			return llm.Response{Text: string(b), Finish: llm.FinishStop}, first(err, emit(llm.Delta{Text: string(b)}))
		case "limits":
			var core, size syscall.Rlimit
			_ = syscall.Getrlimit(syscall.RLIMIT_CORE, &core)
			_ = syscall.Getrlimit(syscall.RLIMIT_FSIZE, &size)
			in, err := io.ReadAll(os.Stdin)
			exe, _ := os.Readlink("/proc/self/exe")
			s := fmt.Sprint(core.Max, size.Max, len(in), err, strings.HasPrefix(exe, "/memfd:"))
			return llm.Response{Finish: llm.FinishStop}, emit(llm.Delta{Text: s})
		}
	}
	return p.Fake.Generate(ctx, r, emit)
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
