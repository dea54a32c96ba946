//go:build linux

package lossyfs

import (
	"context"
	"iter"
	"maps"
	"syscall"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

func keys(m map[string]*node) iter.Seq[string] { return maps.Keys(m) }

// What the file system can do; what is not here, the kernel is told that there
// is not.
var _ = interface {
	gofs.NodeLookuper
	gofs.NodeReaddirer
	gofs.NodeGetattrer
	gofs.NodeSetattrer
	gofs.NodeCreater
	gofs.NodeMknoder
	gofs.NodeMkdirer
	gofs.NodeUnlinker
	gofs.NodeRmdirer
	gofs.NodeRenamer
	gofs.NodeOpener
	gofs.NodeReader
	gofs.NodeWriter
	gofs.NodeFsyncer
	gofs.NodeAllocater
	gofs.NodeStatfser
}((*node)(nil))

// enter locks the disk; without power it says EIO, and there is nothing to
// leave.
func (n *node) enter() syscall.Errno {
	n.disk.mu.Lock()
	if n.disk.off {
		n.disk.mu.Unlock()
		return syscall.EIO
	}
	return 0
}

func (n *node) leave() { n.disk.mu.Unlock() }

func (n *node) attr(a *fuse.Attr) {
	a.Mode, a.Size, a.Nlink = n.mode, uint64(len(n.now)), 1
	a.Blocks, a.Blksize = (a.Size+Sector-1)/Sector, 4096
	a.SetTimes(nil, &n.time, &n.time)
}

// inode returns what the kernel knows n by.
func (n *node) inode(ctx context.Context, parent *node) *gofs.Inode {
	if n.StableAttr().Ino != 0 {
		return n.EmbeddedInode()
	}
	n.disk.next++
	return parent.NewPersistentInode(ctx, n, gofs.StableAttr{Mode: n.mode & syscall.S_IFMT, Ino: n.disk.next + 1})
}

// Lookup implements [gofs.NodeLookuper].
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofs.Inode, syscall.Errno) {
	if errno := n.enter(); errno != 0 {
		return nil, errno
	}
	defer n.leave()
	child := n.entries[name]
	if child == nil {
		return nil, syscall.ENOENT
	}
	child.attr(&out.Attr)
	return child.inode(ctx, n), 0
}

// Readdir implements [gofs.NodeReaddirer].
func (n *node) Readdir(context.Context) (gofs.DirStream, syscall.Errno) {
	if errno := n.enter(); errno != 0 {
		return nil, errno
	}
	defer n.leave()
	var list []fuse.DirEntry
	for name, child := range n.entries {
		list = append(list, fuse.DirEntry{Name: name, Mode: child.mode & syscall.S_IFMT})
	}
	return gofs.NewListDirStream(list), 0
}

// Getattr implements [gofs.NodeGetattrer].
func (n *node) Getattr(_ context.Context, _ gofs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if errno := n.enter(); errno != 0 {
		return errno
	}
	defer n.leave()
	n.attr(&out.Attr)
	return 0
}

// Setattr implements [gofs.NodeSetattrer]. Modes are durable at once.
func (n *node) Setattr(_ context.Context, _ gofs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if errno := n.enter(); errno != 0 {
		return errno
	}
	defer n.leave()
	if mode, ok := in.GetMode(); ok {
		n.mode = n.mode&syscall.S_IFMT | mode&0o7777
	}
	if size, ok := in.GetSize(); ok {
		n.do(change{at: int64(size)})
	}
	n.attr(&out.Attr)
	return 0
}

// do changes what processes see. The caller has entered.
func (n *node) do(c change) {
	n.now, n.time = c.apply(n.now), time.Now()
	n.pending = append(n.pending, c)
}

// rename notes changes of names and makes them for processes. The caller has
// entered.
func (d *FS) rename(steps ...step) {
	for _, s := range steps {
		if s.to == nil {
			delete(s.in.entries, s.name)
		} else {
			s.in.entries[s.name] = s.to
			s.to.name = s.name
		}
	}
	d.journal = append(d.journal, steps)
}

// Create implements [gofs.NodeCreater].
func (n *node) Create(ctx context.Context, name string, _ uint32, mode uint32, out *fuse.EntryOut) (*gofs.Inode, gofs.FileHandle, uint32, syscall.Errno) {
	if errno := n.enter(); errno != 0 {
		return nil, nil, 0, errno
	}
	defer n.leave()
	if n.entries[name] != nil {
		return nil, nil, 0, syscall.EEXIST
	}
	child := n.disk.node(name, syscall.S_IFREG|mode&0o7777)
	n.disk.rename(step{n, name, child})
	child.attr(&out.Attr)
	return child.inode(ctx, n), nil, 0, 0
}

// Mknod implements [gofs.NodeMknoder], for sockets; they are durable like files.
func (n *node) Mknod(ctx context.Context, name string, mode, _ uint32, out *fuse.EntryOut) (*gofs.Inode, syscall.Errno) {
	if errno := n.enter(); errno != 0 {
		return nil, errno
	}
	defer n.leave()
	if n.entries[name] != nil {
		return nil, syscall.EEXIST
	}
	child := n.disk.node(name, mode)
	n.disk.rename(step{n, name, child})
	child.attr(&out.Attr)
	return child.inode(ctx, n), 0
}

