package appliance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"skerry/appliance/catalogue"
	"skerry/appliance/people/directory"
	"skerry/appliance/people/passkey"
)

// Config is everything that a site can set. It is one file, config.yaml in the
// data directory, read once at start and validated as a whole. Secrets are
// given by path, never by value.
type Config struct {
	// Data is the data directory. It is not part of the file.
	Data string `yaml:"-"`

	// Listen is the address of the web UI and the API. Anything but a loopback
	// address needs TLS. Empty = no network listener, only the local socket.
	Listen string `yaml:"listen"`

	// TLS says which certificate to serve with; nil = plain HTTP on loopback.
	TLS *TLS `yaml:"tls,omitempty"`

	// Site is the domain name that people open, and that their passkeys are bound
	// to for good; empty = no passkeys. It needs TLS.
	Site string `yaml:"site,omitempty"`

	// Directory is where people are looked up who have no account here; nil =
	// nowhere.
	Directory *directory.Config `yaml:"directory,omitempty"`

	// Hosts are the host names, besides loopback names and the listen address,
	// that requests may be addressed to, and that the certificate is for. People
	// are told the first.
	Hosts []string `yaml:"hosts,omitempty"`

	// ClientCertificates is where people sign in with a certificate; nil = nowhere.
	ClientCertificates *ClientCertificates `yaml:"clientCertificates,omitempty"`

	// Connections is how many there may be over the network at once, a quarter of
	// them from one address.
	Connections int `yaml:"connections"`

	// KeyFile is the file that opens the vault at the start, outside of the data
	// directory; empty = the data directory's name with .key behind it, if there
	// is such a file. Without one an admin has to unseal.
	KeyFile string `yaml:"keyFile,omitempty"`

	// Runner bounds the local runner.
	Runner Runner `yaml:"runner"`

	// Runs is the number of runs that may be active at once.
	Runs int `yaml:"runs"`

	// DocumentBytes is the largest document that is accepted.
	DocumentBytes int64 `yaml:"documentBytes"`

	// ModelBytes is the largest model file that can be imported.
	ModelBytes int64 `yaml:"modelBytes"`
}

// TLS says what certificate is shown: one of a CA that this appliance makes for
// itself, or the one in two PEM files.
type TLS struct {
	Own         bool   `yaml:"own,omitempty"`
	Certificate string `yaml:"certificate,omitempty"`
	Key         string `yaml:"key,omitempty"`
}

// Runner bounds the local inference runner.
type Runner struct {
	Threads     int   `yaml:"threads"`     // per model
	Parallel    int   `yaml:"parallel"`    // calls that one model works on at once
	CacheBytes  int64 `yaml:"cacheBytes"`  // keys and values of one imported model; one whole context always fits
	MemoryBytes int64 `yaml:"memoryBytes"` // what one runner may hold; 0 = no limit

	// CacheType is the kind of numbers in that cache, for imported models: f16, or
	// q8_0, which takes about half the memory.
	CacheType string `yaml:"cacheType"`

	// Share lets calls share what is computed of a common beginning. Off, no call
	// can tell by its time what another one has read.
	Share bool `yaml:"share"`

	// BudgetBytes is what all runners together may hold; 0 = what the host has
	// available. What does not fit is loaded when a call needs it, and the least
	// recently used goes.
	BudgetBytes int64 `yaml:"budgetBytes"`

	// KeepAlive is how long an imported model stays loaded that nobody uses; 0 =
	// until another needs the room.
	KeepAlive time.Duration `yaml:"keepAlive"`
}

// ConfigFile is the name of the configuration file in the data directory.
const ConfigFile = "config.yaml"

// SocketFile is the name of the local socket in the data directory. Whoever may
// open it, which is its owner alone, acts as the local administrator.
const SocketFile = "skerry.sock"

// DefaultConfig returns the configuration of a new site.
func DefaultConfig(data string) Config {
	return Config{
		Data:          data,
		Listen:        "127.0.0.1:8080",
		Connections:   1024,
		Runner:        Runner{Threads: max(1, runtime.NumCPU()/2), Parallel: 4, CacheBytes: 1 << 30, CacheType: catalogue.CacheF16, Share: true, KeepAlive: 15 * time.Minute},
		Runs:          64,
		DocumentBytes: 10 << 20,
		ModelBytes:    64 << 30,
	}
}

// DefaultData returns the data directory that is used when none is named:
// skerry in the user's data home (XDG Base Directory Specification).
func DefaultData() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "skerry"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home directory to keep data in; name one with --data: %w", err)
	}
	return filepath.Join(home, ".local", "share", "skerry"), nil
}

// LoadConfig reads and validates the configuration of the data directory.
// A directory without one has the default configuration.
func LoadConfig(data string) (Config, error) {
	c := DefaultConfig(data)
	path := filepath.Join(data, ConfigFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return Config{}, err
	}
	// A file without any setting has no document, or an empty one.
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, true))
	}
	if reflect.ValueOf(c).IsZero() {
		c = DefaultConfig(data)
	}
	if err := c.Validate(); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Validate says what is wrong with the configuration as a whole, or nil.
