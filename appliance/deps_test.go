package appliance

import (
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// allowed is the import table: what a package of ours may import beyond the
// standard library, by path pattern. A pattern that ends in /... covers the
// packages below it. README.md, “Where things are”, shows the same table.
var allowed = map[string][]string{
	"skerry":                            {"skerry/appliance/cli"},
	"skerry/appliance":                  {"skerry/...", "github.com/goccy/go-yaml", "github.com/klauspost/compress/zstd", "golang.org/x/sys/unix"},
	"skerry/appliance/audit":            {"filippo.io/age", "filippo.io/mldsa", "golang.org/x/mod/sumdb/note", "golang.org/x/mod/sumdb/tlog"},
	"skerry/appliance/bench":            {"skerry/...", "github.com/oklog/ulid/v2"},
	"skerry/appliance/catalogue":        {"skerry/plugins/local/gguf", "skerry/plugins/local/safetensors", "skerry/plugins/local/dialect", "golang.org/x/sys/unix"},
	"skerry/appliance/cli":              {"skerry/appliance", "skerry/appliance/api/client", "skerry/appliance/...", "skerry/store", "skerry/store/vault", "skerry/embed", "filippo.io/age/...", "github.com/spf13/cobra", "golang.org/x/term", "golang.org/x/sys/unix"},
	"skerry/appliance/clientcert":       {},
	"skerry/appliance/conn":             {},
	"skerry/appliance/document":         {"golang.org/x/text/...", "github.com/ledongthuc/pdf", "github.com/pdfcpu/pdfcpu/..."},
	"skerry/appliance/engine":           {"skerry/appliance/llm", "skerry/appliance/policy", "skerry/appliance/mission", "skerry/appliance/gateway", "github.com/oklog/ulid/v2", "github.com/cockroachdb/apd/v3"},
	"skerry/appliance/exam":             {"skerry/appliance/llm"},
	"skerry/appliance/gateway":          {"skerry/appliance/llm", "skerry/appliance/policy", "skerry/appliance/mission"},
	"skerry/appliance/llm":              {},
	"skerry/appliance/mission":          {"skerry/appliance/llm", "skerry/appliance/source", "skerry/appliance/policy", "cel.dev/cel-go/...", "github.com/goccy/go-yaml/...", "github.com/cockroachdb/apd/v3", "google.golang.org/protobuf/...", "google.golang.org/genproto/..."},
	"skerry/appliance/people":           {"github.com/trustelem/zxcvbn", "golang.org/x/crypto/argon2"},
	"skerry/appliance/people/directory": {"skerry/appliance/policy", "github.com/go-ldap/ldap/v3", "github.com/go-asn1-ber/asn1-ber"},
	"skerry/appliance/people/passkey":   {"github.com/go-webauthn/webauthn/..."},
	"skerry/appliance/policy":           {"skerry/appliance/llm", "skerry/appliance/source", "cel.dev/cel-go/...", "github.com/goccy/go-yaml/...", "golang.org/x/text/..."},
	"skerry/appliance/source":           {"github.com/goccy/go-yaml/..."},
	"skerry/appliance/tlsca":            {},
	"skerry/appliance/govern":           {"skerry/appliance/policy"},
	"skerry/appliance/api": {"skerry/appliance/llm", "skerry/appliance/govern", "skerry/appliance/policy", "skerry/appliance/mission", "skerry/appliance/exam", "skerry/appliance/api/...",
		"github.com/gin-gonic/gin", "github.com/danielgtaylor/huma/v2/..."},
	"skerry/appliance/api/client": {"skerry/appliance/llm", "skerry/appliance/policy", "skerry/appliance/mission", "skerry/appliance/api/..."},
	"skerry/store": {"skerry/appliance/llm", "skerry/appliance/govern", "skerry/appliance/policy", "skerry/appliance/mission", "skerry/appliance/audit", "go.etcd.io/bbolt/...", "github.com/oklog/ulid/v2",
		"golang.org/x/sys/unix", "github.com/klauspost/compress/..."},
	"skerry/store/vault": {"filippo.io/age/...", "golang.org/x/sys/unix"},
	"skerry/plugins":     {"skerry/appliance/llm", "skerry/plugins/sdk/...", "github.com/hashicorp/go-plugin/...", "github.com/hashicorp/go-hclog", "google.golang.org/grpc/...", "golang.org/x/sys/unix"},
	"skerry/plugins/sdk": {"skerry/appliance/llm", "skerry/plugins/sdk/...", "github.com/hashicorp/go-plugin/...", "github.com/hashicorp/go-hclog", "google.golang.org/grpc/...", "google.golang.org/protobuf/..."},
	"skerry/installer":   {"skerry/appliance", "golang.org/x/sys/unix"},
	"skerry/embed":       {},
}

// engineOwner is the only place that may import the inference engine.
const engineOwner = "skerry/plugins/local"

// helpers are packages that serve tests or build steps; they are free to import
// what they need, but nothing that ships may import them.
var helpers = []string{"skerry/appliance/bench", "skerry/appliance/llm/llmtest", "skerry/store/lossyfs", "skerry/store/storetest", "skerry/appliance/people/directory/slapdtest", "skerry/appliance/people/passkey/softkey", "skerry/embed/licences", "skerry/embed/pack", "skerry/embed/sample/gen",
	"skerry/embed/starter/tokenizer", "skerry/embed/starter/paper", "skerry/embed/starter/corpus", "skerry/embed/starter/corpus/records", "skerry/plugins/local/gguf/gguftest", "skerry/plugins/local/gguf/gguftest/cut", "skerry/plugins/local/bench", "skerry/embed/starter/exam", "skerry/embed/starter/exam/stat",
	"skerry/embed/starter/train/weights", "skerry/embed/starter/train/checkpoint", "skerry/embed/starter/train/recipe"}

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-e", "-f", `{{.ImportPath}}: {{join .Imports " "}}`, "skerry/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		pkg, imports, _ := strings.Cut(strings.TrimSpace(line), ":")
		seen++
		for _, problem := range refused(pkg, strings.Fields(imports)) {
			t.Error(problem)
		}
	}
	if seen < 10 {
		t.Errorf("looked at %d packages; the listing is broken", seen)
	}
}