// Mkdir implements [gofs.NodeMkdirer].
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*gofs.Inode, syscall.Errno) {
	if errno := n.enter(); errno != 0 {
		return nil, errno
	}
	defer n.leave()
	if n.entries[name] != nil {
		return nil, syscall.EEXIST
	}
	child := n.disk.node(name, syscall.S_IFDIR|mode&0o7777)
	n.disk.rename(step{n, name, child})
	child.attr(&out.Attr)
	return child.inode(ctx, n), 0
}

// Unlink implements [gofs.NodeUnlinker].
func (n *node) Unlink(_ context.Context, name string) syscall.Errno { return n.remove(name) }

// Rmdir implements [gofs.NodeRmdirer].
func (n *node) Rmdir(_ context.Context, name string) syscall.Errno { return n.remove(name) }

func (n *node) remove(name string) syscall.Errno {
	if errno := n.enter(); errno != 0 {
		return errno
	}
	defer n.leave()
	child := n.entries[name]
	switch {
	case child == nil:
		return syscall.ENOENT
	case len(child.entries) > 0:
		return syscall.ENOTEMPTY
	}
	n.disk.rename(step{n, name, nil})
	return 0
}

// Rename implements [gofs.NodeRenamer].
func (n *node) Rename(_ context.Context, name string, to gofs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	const noReplace, exchange = 1, 2 // renameat2(2)
	if errno := n.enter(); errno != 0 {
		return errno
	}
	defer n.leave()
	into, ok := to.(*node)
	if !ok {
		return syscall.EXDEV
	}
	child, there := n.entries[name], into.entries[newName]
	switch {
	case child == nil, flags&exchange != 0 && there == nil:
		return syscall.ENOENT
	case flags&noReplace != 0 && there != nil:
		return syscall.EEXIST
	case flags&exchange != 0:
		n.disk.rename(step{n, name, there}, step{into, newName, child})
	case there != nil && len(there.entries) > 0:
		return syscall.ENOTEMPTY
	default:
		n.disk.rename(step{n, name, nil}, step{into, newName, child})
	}
	return 0
}

// Open implements [gofs.NodeOpener]. What the kernel has read it may keep: all
// writes come through it.
func (n *node) Open(context.Context, uint32) (gofs.FileHandle, uint32, syscall.Errno) {
	if errno := n.enter(); errno != 0 {
		return nil, 0, errno
	}
	defer n.leave()
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

// Read implements [gofs.NodeReader].
func (n *node) Read(_ context.Context, _ gofs.FileHandle, dest []byte, at int64) (fuse.ReadResult, syscall.Errno) {
	if errno := n.enter(); errno != 0 {
		return nil, errno
	}
	defer n.leave()
	if at >= int64(len(n.now)) {
		return fuse.ReadResultData(nil), 0
	}
	k := copy(dest, n.now[at:])
	return fuse.ReadResultData(dest[:k]), 0
}

// Write implements [gofs.NodeWriter].
func (n *node) Write(_ context.Context, _ gofs.FileHandle, data []byte, at int64) (uint32, syscall.Errno) {
	if errno := n.enter(); errno != 0 {
		return 0, errno
	}
	defer n.leave()
	if n.disk.o.Written != nil {
		n.disk.o.Written(n.name, data)
	}
	n.do(change{at, append([]byte{}, data...)})
	return uint32(len(data)), 0
}

// Allocate implements [gofs.NodeAllocater]: it makes files larger.
func (n *node) Allocate(_ context.Context, _ gofs.FileHandle, at, size uint64, mode uint32) syscall.Errno {
	if errno := n.enter(); errno != 0 {
		return errno
	}
	defer n.leave()
	if mode != 0 {
		return syscall.EOPNOTSUPP
	}
	if end := int64(at + size); end > int64(len(n.now)) {
		n.do(change{at: end})
	}
	return 0
}

// Fsync implements [gofs.NodeFsyncer], for files and directories.
func (n *node) Fsync(context.Context, gofs.FileHandle, uint32) syscall.Errno {
	if errno := n.enter(); errno != 0 {
		return errno
	}
	defer n.leave()
	if o := n.disk.o; o.Lies != nil && o.Lies(n.name) {
		return 0
	}
	if n.entries == nil {
		for _, c := range n.pending {
			n.durable = c.apply(n.durable)
		}
		n.pending = nil
		return 0
	}
	// The journal is written in its order: what came before goes with it.
	for i := len(n.disk.journal); i > 0; i-- {
		for _, s := range n.disk.journal[i-1] {
			if s.in == n {
				n.disk.commit(i)
				return 0
			}
		}
	}
	return 0
}

// Statfs implements [gofs.NodeStatfser]: there is room.
func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	out.Bsize, out.Blocks, out.Bfree, out.Bavail = 4096, 1<<24, 1<<23, 1<<23
	out.Files, out.Ffree, out.NameLen = 1<<24, 1<<23, 255
	return 0
}
