package document

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMain lets the test binary be the child that Isolated starts.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == Verb {
		if err := Main(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child runs this test binary, unconfined.
type child struct{}

func (child) RunIsolated(ctx context.Context, verb string, stdin []byte) ([]byte, error) {
	c := exec.CommandContext(ctx, os.Args[0], verb)
	c.Stdin = bytes.NewReader(stdin)
	return c.Output()
}

// answer is a child that says what it is told to.
type answer struct {
	stdout string
	err    error
}

func (a answer) RunIsolated(context.Context, string, []byte) ([]byte, error) {
	return []byte(a.stdout), a.err
}

func TestIsolatedReadsLikeRead(t *testing.T) {
	ctx := context.Background()
	r := Isolated{Runner: child{}, Limits: Limits{Bytes: 1000}}
	for _, data := range []string{german, "", "\x89PNG\r\n\x1a\n", "%PDF-1.4\nrubbish", strings.Repeat("x", 1001), "M\xfcller \x81"} {
		want, wantErr := Read("a.txt", []byte(data), r.Limits)
		got, err := r.Read(ctx, "a.txt", []byte(data))
		if got.Text != want.Text || got.SHA256 != want.SHA256 || ReasonOf(err) != ReasonOf(wantErr) {
			t.Errorf("%.20q: %q, %v; in this process %q, %v", data, got.Text, err, want.Text, wantErr)
		}
		if err != nil && err.Error() != wantErr.Error() {
			t.Errorf("%.20q: %q became %q on the way", data, wantErr, err)
		}
	}
}

func TestIsolatedDoesNotTrustTheChild(t *testing.T) {
	tests := []struct {
		name  string
		child answer
	}{
		{"it died", answer{err: errors.New("signal: killed")}},
		{"it said nothing", answer{}},
		{"it said rubbish", answer{stdout: "panic: "}},
		{"it answered neither way", answer{stdout: "{}"}},
		{"its text is blank", answer{stdout: `{"document":{"text":" ","pages":[0]}}`}},
		{"its pages lie outside the text", answer{stdout: `{"document":{"text":"abc","pages":[0,9]}}`}},
		{"its pages go backwards", answer{stdout: `{"document":{"text":"abc","pages":[0,2,1]}}`}},
		{"it returned more text than allowed", answer{stdout: `{"document":{"text":"` + strings.Repeat("a", 300_000) + `","pages":[0]}}`}},
	}
	for _, tt := range tests {
		if _, err := (Isolated{Runner: tt.child}).Read(context.Background(), "a.txt", []byte("x")); ReasonOf(err) != Unreadable {
			t.Errorf("%s: %v, want reason %q", tt.name, err, Unreadable)
		}
	}
	fine := answer{stdout: `{"document":{"text":"abc","pages":[0,2],"sha256":"of something else"}}`}
	doc, err := (Isolated{Runner: fine}).Read(context.Background(), "a.txt", []byte("x"))
	if err != nil || doc.SHA256 != digest([]byte("x")) {
		t.Errorf("a good answer: digest %s, %v", doc.SHA256, err)
	}
}

func TestIsolatedPassesCancellationOn(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (Isolated{Runner: child{}}).Read(ctx, "a.txt", []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}
}
