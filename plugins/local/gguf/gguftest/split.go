package gguftest

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"skerry/plugins/local/gguf"
)

// Split cuts a whole file into parts as llama-gguf-split does: the first part
// has the metadata, and each has an equal share of the tensors. The first has
// none of them if bare is set (--no-tensor-first-split).
func Split(whole []byte, parts int, bare bool) [][]byte {
	f, err := gguf.Check(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		panic(fmt.Sprintf("gguftest: split a file that is none: %v", err)) // a fault of the test
	}
	const head = 4 + 4 + 8 + 8
	table := bytes.Index(whole, append(binary.LittleEndian.AppendUint64(nil, uint64(len(f.Tensors[0].Name))), f.Tensors[0].Name...))
	keys := binary.LittleEndian.Uint64(whole[16:])
	var list [][]byte
	for n := range parts {
		share := func(n int) int {
			if bare {
				return max(n-1, 0) * len(f.Tensors) / (parts - 1)
			}
			return n * len(f.Tensors) / parts
		}
		list = append(list, splitPart(whole[head:table], keys, n, parts, len(f.Tensors), f.Tensors[share(n):share(n+1)], whole[f.DataStart:]))
	}
	return list
}

func splitPart(meta []byte, keys uint64, no, count, all int, tensors []gguf.Tensor, data []byte) []byte {
	out, w := &writer{}, &writer{}
	if no == 0 {
		w.keys = keys
		w.b.Write(meta)
	}
	const uint16Type uint32 = 2
	w.key("split.no", uint16Type, uint16(no))
	w.key("split.count", uint16Type, uint16(count))
	w.key("split.tensors.count", int32Type, int32(all))
	var weights bytes.Buffer
	for _, t := range tensors {
		w.put(t.Name, uint32(len(t.Shape)), t.Shape, t.Type, uint64(weights.Len()))
		weights.Write(data[t.Offset : t.Offset+t.Size])
		padded(&weights)
	}
	out.b.WriteString("GGUF")
	out.put(uint32(3), uint64(len(tensors)), w.keys)
	out.b.Write(w.b.Bytes())
	padded(&out.b)
	out.b.Write(weights.Bytes())
	return out.b.Bytes()
}

func padded(b *bytes.Buffer) {
	for b.Len()%alignment != 0 {
		b.WriteByte(0)
	}
}
