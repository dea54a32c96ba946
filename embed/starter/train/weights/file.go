package weights

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
)

// A checkpoint is little-endian: a header of 128 bytes, the weights as float32
// in the order of [Model.blocks], and, where the header says so, the trainer's
// state: first and second moments, each as long as the weights, and text that
// only the trainer reads. Words of the header, by offset in bytes:
//
//	0  "SKT2"             32 rotary base, int32
//	4  version, 1         36 heads' width, 64
//	8  vocabulary         40 1 if the state follows, else 0
//	12 width              64 steps, int64
//	16 layers             72 tokens, int64
//	20 heads              80 weights, int64
//	24 key/value heads    88 bytes of the trainer's text, int64
//	28 hidden units
const (
	headerBytes = 128
	magic       = "SKT2"
	version     = 1
)

// ErrCheckpoint is wrapped by errors about a file that is no checkpoint, or
// one that is cut off.
var ErrCheckpoint = errors.New("not a complete checkpoint")

// Read reads the weights of a checkpoint and leaves the trainer's state in it
// unread. Errors about the content wrap [ErrCheckpoint] or [ErrShape].
func Read(r io.Reader) (*Model, error) {
	r = bufio.NewReaderSize(r, 1<<16)
	h := make([]byte, headerBytes)
	if _, err := io.ReadFull(r, h); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrCheckpoint, err)
	}
	word := func(at int) int { return int(int32(binary.LittleEndian.Uint32(h[at:]))) }
	if string(h[:4]) != magic || word(4) != version {
		return nil, fmt.Errorf("%w: it does not begin with %s version %d; make one with `checkpoint from-gguf`", ErrCheckpoint, magic, version)
	}
	m := New(Shape{Vocab: word(8), Width: word(12), Layers: word(16), Heads: word(20), KVHeads: word(24), FFN: word(28), RopeBase: word(32)})
	if err := m.Check(); err != nil {
		return nil, err
	}
	if word(36) != HeadWidth {
		return nil, fmt.Errorf("%w: heads of width %d; only %d is supported", ErrShape, word(36), HeadWidth)
	}
	m.Step, m.Tokens = int64(binary.LittleEndian.Uint64(h[64:])), int64(binary.LittleEndian.Uint64(h[72:]))
	if got, want := binary.LittleEndian.Uint64(h[80:]), uint64(m.Parameters()); got != want {
		return nil, fmt.Errorf("%w: it claims %d weights; its shape has %d", ErrCheckpoint, got, want)
	}
	for _, b := range m.blocks(false) {
		var data bytes.Buffer // grows with what there is: a header can claim anything
		if _, err := io.CopyN(&data, r, 4*int64(b.size)); err != nil {
			return nil, fmt.Errorf("%w: weights: %w", ErrCheckpoint, err)
		}
		*b.values = floats(data.Bytes())
	}
	return m, nil
}

// Write writes a checkpoint without the trainer's state, which the trainer
// takes as initial weights.
func (m *Model) Write(w io.Writer) error {
	if err := m.Check(); err != nil {
		return err
	}
	h := make([]byte, headerBytes)
	copy(h, magic)
	for i, v := range []int{version, m.Vocab, m.Width, m.Layers, m.Heads, m.KVHeads, m.FFN, m.RopeBase, HeadWidth} {
		binary.LittleEndian.PutUint32(h[4+4*i:], uint32(v))
	}
	binary.LittleEndian.PutUint64(h[64:], uint64(m.Step))
	binary.LittleEndian.PutUint64(h[72:], uint64(m.Tokens))
	binary.LittleEndian.PutUint64(h[80:], uint64(m.Parameters()))
	buf := bufio.NewWriterSize(w, 1<<16)
	if _, err := buf.Write(h); err != nil {
		return err
	}
	for _, b := range m.blocks(false) {
		if len(*b.values) != b.size {
			return fmt.Errorf("%w: a block of %d weights has %d", ErrShape, b.size, len(*b.values))
		}
		if _, err := buf.Write(raw(*b.values)); err != nil {
			return err
		}
	}
	return buf.Flush()
}

// ReadFile reads the checkpoint at path like [Read].
func ReadFile(path string) (*Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// WriteFile writes m to path so that a crash leaves either the old file or the
// whole new one.
func (m *Model) WriteFile(path string) error { return atomically(path, m.Write) }

// atomically writes a file beside path and renames it when it is complete.
func atomically(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func floats(raw []byte) []float32 {
	out := make([]float32, len(raw)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return out
}

func raw(values []float32) []byte {
	out := make([]byte, 4*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(out[4*i:], math.Float32bits(v))
	}
	return out
}