// TestImportsNegativeControl: the detector finds what it is there to find.
func TestImportsNegativeControl(t *testing.T) {
	for _, row := range []struct{ name, pkg, imports string }{
		{"the contract imports a library", "skerry/appliance/llm", "github.com/oklog/ulid/v2"},
		{"the API imports the store", "skerry/appliance/api", "skerry/store"},
		{"the API imports the engine", "skerry/appliance/api", "skerry/appliance/engine"},
		{"a domain package opens files", "skerry/appliance/mission", "os"},
		{"a domain package opens sockets", "skerry/appliance/policy", "net"},
		{"somebody else runs the inference engine", "skerry/plugins", "github.com/ollama/ollama/ml"},
		{"shipped code imports a test helper", "skerry/appliance/engine", "skerry/store/storetest"},
		{"a package that the table does not know", "skerry/utils", "github.com/oklog/ulid/v2"},
	} {
		if len(refused(row.pkg, []string{row.imports})) == 0 {
			t.Errorf("%s: %s may import %s, want refused", row.name, row.pkg, row.imports)
		}
	}
	if got := refused("skerry/appliance/engine", []string{"skerry/appliance/gateway", "context"}); len(got) != 0 {
		t.Errorf("refused what is allowed: %v", got)
	}
}

// pure are the domain packages: no clock of their own, no file, no network.
var pure = []string{"skerry/appliance/llm", "skerry/appliance/source", "skerry/appliance/policy", "skerry/appliance/mission", "skerry/appliance/govern"}

func refused(pkg string, imports []string) []string {
	var problems []string
	refuse := func(imp, why string) { problems = append(problems, pkg+" imports "+imp+": "+why) }
	for _, imp := range imports {
		if strings.HasPrefix(imp, "github.com/ollama/ollama/") {
			if pkg != engineOwner && !strings.HasPrefix(pkg, engineOwner+"/") {
				refuse(imp, "only "+engineOwner+" runs the inference engine")
			}
			continue
		}
		if slices.Contains(helpers, imp) && !slices.Contains(helpers, pkg) {
			refuse(imp, "it only serves tests and build steps")
			continue
		}
		if !strings.Contains(strings.Split(imp, "/")[0], ".") && !strings.HasPrefix(imp, "skerry") {
			if slices.Contains(pure, pkg) && slices.Contains([]string{"os", "net", "net/http", "os/exec", "syscall", "sync"}, imp) {
				refuse(imp, "domain packages do no I/O and start nothing")
			}
			continue
		}
		if slices.Contains(helpers, pkg) || pkg == engineOwner || strings.HasPrefix(pkg, engineOwner+"/") {
			continue
		}
		list, known := rule(pkg)
		if !known {
			refuse(imp, "the import table has no row for this package")
			continue
		}
		if !slices.ContainsFunc(list, func(p string) bool { return matches(p, imp) }) {
			refuse(imp, "not in the import table")
		}
	}
	return problems
}

// rule returns the row of pkg, or of its nearest parent below appliance.
func rule(pkg string) ([]string, bool) {
	if list, ok := allowed[pkg]; ok {
		return list, true
	}
	for p := path.Dir(pkg); p != "skerry" && p != "skerry/appliance" && p != "."; p = path.Dir(p) {
		if list, ok := allowed[p]; ok {
			return list, true
		}
	}
	return nil, false
}

func matches(pattern, imp string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return imp == base || strings.HasPrefix(imp, base+"/")
	}
	return pattern == imp
}
