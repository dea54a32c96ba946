package plugins

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// image is an executable, or a file that a child is given to read, as an open
// descriptor: what was checked is what is used, whatever happens to a path
// meanwhile.
type image struct{ f *os.File }

func (i *image) close() { _ = i.f.Close() }

// sealed puts b into an anonymous file that nobody, this process included, can
// change any more.
func sealed(name string, b []byte, executable bool) (*image, error) {
	flags := unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	want := unix.MFD_NOEXEC_SEAL
	if executable {
		want = unix.MFD_EXEC
	}
	fd, err := unix.MemfdCreate(name, flags|want)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 there were no such flags
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.Write(b); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("fill memfd: %w", err)
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("seal memfd: %w", err)
	}
	runtime.KeepAlive(f)
	return &image{f}, nil
}

// extracted puts b into dir as an executable file that only its owner can
// read, for hosts where executing a memfd is forbidden (vm.memfd_noexec,
// fapolicyd). The name is the digest; a file that is there already is used only
// if it holds exactly b.
func extracted(dir, name string, b []byte) (*image, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	path := filepath.Join(dir, name+"-"+hex.EncodeToString(sum[:8]))
	if i, err := matching(path, sum); err == nil {
		return i, nil
	}
	tmp, err := os.CreateTemp(dir, "."+name+"-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Chmod(0o500), tmp.Close())
	if err != nil {
		return nil, err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return nil, err
	}
	return matching(path, sum)
}

// matching opens path if its content has the digest.
func matching(path string, sum [sha256.Size]byte) (*image, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil || [sha256.Size]byte(h.Sum(nil)) != sum {
		_ = f.Close()
		return nil, fmt.Errorf("%s does not hold what it should: %w", path, errors.Join(err, os.ErrInvalid))
	}
	return &image{f}, nil
}
