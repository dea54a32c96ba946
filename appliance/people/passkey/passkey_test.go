package passkey_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"skerry/appliance/people/passkey"
	"skerry/appliance/people/passkey/softkey"
)

const (
	site   = "skerry.example.org"
	origin = "https://skerry.example.org:8443"
)

func newParty(t *testing.T) (*passkey.Party, *time.Time) {
	t.Helper()
	now := time.Now()
	p, err := passkey.New(site, []string{"https://" + site, origin}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return p, &now
}

func owner(name string) passkey.Owner {
	return passkey.Owner{Handle: []byte("handle of " + name + " 0123456789"), Login: name, Name: name}
}

var errNobody = errors.New("nobody has it")

// knows returns the function that finds owners by their keys.
func knows(owners ...passkey.Owner) func([]byte) (passkey.Owner, error) {
	return func(id []byte) (passkey.Owner, error) {
		for _, o := range owners {
			for _, k := range o.Keys {
				if string(k.ID) == string(id) {
					return o, nil
				}
			}
		}
		return passkey.Owner{}, errNobody
	}
}

// registered gives an owner a passkey on a new device.
func registered(t *testing.T, p *passkey.Party, o passkey.Owner) (passkey.Owner, *softkey.Device) {
	t.Helper()
	d := softkey.New(origin, site)
	offer, err := p.Register(o, "test")
	if err != nil {
		t.Fatal(err)
	}
	k, err := p.Registered(o, "test", offer.Ticket, d.Create(offer.Options))
	if err != nil {
		t.Fatal(err)
	}
	o.Keys = append(o.Keys, k)
	return o, d
}

func ask(t *testing.T, p *passkey.Party) passkey.Offer {
	t.Helper()
	offer, err := p.Ask()
	if err != nil {
		t.Fatal(err)
	}
	return offer
}

// TestPasskey: a passkey is made, and signs its owner in, ever again.
func TestPasskey(t *testing.T) {
	p, _ := newParty(t)
	ada, device := registered(t, p, owner("ada"))
	bob, _ := registered(t, p, owner("bob"))
	for range 3 {
		offer := ask(t, p)
		for _, want := range []string{`"rpId":"` + site + `"`, `"userVerification":"required"`} {
			if !strings.Contains(string(offer.Options), want) {
				t.Errorf("options %s lack %s", offer.Options, want)
			}
		}
		who, key, err := p.Answered(offer.Ticket, device.Get(offer.Options), knows(bob, ada))
		if err != nil || who.Login != "ada" {
			t.Fatalf("%+v, %v", who, err)
		}
		ada.Keys[0].Data = key.Data
	}
	// The same device is not asked to make another key for the same person.
	offer, err := p.Register(ada, "test")
	if err != nil || !strings.Contains(string(offer.Options), "excludeCredentials") || !strings.Contains(string(offer.Options), `"residentKey":"required"`) {
		t.Errorf("%s, %v", offer.Options, err)
	}
	if strings.Contains(string(offer.Options), "bob") {
		t.Errorf("%s", offer.Options)
	}
}

// TestRefusedAnswers: what does not prove that this person, at this site, wants in
// now is refused; each is the good answer with one thing wrong.
func TestRefusedAnswers(t *testing.T) {
	p, now := newParty(t)
	ada, device := registered(t, p, owner("ada"))
	bob, other := registered(t, p, owner("bob"))
	all := knows(ada, bob)
	good := func() (string, []byte) { o := ask(t, p); return o.Ticket, device.Get(o.Options) }
	with := func(change func(*softkey.Device)) (string, []byte) {
		d := device.Copy()
		change(d)
		o := ask(t, p)
		return o.Ticket, d.Get(o.Options)
	}
	for name, row := range map[string]struct {
		answer func() (string, []byte)
		want   error
	}{
		"another origin": {func() (string, []byte) { return with(func(d *softkey.Device) { d.Origin = "https://evil.example" }) }, passkey.ErrAnswer},
		"without TLS":    {func() (string, []byte) { return with(func(d *softkey.Device) { d.Origin = "http://" + site }) }, passkey.ErrAnswer},
		"another port": {func() (string, []byte) {
			return with(func(d *softkey.Device) { d.Origin = "https://" + site + ":9443" })
		}, passkey.ErrAnswer},
		"another site":     {func() (string, []byte) { return with(func(d *softkey.Device) { d.RPID = "example.org" }) }, passkey.ErrAnswer},
		"no verification":  {func() (string, []byte) { return with(func(d *softkey.Device) { d.Silent = true }) }, passkey.ErrAnswer},
		"no presence":      {func() (string, []byte) { return with(func(d *softkey.Device) { d.Absent = true }) }, passkey.ErrAnswer},
		"another's handle": {func() (string, []byte) { return with(func(d *softkey.Device) { d.Handle = bob.Handle }) }, passkey.ErrAnswer},
		"no handle":        {func() (string, []byte) { return with(func(d *softkey.Device) { d.Handle = nil }) }, passkey.ErrAnswer},
		"another's credential": {func() (string, []byte) {
			return with(func(d *softkey.Device) { d.ID, d.Handle = other.ID, bob.Handle })
		}, passkey.ErrAnswer},
		"an unknown one": {func() (string, []byte) { return with(func(d *softkey.Device) { d.ID = []byte("unknown") }) }, errNobody},
		"no ticket":      {func() (string, []byte) { _, a := good(); return "", a }, passkey.ErrTicket},
		"another ticket": {func() (string, []byte) { _, a := good(); return ask(t, p).Ticket, a }, passkey.ErrAnswer},
		"too late": {func() (string, []byte) {
			ticket, a := good()
			*now = now.Add(passkey.Lifetime)
			return ticket, a
		}, passkey.ErrTicket},
		"a ticket for making one": {func() (string, []byte) {
			o, err := p.Register(ada, "test")
			if err != nil {
				t.Fatal(err)
			}
			return o.Ticket, device.Get(o.Options)
		}, passkey.ErrTicket},
		"no answer":   {func() (string, []byte) { return ask(t, p).Ticket, nil }, passkey.ErrAnswer},
		"null":        {func() (string, []byte) { return ask(t, p).Ticket, []byte("null") }, passkey.ErrAnswer},
		"half of one": {func() (string, []byte) { ticket, a := good(); return ticket, a[:len(a)/2] }, passkey.ErrAnswer},
	} {
		ticket, a := row.answer()
		if who, key, err := p.Answered(ticket, a, all); !errors.Is(err, row.want) || who.Login != "" || key.Data != nil {
			t.Errorf("%s: %+v, %v; want %v", name, who, err, row.want)
		}
	}
	ticket, a := good()
	if _, _, err := p.Answered(ticket, a, all); err != nil {
		t.Fatalf("the control: %v", err)
	}
	if _, _, err := p.Answered(ticket, a, all); !errors.Is(err, passkey.ErrTicket) {
		t.Errorf("the same again: %v", err)
	}
	// A wrong answer uses the challenge up as well.
	ticket, a = good()
	_, _, _ = p.Answered(ticket, []byte("{}"), all)
	if _, _, err := p.Answered(ticket, a, all); !errors.Is(err, passkey.ErrTicket) {
		t.Errorf("a second answer to one challenge: %v", err)
	}
}

// TestRefusedRegistrations: nor is a passkey taken that is not made for this
// person, at this site, now.
func TestRefusedRegistrations(t *testing.T) {
	p, now := newParty(t)
	ada := owner("ada")
	for name, change := range map[string]func(*softkey.Device){
		"another origin":  func(d *softkey.Device) { d.Origin = "https://evil.example" },
		"another site":    func(d *softkey.Device) { d.RPID = "evil.example" },
		"no verification": func(d *softkey.Device) { d.Silent = true },
		"no presence":     func(d *softkey.Device) { d.Absent = true },
	} {
		d := softkey.New(origin, site)
		change(d)
		o, err := p.Register(ada, "test")
		if err != nil {
			t.Fatal(err)
		}
		if k, err := p.Registered(ada, "test", o.Ticket, d.Create(o.Options)); !errors.Is(err, passkey.ErrAnswer) || k.Data != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := softkey.New(origin, site)
	o, err := p.Register(ada, "session one")
	if err != nil {
		t.Fatal(err)
	}
	answer := d.Create(o.Options)
	if _, err := p.Registered(ada, "session two", o.Ticket, answer); !errors.Is(err, passkey.ErrTicket) {
		t.Errorf("in another session: %v", err)
	}
	o, _ = p.Register(ada, "test")
	if _, err := p.Registered(owner("bob"), "test", o.Ticket, d.Create(o.Options)); !errors.Is(err, passkey.ErrAnswer) {
		t.Errorf("for another person: %v", err)
	}
	o, _ = p.Register(ada, "test")
	answer = d.Create(o.Options)
	*now = now.Add(passkey.Lifetime)
	if _, err := p.Registered(ada, "test", o.Ticket, answer); !errors.Is(err, passkey.ErrTicket) {
		t.Errorf("too late: %v", err)
	}
}

// TestClone: a counter that does not go on is a warning; devices that do not
// count at all give none.
func TestClone(t *testing.T) {
	p, _ := newParty(t)
	ada, device := registered(t, p, owner("ada"))
	clone := device.Copy()
	sign := func(d *softkey.Device) error {
		o := ask(t, p)
		_, key, err := p.Answered(o.Ticket, d.Get(o.Options), knows(ada))
		if err == nil {
			ada.Keys[0].Data = key.Data
		}
		return err
	}
	if err := sign(device); err != nil {
		t.Fatal(err)
	}
	if err := sign(clone); !errors.Is(err, passkey.ErrCloned) {
		t.Errorf("a copy: %v", err)
	}
	bob := owner("bob")
	still := softkey.New(origin, site)
	still.Fixed = true
	o, err := p.Register(bob, "test")
	if err != nil {
		t.Fatal(err)
	}
	k, err := p.Registered(bob, "test", o.Ticket, still.Create(o.Options))
	if err != nil {
		t.Fatal(err)
	}
	bob.Keys = []passkey.Key{k}
	for range 2 {
		o := ask(t, p)
		if _, _, err := p.Answered(o.Ticket, still.Get(o.Options), knows(bob)); err != nil {
			t.Errorf("one that does not count: %v", err)
		}
	}
}

// TestManyChallenges: challenges cannot fill the memory, and old ones make room.
func TestManyChallenges(t *testing.T) {
	p, now := newParty(t)
	var err error
	n := 0
	for ; err == nil && n < 5000; n++ {
		_, err = p.Ask()
	}
	if !errors.Is(err, passkey.ErrBusy) || n > 1001 {
		t.Errorf("%d challenges, %v", n, err)
	}
	*now = now.Add(passkey.Lifetime)
	if _, err := p.Ask(); err != nil {
		t.Error(err)
	}
}

func TestCheckSite(t *testing.T) {
	for _, good := range []string{"skerry.example.org", "ki.firma", "a-1.b2.example"} {
		if err := passkey.CheckSite(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, words := range map[string]string{
		"": "two parts", "localhost": "two parts", "skerry": "two parts", "127.0.0.1": "an address", "[::1]": "an address", "2001:db8::1": "an address", "1.2": "no domain name",
		"Skerry.example.org": "small letters", "skerry..org": "small letters", ".example.org": "small letters", "example.org.": "small letters", "https://a.b": "small letters", "a b.org": "small letters",
		"-a.org": "small letters", strings.Repeat("a", 64) + ".org": "small letters", strings.Repeat("a.", 130) + "org": "no domain name",
	} {
		if err := passkey.CheckSite(bad); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v; want %q", bad, err, words)
		}
	}
	if _, err := passkey.New("localhost", nil, time.Now); err == nil {
		t.Error("a party without a domain name")
	}
}
