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
	"syscall"

	"golang.org/x/sys/unix"
)

// Image is a file without a name, made once and given to any number of
// children, to execute or to read. Nobody, this process included, can change it
// any more: what was checked is what is used. It takes memory of the host, but
// none of this process.
type Image struct{ f *os.File }

// NewImage makes an image of what r yields. The name only shows in listings of
// processes. The caller closes the image when no child needs it any more.
func NewImage(name string, r io.Reader) (*Image, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 there was no such flag
		fd, err = unix.MemfdCreate(name, flags)
	}
	if errors.Is(err, unix.EACCES) { // vm.memfd_noexec: it can still be read, and executed from a copy
		fd, err = unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	}
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := io.Copy(f, r); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("fill memfd: %w", err)
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("seal memfd: %w", err)
	}
	runtime.KeepAlive(f)
	return &Image{f}, nil
}

// Close frees the image; children that have it keep it.
func (i *Image) Close() error { return i.f.Close() }

// open returns a descriptor of its own for one launch.
func (i *Image) open() (*os.File, error) {
	fd, err := unix.FcntlInt(i.f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	runtime.KeepAlive(i.f)
	if err != nil {
		return nil, fmt.Errorf("duplicate memfd: %w", err)
	}
	return os.NewFile(uintptr(fd), i.f.Name()), nil
}

// executable returns a descriptor to execute: the memfd, or a file in the private
// directory dir where executing memory is forbidden.
func (i *Image) executable(dir string) (*os.File, error) {
	f, err := i.open()
	if err != nil {
		return nil, err
	}
	if unix.Access(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.X_OK) == nil {
		return f, nil
	}
	_ = f.Close()
	if dir == "" {
		return nil, errors.New("this host forbids executing from memory, and there is no private directory for a file")
	}
	return i.extracted(filepath.Join(dir, "exec"), filepath.Base(i.f.Name()))
}

// maxImageBytes bounds what is copied when an image has to become a file.
const maxImageBytes = 1 << 30

// extracted puts the image into dir as an executable file that only its owner
// can read, for hosts where executing a memfd is forbidden (vm.memfd_noexec,
// fapolicyd). The name is the digest; a file that is there already is used only
// if it holds exactly the same.
func (i *Image) extracted(dir, name string) (*os.File, error) {
	b, err := io.ReadAll(io.NewSectionReader(i.f, 0, maxImageBytes))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	path := filepath.Join(dir, name+"-"+hex.EncodeToString(sum[:8]))
	if f, err := matching(path, sum); err == nil {
		return f, nil
	}
	if err := writeExecutable(dir, path, b); err != nil {
		return nil, err
	}
	return matching(path, sum)
}

// writeExecutable writes b to path by way of a temporary file in dir. No child
// is forked meanwhile: until it executes, it would hold the file open for
// writing, and a file that is being written cannot be executed (ETXTBSY).
func writeExecutable(dir, path string, b []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already after the rename
	_, err = tmp.Write(b)
	if err := errors.Join(err, tmp.Chmod(0o500), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// matching opens path if its content has the digest.
func matching(path string, sum [sha256.Size]byte) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil || [sha256.Size]byte(h.Sum(nil)) != sum {
		_ = f.Close()
		return nil, fmt.Errorf("%s does not hold what it should: %w", path, errors.Join(err, os.ErrInvalid))
	}
	return f, nil
}
