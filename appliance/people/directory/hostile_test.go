package directory_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"skerry/appliance/people/directory"
	"skerry/appliance/people/directory/slapdtest"
)

// hostile is a server that the CA vouches for and that does not behave. answer
// gets each request, and returns what is written; nil ends the connection.
func hostile(t *testing.T, plain bool, answer func(n int, request *ber.Packet) []byte) directory.Config {
	t.Helper()
	dir := slapdtest.Certificates(t)
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	url := "ldap://" + l.Addr().String()
	if !plain {
		url = "ldaps://" + l.Addr().String()
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}})
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for n := 0; ; n++ {
					p, err := ber.ReadPacket(c)
					if err != nil {
						return
					}
					out := answer(n, p)
					if out == nil {
						return
					}
					if _, err := c.Write(out); err != nil {
						return
					}
				}
			}()
		}
	}()
	c := configFor(&slapdtest.Server{LDAPS: url, CA: filepath.Join(dir, "ca.pem")})
	c.Timeout = 500 * time.Millisecond
	return c
}

// message wraps an answer to a request.
func message(request *ber.Packet, op *ber.Packet) []byte {
	p := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, request.Children[0].Value, ""))
	p.AppendChild(op)
	return p.Bytes()
}

func result(tag ber.Tag, code int) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(code), ""))
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	return p
}

func entry(dn string, attributes ...string) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, dn, ""))
	list := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	for i := 0; i+1 < len(attributes); i += 2 {
		a := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
		a.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, attributes[i], ""))
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		set.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, attributes[i+1], ""))
		a.AppendChild(set)
		list.AppendChild(a)
	}
	p.AppendChild(list)
	return p
}

// honest answers as a directory with one person, ada, in the group approvers.
func honest(n int, r *ber.Packet) []byte {
	switch r.Children[1].Tag {
	case ldap.ApplicationBindRequest:
		return message(r, result(ldap.ApplicationBindResponse, 0))
	case ldap.ApplicationSearchRequest:
		e := entry("uid=ada,dc=x", "uid", "ada", "cn", "Ada", "entryUUID", "id-1")
		if n > 1 {
			e = entry(slapdtest.Group("approvers"))
		}
		return append(message(r, e), message(r, result(ldap.ApplicationSearchResultDone, 0))...)
	}
	return nil
}

// TestHostile: a server that has been taken over costs its time, and lets
// nobody in.
func TestHostile(t *testing.T) {
	instead := func(at int, what func(*ber.Packet) []byte) func(int, *ber.Packet) []byte {
		return func(n int, r *ber.Packet) []byte {
			if n == at {
				return what(r)
			}
			return honest(n, r)
		}
	}
	if p, err := opened(t, hostile(t, false, honest)).Check(t.Context(), "ada", "x"); err != nil || p.ID != "id-1" {
		t.Fatalf("the control: %+v, %v", p, err)
	}
	code := func(tag ber.Tag, c int) func(*ber.Packet) []byte {
		return func(r *ber.Packet) []byte { return message(r, result(tag, c)) }
	}
	for name, row := range map[string]struct {
		answer func(int, *ber.Packet) []byte
		want   error
	}{
		"closes after the bind":    {instead(1, func(*ber.Packet) []byte { return nil }), directory.ErrUnreachable},
		"closes in an answer":      {instead(1, func(r *ber.Packet) []byte { return message(r, entry("uid=ada,dc=x"))[:9] }), directory.ErrUnreachable},
		"never says that it ends":  {instead(1, func(r *ber.Packet) []byte { return message(r, entry("uid=ada,dc=x", "uid", "ada")) }), directory.ErrUnreachable},
		"says nothing to the bind": {instead(0, func(*ber.Packet) []byte { return []byte{} }), directory.ErrUnreachable},
		"garbage":                  {instead(1, func(*ber.Packet) []byte { return []byte("HTTP/1.1 200 OK\r\n\r\n") }), directory.ErrUnreachable},
		"a packet of gigabytes":    {instead(1, func(*ber.Packet) []byte { return []byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff} }), directory.ErrUnreachable},
		"more than it is heard":    {instead(1, func(r *ber.Packet) []byte { return flood(r) }), directory.ErrUnreachable},
		"depth":                    {instead(1, func(*ber.Packet) []byte { return []byte(strings.Repeat("\x30\x80", 5000)) }), directory.ErrUnreachable},
		"a referral to a search":   {instead(1, code(ldap.ApplicationSearchResultDone, 10)), directory.ErrSetup},
		"a referral to a bind":     {instead(0, code(ldap.ApplicationBindResponse, 10)), directory.ErrSetup},
		"another person's entry": {instead(1, func(r *ber.Packet) []byte {
			return append(message(r, entry("uid=eve,dc=x", "uid", "eve", "entryUUID", "i")), message(r, result(ldap.ApplicationSearchResultDone, 0))...)
		}), directory.ErrUnknown},
		"entries without an end": {instead(1, func(r *ber.Packet) []byte {
			return append(message(r, entry("a")), append(message(r, entry("b")), message(r, result(ldap.ApplicationSearchResultDone, 0))...)...)
		}), directory.ErrSeveral},
		"an entry without a name": {instead(1, func(r *ber.Packet) []byte {
			return append(message(r, entry("", "uid", "ada", "entryUUID", "i")), message(r, result(ldap.ApplicationSearchResultDone, 0))...)
		}), directory.ErrUnknown},
		"a referral to the person":  {instead(3, code(ldap.ApplicationBindResponse, 10)), directory.ErrPassword},
		"a code that there is not":  {instead(3, code(ldap.ApplicationBindResponse, 7777)), nil},
		"a half done bind (SASL)":   {instead(3, code(ldap.ApplicationBindResponse, 14)), directory.ErrPassword},
		"busy":                      {instead(3, code(ldap.ApplicationBindResponse, 51)), directory.ErrUnreachable},
		"closes before it says yes": {instead(3, func(*ber.Packet) []byte { return nil }), directory.ErrUnreachable},
	} {
		begun := time.Now()
		p, err := opened(t, hostile(t, false, row.answer)).Check(t.Context(), "ada", "x")
		if err == nil || row.want != nil && !errors.Is(err, row.want) || p.Login != "" {
			t.Errorf("%s: %+v, %v; want %v", name, p, err, row.want)
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("%s: it took %s", name, took)
		}
	}
}