func (c Config) Validate() error {
	var problems []error
	if c.Listen != "" {
		loopback, err := isLoopback(c.Listen)
		switch {
		case err != nil:
			problems = append(problems, fmt.Errorf("listen: %w", err))
		case !loopback && c.TLS == nil:
			problems = append(problems, fmt.Errorf("listen: %s can be reached from the network, which needs TLS: set tls.own and hosts, or tls.certificate and tls.key, or listen on 127.0.0.1", c.Listen))
		}
	}
	if c.Site != "" {
		if err := passkey.CheckSite(c.Site); err != nil {
			problems = append(problems, fmt.Errorf("site: %w", err))
		}
		if c.TLS == nil {
			problems = append(problems, errors.New("site: passkeys need TLS: set tls.own and hosts, or tls.certificate and tls.key"))
		} else if c.TLS.Own && !slices.Contains(c.Hosts, c.Site) {
			problems = append(problems, fmt.Errorf("site: the certificate of tls.own is for the names in hosts: add %s there", c.Site))
		}
	}
	if c.Directory != nil {
		problems = append(problems, c.Directory.Validate())
	}
	if c.KeyFile != "" && !filepath.IsAbs(c.KeyFile) {
		problems = append(problems, fmt.Errorf("keyFile: %s is no absolute path", c.KeyFile))
	}
	problems = append(problems, c.validateTLS()...)
	for _, b := range []struct {
		name     string
		n        int64
		min, max int64
	}{
		{"runner.threads", int64(c.Runner.Threads), 1, 256},
		{"runner.parallel", int64(c.Runner.Parallel), 1, 64},
		{"runner.cacheBytes", c.Runner.CacheBytes, 0, 1 << 50},
		{"runs", int64(c.Runs), 1, 10_000},
		{"connections", int64(c.Connections), 16, 100_000},
		{"documentBytes", c.DocumentBytes, 1 << 10, 100 << 20},
		{"modelBytes", c.ModelBytes, 1 << 20, 1 << 40},
	} {
		if b.n < b.min || b.n > b.max {
			problems = append(problems, fmt.Errorf("%s: is %d, may be %d to %d", b.name, b.n, b.min, b.max))
		}
	}
	if m := c.Runner.MemoryBytes; m != 0 && m < 256<<20 {
		problems = append(problems, fmt.Errorf("runner.memoryBytes: is %d, needs at least %d, or 0 for no limit", m, 256<<20))
	}
	if b := c.Runner.BudgetBytes; b != 0 && b < 256<<20 {
		problems = append(problems, fmt.Errorf("runner.budgetBytes: is %d, needs at least %d, or 0 for what the host has", b, 256<<20))
	}
	if k := c.Runner.KeepAlive; k != 0 && (k < time.Second || k > 30*24*time.Hour) {
		problems = append(problems, fmt.Errorf("runner.keepAlive: is %s, may be 1s to 720h, or 0 to keep models until another needs the room", k))
	}
	if k := c.Runner.CacheType; k != catalogue.CacheF16 && k != catalogue.CacheQ80 {
		problems = append(problems, fmt.Errorf("runner.cacheType: is %q, may be %s or %s", k, catalogue.CacheF16, catalogue.CacheQ80))
	}
	return errors.Join(problems...)
}

// keyFile returns where the key file of this host is, if there is one.
func (c Config) keyFile() string {
	if c.KeyFile != "" {
		return c.KeyFile
	}
	return filepath.Clean(c.Data) + ".key"
}

// credentialName is the name of the systemd credential that opens the vault: an
// age identity, as in a key file (LoadCredentialEncrypted=skerry-key:…).
const credentialName = "skerry-key"

// credentialFile returns the file of the credential, if systemd has given one
// (systemd.exec(5)), else the empty string.
func credentialFile() string {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return ""
	}
	path := filepath.Join(dir, credentialName)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// Marshal returns the configuration as the text of its file.
func (c Config) Marshal() ([]byte, error) {
	b, err := yaml.Marshal(c)
	if err != nil {
		return nil, err
	}
	return append([]byte("# Skerry. Every setting and its meaning: README.md, “Configuration”.\n"), b...), nil
}

// isLoopback reports whether only this host can reach addr. A host name other
// than localhost is not looked up: unknown means no.
func isLoopback(addr string) (bool, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false, fmt.Errorf("%q is not an address like 127.0.0.1:8080", addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n > 65535 {
		return false, fmt.Errorf("%q has no port number", addr)
	}
	if strings.EqualFold(host, "localhost") {
		return true, nil
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback(), nil
}

// origins are where pages of the named site are: at the usual port, where
// something in front of Skerry may answer, and at that of the listener.
func (c Config) origins() []string {
	origins := []string{"https://" + c.Site}
	if _, port, err := net.SplitHostPort(c.Listen); err == nil && port != "443" {
		origins = append(origins, "https://"+net.JoinHostPort(c.Site, port))
	}
	return origins
}
