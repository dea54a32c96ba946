package sdk

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"skerry/appliance/llm"
	"skerry/plugins/sdk/wire"
)

// Environment variables of the go-plugin handshake, core protocol version 1.
const (
	envVersions   = "PLUGIN_PROTOCOL_VERSIONS"
	envClientCert = "PLUGIN_CLIENT_CERT"
	envSocketDir  = "PLUGIN_UNIX_SOCKET_DIR"
)

// healthService is the name under which the host asks gRPC's health service.
const healthService = "plugin"

// Serve runs p as a provider until the host ends the process; it does not
// return. It is the last statement of an adapter's main. Write log lines to
// stderr; stdout belongs to the handshake.
func Serve(p llm.Provider) {
	if os.Getenv(CookieKey) != CookieValue {
		Unusable("this program is a provider for Skerry, which starts it by itself; add it there instead of running it")
	}
	if err := serve(p); err != nil {
		Unusable("serve: %v", err)
	}
	os.Exit(0)
}

func serve(p llm.Provider) error {
	if !slices.Contains(strings.Split(os.Getenv(envVersions), ","), strconv.Itoa(ProtocolVersion)) {
		return fmt.Errorf("the host speaks protocol %q, this provider %d; use versions of the same age", os.Getenv(envVersions), ProtocolVersion)
	}
	dir := os.Getenv(envSocketDir)
	if dir == "" {
		return errors.New("the host named no directory for the socket")
	}
	config, cert, err := mutualTLS([]byte(os.Getenv(envClientCert)))
	if err != nil {
		return err
	}
	s := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(config)),
		grpc.MaxRecvMsgSize(MaxMessageBytes),
		grpc.MaxSendMsgSize(MaxMessageBytes),
		grpc.MaxConcurrentStreams(1024),
	)
	wire.RegisterProviderServer(s, &server{p: p})
	h := health.NewServer()
	h.SetServingStatus(healthService, grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(s, h)

	socket := filepath.Join(dir, "provider.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	// The host decides when a provider ends, not the keyboard.
	signal.Ignore(os.Interrupt)
	const core = 1 // version of the handshake itself
	fmt.Printf("%d|%d|unix|%s|grpc|%s\n", core, ProtocolVersion, socket, base64.RawStdEncoding.EncodeToString(cert))
	return s.Serve(l)
}

// mutualTLS makes a certificate for this process and accepts none but the
// host's. The certificates are made at both ends for this one connection and
// passed through the handshake, which nobody else can read.
func mutualTLS(clientPEM []byte) (*tls.Config, []byte, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(clientPEM) {
		return nil, nil, errors.New("the host sent no certificate")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	// A process may run for years; the certificate dies with it.
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, DNSNames: []string{"localhost"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(30, 0, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:        true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pool,
		MinVersion:   tls.VersionTLS13,
	}, der, nil
}
