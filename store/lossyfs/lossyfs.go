//go:build linux

// Package lossyfs is a disk for tests whose power can be cut. It is a file
// system in memory, mounted with FUSE, that keeps two states: what processes
// see, and what is on the disk. [FS.Cut] makes every later operation fail and
// leaves of what was not synced only what chance lets through: a write may be
// gone, or there, or there in some of its sectors only, whatever came before or
// after it; a truncation may be gone; names that were made, changed or removed
// are there up to some moment, in their order, as in the journal of ext4 or XFS,
// and a name may be there without the content of its file.
//
// It is stricter than these file systems in one thing: to sync a file that was
// made does not make its name durable, only to sync its directory does, since
// POSIX promises no more. Only tests import it. Start with [Mount].
package lossyfs

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Sector is what a disk writes whole or not at all, in bytes.
const Sector = 512

// Options of a file system.
type Options struct {
	// Lies reports whether syncing a file or directory of that name says yes and
	// does nothing; nil = never. It is the control of whoever looks for losses.
	Lies func(name string) bool

	// Written is called with everything that is written, also into files that
	// are removed later: what whoever reads the raw disk might find. nil = nobody.
	// It must not keep data.
	Written func(name string, data []byte)
}

// FS is a mounted file system. It may be used concurrently.
type FS struct {
	o      Options
	server *fuse.Server

	mu      sync.Mutex // guards what follows, and all nodes
	root    *node
	off     bool   // the power is cut
	journal []move // changes of names that are not durable, in their order
	next    uint64 // inode number
}

// node is a file or a directory.
type node struct {
	gofs.Inode
	disk *FS
	name string // its last; of the root the empty string
	mode uint32
	time time.Time

	// Of a file.
	now     []byte   // what processes see
	durable []byte   // what is on the disk
	pending []change // what leads from the one to the other

	// Of a directory.
	entries map[string]*node // what processes see
	kept    map[string]*node // what is on the disk
}

// change is a write, or a truncation where data is nil.
type change struct {
	at   int64
	data []byte
}

// move is a change of names, whole or not at all: each name leads to its node,
// or to nothing.
type move []step

type step struct {
	in   *node
	name string
	to   *node // nil = removed
}

// Mount mounts a file system with the content of the folder from, all of it
// durable, on the empty folder dir. It needs /dev/fuse and the right to mount.
func Mount(from, dir string, o Options) (*FS, error) {
	d := &FS{o: o}
	d.root = d.node("", fuse.S_IFDIR|0o700)
	never := time.Duration(0) // what the kernel remembers of names
	server, err := gofs.Mount(dir, d.root, &gofs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "lossyfs", Name: "lossyfs", DisableXAttrs: true},
		EntryTimeout: &never, AttrTimeout: &never, NegativeTimeout: &never,
		RootStableAttr: &gofs.StableAttr{Ino: 1},
	})
	if err != nil {
		return nil, fmt.Errorf("mount: %w", err)
	}
	d.server = server
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.load(d.root, from); err != nil {
		return nil, fmt.Errorf("load %s: %w", from, err)
	}
	return d, nil
}

// node returns a new node. The caller holds mu, or nobody knows d yet.
func (d *FS) node(name string, mode uint32) *node {
	n := &node{disk: d, name: name, mode: mode, time: time.Now()}
	if mode&syscall.S_IFMT == syscall.S_IFDIR {
		n.entries, n.kept = map[string]*node{}, map[string]*node{}
	}
	return n
}

// load fills a directory with what is in a folder, durably.
func (d *FS) load(to *node, from string) error {
	list, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range list {
		info, err := e.Info()
		if err != nil {
			return err
		}
		n := d.node(e.Name(), fuse.S_IFREG|uint32(info.Mode().Perm()))
		switch {
		case e.IsDir():
			n = d.node(e.Name(), fuse.S_IFDIR|uint32(info.Mode().Perm()))
			if err := d.load(n, filepath.Join(from, e.Name())); err != nil {
				return err
			}
		case info.Mode().IsRegular():
			if n.now, err = os.ReadFile(filepath.Join(from, e.Name())); err != nil {
				return err
			}
			n.durable = slices.Clone(n.now)
		default:
			continue // sockets are made anew
		}
		to.entries[e.Name()], to.kept[e.Name()] = n, n
	}
	return nil
}

// Cut ends the power: whatever is asked from now on fails, and what was not
// synced is lost as r decides. The processes that use the file system have to be
// killed before [FS.Close].
func (d *FS) Cut(r *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return
	}
	d.off = true
	d.commit(r.IntN(len(d.journal) + 1))
	d.root.lose(r)
}

// commit makes the first n changes of names durable. The caller holds mu.
func (d *FS) commit(n int) {
	for _, m := range d.journal[:n] {
		for _, s := range m {
			if s.to == nil {
				delete(s.in.kept, s.name)
			} else {
				s.in.kept[s.name] = s.to
			}
		}
	}
	d.journal = d.journal[n:]
}

// lose decides what became of the content of all files below.
func (n *node) lose(r *rand.Rand) {
	// In the order of names, so that a seed repeats what it did.
	for _, name := range slices.Sorted(keys(n.kept)) {
		child := n.kept[name]
		if child.kept != nil {
			child.lose(r)
			continue
		}
		for _, c := range child.pending {
			switch r.IntN(3) {
			case 0: // gone
			case 1:
				child.durable = c.apply(child.durable)
			default:
				for at := 0; at < len(c.data); {
					end := min(len(c.data), at+Sector-int(c.at+int64(at))%Sector)
					if r.IntN(2) == 0 {
						child.durable = change{c.at + int64(at), c.data[at:end]}.apply(child.durable)
					}
					at = end
				}
			}
		}
		child.pending = nil
	}
}

// apply returns content after the change.
func (c change) apply(content []byte) []byte {
	if c.data == nil {
		return resized(content, c.at)
	}
	if end := c.at + int64(len(c.data)); end > int64(len(content)) {
		content = resized(content, end)
	}
	copy(content[c.at:], c.data)
	return content
}

func resized(content []byte, size int64) []byte {
	if size <= int64(len(content)) {
		clear(content[size:])
		return content[:size]
	}
	return append(content, make([]byte, size-int64(len(content)))...)
}

// Survivors writes what is on the disk after [FS.Cut] into the folder to, which
// is made.
func (d *FS) Survivors(to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.off {
		return fmt.Errorf("the power is on")
	}
	return d.root.write(to)
}

func (n *node) write(to string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for name, child := range n.kept {
		path := filepath.Join(to, name)
		if child.mode&syscall.S_IFMT == syscall.S_IFSOCK {
			continue
		}
		if child.kept != nil {
			if err := child.write(path); err != nil {
				return err
			}
			continue
		}
		if err := os.WriteFile(path, child.durable, fs.FileMode(child.mode&0o777)); err != nil {
			return err
		}
	}
	return nil
}

// Unsynced returns how many changes of contents and of names would be at risk
// if the power were cut now.
func (d *FS) Unsynced() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	total := len(d.journal)
	var count func(*node)
	count = func(n *node) {
		total += len(n.pending)
		for _, child := range n.entries {
			count(child)
		}
	}
	count(d.root)
	return total
}

// Close unmounts the file system, which no process may use any more.
func (d *FS) Close() error { return d.server.Unmount() }
