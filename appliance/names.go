package appliance

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"skerry/appliance/tlsca"
)

// NewConfig returns the configuration of a new site that is served on listen,
// empty = the default, and is known by the given names. With either beyond
// loopback it has a CA of its own.
func NewConfig(data, listen string, hosts []string) Config {
	c := DefaultConfig(data)
	if listen != "" {
		c.Listen = listen
	}
	c.Hosts = hosts
	if loopback, err := isLoopback(c.Listen); err == nil && (!loopback || len(hosts) > 0) {
		c.TLS = &TLS{Own: true}
	}
	return c
}

// names are the host names that requests may be addressed to, in small letters;
// the first is the one that people are told.
func (c Config) names() []string {
	var names []string
	if c.Site != "" {
		names = append(names, c.Site)
	}
	for _, n := range c.Hosts {
		if n = strings.ToLower(strings.TrimSuffix(n, ".")); n != c.Site {
			names = append(names, n)
		}
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil || host == "" {
		return names
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		return names // it names nothing
	}
	if host = strings.ToLower(host); !slices.Contains(names, host) {
		names = append(names, host)
	}
	return names
}

// validateTLS says what is wrong with hosts and tls.
func (c Config) validateTLS() (problems []error) {
	if _, _, err := tlsca.Names(c.Hosts); err != nil {
		problems = append(problems, fmt.Errorf("hosts: %w", err))
	}
	if c.ClientCertificates != nil {
		problems = append(problems, c.ClientCertificates.validate(c.TLS != nil)...)
	}
	switch t := c.TLS; {
	case t == nil:
	case t.Own && (t.Certificate != "" || t.Key != ""):
		problems = append(problems, errors.New("tls: own is for sites without a certificate; set either own, or certificate and key"))
	case t.Own && len(c.names()) == 0:
		problems = append(problems, errors.New("hosts: tls.own makes a certificate, which needs a name: list how people call this host, for example skerry.example.org or 192.0.2.7"))
	case !t.Own && (t.Certificate == "" || t.Key == ""):
		problems = append(problems, errors.New("tls: needs both certificate and key, or own"))
	}
	return problems
}

// url is the address that people are told, given the one that is listened on.
func (c Config) url(listening net.Addr) string {
	if c.TLS == nil {
		return "http://" + listening.String()
	}
	host, port, err := net.SplitHostPort(listening.String())
	if err != nil {
		return "https://" + listening.String()
	}
	if names := c.names(); len(names) > 0 {
		host = names[0]
	}
	if port == "443" {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return "https://" + host
	}
	return "https://" + net.JoinHostPort(host, port)
}