// flood is entries of more bytes than are read.
func flood(r *ber.Packet) []byte {
	one := message(r, entry("uid=ada,dc=x", "uid", strings.Repeat("a", 64<<10)))
	var out []byte
	for range 100 {
		out = append(out, one...)
	}
	return out
}

// TestNoPasswordTwice: a password that was sent once is not sent to the next
// server, where it would count twice towards the directory's own lock.
func TestNoPasswordTwice(t *testing.T) {
	var second atomic.Int32
	first := hostile(t, false, func(n int, r *ber.Packet) []byte {
		if n == 3 {
			return nil
		}
		return honest(n, r)
	})
	other := hostile(t, false, func(n int, r *ber.Packet) []byte { second.Add(1); return honest(n, r) })
	first.Servers = append(first.Servers, other.Servers...)
	if _, err := opened(t, first).Check(t.Context(), "ada", "x"); !errors.Is(err, directory.ErrUnreachable) || second.Load() != 0 {
		t.Errorf("%v; the second server was asked %d times", err, second.Load())
	}
}

// TestNothingInTheClear: a server that does not take StartTLS learns no
// password, not even that of the bind account.
func TestNothingInTheClear(t *testing.T) {
	var got atomic.Value
	got.Store("")
	c := hostile(t, true, func(_ int, r *ber.Packet) []byte {
		got.Store(got.Load().(string) + string(r.Bytes()))
		if r.Children[1].Tag == ldap.ApplicationExtendedRequest {
			return message(r, result(ldap.ApplicationExtendedResponse, 2)) // protocolError
		}
		return honest(0, r)
	})
	_, err := opened(t, c).Check(t.Context(), "ada", "ada-secret")
	said := got.Load().(string)
	if !errors.Is(err, directory.ErrUnreachable) || !strings.Contains(said, "1.3.6.1.4.1.1466.20037") || strings.Contains(said, "secret") || strings.Contains(said, "ada") {
		t.Errorf("%v; the server heard %q", err, said)
	}
	// One that answers in the clear what was not asked in the clear is not heard.
	c = hostile(t, true, func(_ int, r *ber.Packet) []byte {
		ok := message(r, result(ldap.ApplicationExtendedResponse, 0))
		return append(ok, message(r, result(ldap.ApplicationBindResponse, 0))...)
	})
	if _, err := opened(t, c).Check(t.Context(), "ada", "x"); !errors.Is(err, directory.ErrUnreachable) {
		t.Errorf("answers before TLS: %v", err)
	}
}

// TestHangs: a server that takes connections and says nothing costs the time
// limit, then the next is asked; and whoever goes away is not waited for.
func TestHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go io.Copy(io.Discard, c)
		}
	}()
	c := hostile(t, false, honest)
	c.Servers = append([]string{"ldaps://" + l.Addr().String(), "ldap://" + l.Addr().String()}, c.Servers...)
	if p, err := opened(t, c).Check(t.Context(), "ada", "x"); err != nil || p.Login != "ada" {
		t.Errorf("behind two that hang: %+v, %v", p, err)
	}
}
