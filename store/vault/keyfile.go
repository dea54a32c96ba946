package vault

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"golang.org/x/sys/unix"
)

// KeyFile makes sure that there is a key file at path, an age identity that
// only its owner can read, and returns the recipient that belongs to it. One
// that is there already is used.
func KeyFile(path string) (recipient string, err error) {
	identities, err := readIdentities(path, true)
	if errors.Is(err, fs.ErrNotExist) {
		if err = newKeyFile(path); err == nil {
			identities, err = readIdentities(path, true)
		}
	}
	if err != nil {
		return "", fmt.Errorf("key file: %w", err)
	}
	for _, i := range identities {
		switch i := i.(type) {
		case *age.HybridIdentity:
			return i.Recipient().String(), nil
		case *age.X25519Identity:
			return i.Recipient().String(), nil
		}
	}
	return "", fmt.Errorf("key file: %s holds no age identity of a known kind", path)
}

func newKeyFile(path string) error {
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "# Key file of a Skerry: an age identity. Who has this file and the data directory\n# can read everything in it. Keep a copy apart from backups.\n# recipient: %s\n%s\n", identity.Recipient(), identity)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return syncDir(filepath.Dir(path))
}

// readIdentities reads a file of age identities. A key file that serves
// unattended must be its owner's, or root's, alone.
func readIdentities(path string, alone bool) ([]age.Identity, error) {
	flags := os.O_RDONLY
	if alone {
		flags |= unix.O_NOFOLLOW
	}
	f, err := os.OpenFile(path, flags, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link; name the file itself", path)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if alone {
		var s unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &s); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		switch {
		case s.Mode&unix.S_IFMT != unix.S_IFREG:
			return nil, fmt.Errorf("%s is no regular file", path)
		case s.Mode&0o077 != 0:
			return nil, fmt.Errorf("%s can be read by others (mode %03o); correct that with: chmod 600 %s", path, s.Mode&0o777, path)
		case s.Uid != 0 && s.Uid != uint32(os.Geteuid()):
			return nil, fmt.Errorf("%s belongs to user %d; it must belong to root or to user %d, who runs this", path, s.Uid, os.Geteuid())
		}
	}
	identities, err := age.ParseIdentities(io.LimitReader(f, maxWrap))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return identities, nil
}

// UnwrapKeyFile returns the root key that a key file of this host opens. It
// returns an error wrapping [fs.ErrNotExist] if there is no such file, and one
// wrapping [ErrWrongKey] if it belongs to another vault.
func UnwrapKeyFile(i Info, path string) (*Root, error) {
	identities, err := readIdentities(path, true)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	root, err := Unwrap(i, identities...)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return root, nil
}

// UnwrapCredential is [UnwrapKeyFile] for a file whose access somebody else
// guards, as systemd does with credentials.
func UnwrapCredential(i Info, path string) (*Root, error) {
	identities, err := readIdentities(path, false)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	root, err := Unwrap(i, identities...)
	if err != nil {
		return nil, fmt.Errorf("credential %s: %w", path, err)
	}
	return root, nil
}

// ParseAdmin reads an admin as people write it: NAME=RECIPIENT or RECIPIENT,
// where RECIPIENT is an age recipient or a file that holds one. Without a name
// it gets the one given.
func ParseAdmin(s, name string) (NewAdmin, error) {
	if n, rest, ok := strings.Cut(s, "="); ok && adminForm.MatchString(n) {
		s, name = rest, n
	}
	if !strings.HasPrefix(s, "age1") {
		text, err := os.ReadFile(s)
		if err != nil {
			return NewAdmin{}, fmt.Errorf("admin %q is neither an age recipient (age1…) nor a file that can be read: %w", s, err)
		}
		found := ""
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			switch {
			case line == "" || strings.HasPrefix(line, "#"):
			case strings.HasPrefix(line, "AGE-SECRET-KEY-"):
				return NewAdmin{}, fmt.Errorf("%s holds a secret key; keep it away from this host and give the file of its recipient (age1…)", s)
			case found != "":
				return NewAdmin{}, fmt.Errorf("%s holds several recipients; give each as an admin of its own", s)
			default:
				found = line
			}
		}
		s = found
	}
	if _, err := ParseRecipient(s); err != nil {
		return NewAdmin{}, fmt.Errorf("admin %s: %w", name, err)
	}
	return NewAdmin{Name: name, Recipient: s}, nil
}
