package audit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Piece is a file of a log, or its beginning, as it stood at one moment.
type Piece struct {
	Name string // in the folder of the log, or in that of the keys
	Key  bool   // it is one of the appliance's keys
	Size int64  // bytes; a segment that is being written grows behind them

	path string
	data []byte // of a file that is small and may be replaced
}

// Open returns the bytes of the piece.
func (p *Piece) Open() (io.ReadCloser, error) {
	if p.data != nil {
		return io.NopCloser(bytes.NewReader(p.data)), nil
	}
	f, err := os.Open(p.path)
	if err != nil {
		return nil, err
	}
	return &limited{io.LimitReader(f, p.Size), f}, nil
}

type limited struct {
	io.Reader
	io.Closer
}

// Copy returns everything that is needed to go on with the log elsewhere, keys
// included, as it stands between two writes: segments, keys and chain fit
// together. The pieces can be read while the log is written on. Whoever gets
// them can write in the appliance's name, and read nothing.
func (l *Log) Copy(ctx context.Context) ([]Piece, error) {
	type answer struct {
		pieces []Piece
		err    error
	}
	done := make(chan answer, 1)
	// With no record of its own, this is called between two writes, by the writer.
	l.Submit(func(err error) {
		if err != nil {
			done <- answer{err: err}
			return
		}
		pieces, err := l.pieces()
		done <- answer{pieces, err}
	})
	select {
	case a := <-done:
		return a.pieces, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pieces belongs to the writer.
func (l *Log) pieces() ([]Piece, error) {
	var list []Piece
	small := func(dir, name string, key bool) error {
		b, err := readSmall(filepath.Join(dir, name))
		if err == nil {
			list = append(list, Piece{Name: name, Key: key, Size: int64(len(b)), data: b})
		}
		return err
	}
	err := errors.Join(small(l.opts.KeyDir, signerFile, true), small(l.opts.KeyDir, chainFile, true), small(l.opts.Dir, enrolmentFile, false))
	if err != nil {
		return nil, err
	}
	if err := small(l.opts.Dir, witnessFile, false); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	numbers, err := segments(l.opts.Dir)
	if err != nil {
		return nil, err
	}
	for _, n := range numbers {
		p := Piece{Name: segmentName(n), path: segmentPath(l.opts.Dir, n), Size: l.seg.bytes}
		if n != l.seg.number {
			info, err := os.Stat(p.path)
			if err != nil {
				return nil, err
			}
			p.Size = info.Size()
		}
		list = append(list, p)
	}
	return list, nil
}

// IsPiece reports whether a file of this name belongs into the folder of a log,
// or of its keys.
func IsPiece(name string, key bool) bool {
	if key {
		return name == signerFile || name == chainFile
	}
	return name == enrolmentFile || name == witnessFile || segmentPattern.MatchString(name)
}
