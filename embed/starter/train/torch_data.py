"""Checkpoints and records for torch_train.py. The formats are documented in
package weights and in trainer/data.h."""
import array
import math
import os
import struct
import sys

import torch

HEAD = 64
LONGEST = 2048
HEADER = 128


def refuse(why):
    print(why, file=sys.stderr)
    sys.exit(2)


# --- checkpoints (format: package weights) -----------------------------------

NAMES = ("vocab", "width", "layers", "heads", "kv_heads", "ffn", "rope_base")


def layout(c):
    """Names and shapes of the tensors, in the order of a checkpoint."""
    q, kv = c["heads"] * HEAD, c["kv_heads"] * HEAD
    yield "embedding", (c["vocab"], c["width"])
    yield "output_gain", (c["width"],)
    for l in range(c["layers"]):
        yield f"{l}.qkv", (q + 2 * kv, c["width"])
        yield f"{l}.output", (c["width"], q)
        yield f"{l}.gate_up", (2 * c["ffn"], c["width"])
        yield f"{l}.down", (c["width"], c["ffn"])
        yield f"{l}.query_gain", (HEAD,)
        yield f"{l}.key_gain", (HEAD,)


def split(c, flat):
    """Views of a flat tensor by name."""
    out, at = {}, 0
    for name, shape in layout(c):
        n = math.prod(shape)
        out[name] = flat[at:at + n].view(shape)
        at += n
    if at != flat.numel():
        refuse(f"{flat.numel()} weights, not the {at} of the shape")
    return out


def read_checkpoint(path):
    """Returns (config, weights, moments or None, text); flat float32 tensors."""
    try:
        raw = open(path, "rb").read()
    except OSError as e:
        refuse(str(e))
    if len(raw) < HEADER or raw[:4] != b"SKT2":
        refuse(f"{path}: no checkpoint; make one with `checkpoint from-gguf` or `checkpoint fresh`")
    words = struct.unpack_from("<10i", raw, 4)
    if words[0] != 1 or words[8] != HEAD:
        refuse(f"{path}: another version, or heads of another width")
    steps, tokens, n, text = struct.unpack_from("<4q", raw, 64)
    if len(raw) != HEADER + 4 * n * (3 if words[9] else 1) + text:
        refuse(f"{path}: cut off")
    c = dict(zip(NAMES, words[1:8]), steps=steps, tokens=tokens)
    part = lambda i: torch.frombuffer(bytearray(raw[HEADER + 4 * n * i:HEADER + 4 * n * (i + 1)]), dtype=torch.float32)
    if not words[9]:
        return c, part(0), None, ""
    return c, part(0), (part(1), part(2)), raw[len(raw) - text:].decode()


def write_checkpoint(path, c, weights, moments=None, text=""):
    """Replaces the file in one piece: a crash leaves the old one."""
    data = text.encode()
    head = bytearray(HEADER)
    struct.pack_into("<4s10i", head, 0, b"SKT2", 1, *(c[k] for k in NAMES), HEAD, int(moments is not None))
    struct.pack_into("<4q", head, 64, c["steps"], c["tokens"], weights.numel(), len(data))
    with open(path + ".tmp", "wb") as f:
        f.write(head)
        for t in (weights,) + tuple(moments or ()):
            f.write(t.detach().float().cpu().numpy().tobytes())
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    os.replace(path + ".tmp", path)


# --- records (format and order: trainer/data.h) ------------------------------

class Record:
    def __init__(self, tokens, prompt, group, spans):
        self.tokens, self.prompt, self.group, self.spans = tokens, prompt, group, spans

    def rows(self):
        return len(self.tokens) - 1


def read_records(path, vocab):
    words = array.array("H")
    try:
        words.frombytes(open(path, "rb").read())
    except (OSError, ValueError) as e:
        refuse(f"{path}: {e}")
    out, at = [], 0
    while at < len(words):
        if at + 4 > len(words):
            refuse(f"{path}: record {len(out)}: cut off")
        n, prompt, group, spans = words[at:at + 4]
        body = at + 4 + 3 * spans
        if body + n > len(words) or n > LONGEST or not 1 <= prompt < n or max(words[body:body + n]) >= vocab:
            refuse(f"{path}: record {len(out)}: cut off or impossible; make the file again")
        flat = words[at + 4:body]
        out.append(Record(words[body:body + n], prompt, group, [tuple(flat[i:i + 3]) for i in range(0, 3 * spans, 3)]))
        at = body + n
    if not out:
        refuse(f"{path}: the file is empty")
    return out


MASK = (1 << 64) - 1


def mix(state):
    """One step of splitmix64: (new state, output)."""
    state = (state + 0x9E3779B97F4A7C15) & MASK
    z = state
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return state, z ^ (z >> 31)


LEAST_SHARED = 64


class Bundle:
    """Records that begin with the same tokens: the beginning is fed once."""

    def __init__(self, records, shared):
        self.records, self.shared = records, shared

    def rows(self):
        return self.shared + sum(r.rows() - self.shared for r in self.records)

    def answers(self):
        return sum(len(r.tokens) - r.prompt for r in self.records)


def bundle(records):
    """Joins neighbouring records that begin alike, as trainer/data.cc does."""
    out = []
    for r in records:
        if out:
            b = out[-1]
            first = b.records[0]
            limit = min(b.shared if len(b.records) > 1 else first.prompt - 1, r.prompt - 1)
            same = next((i for i in range(limit) if r.tokens[i] != first.tokens[i]), limit)
            more = Bundle(b.records + [r], same)
            if same >= LEAST_SHARED and more.rows() <= LONGEST and more.rows() < b.rows() + r.rows():
                out[-1] = more
                continue
        out.append(Bundle([r], 0))
    return out


class Source:
    def __init__(self, argument, seed, vocab):
        path, colon, weight = argument.rpartition(":")
        self.records = read_records(path if colon else argument, vocab)
        self.bundles = bundle(self.records)
        self.weight = float(weight) if colon else 1.0
        self.seed = seed
        self.seek(0, 0, 0)

    def seek(self, epoch, cursor, rows):
        self.epoch, self.cursor, self.rows = epoch, cursor, rows
        self.order = list(range(len(self.bundles)))
        state, _ = mix((self.seed + 0x100000001B3 * epoch) & MASK)
        for i in range(len(self.order), 1, -1):
            state, out = mix(state)
            j = out % i
            self.order[i - 1], self.order[j] = self.order[j], self.order[i - 1]

    def next(self):
        if self.cursor >= len(self.order):
            self.seek(self.epoch + 1, 0, self.rows)
        b = self.bundles[self.order[self.cursor]]
        self.cursor += 1
        self.rows += b.rows()
        return b


class Mixture:
    def __init__(self, arguments, seed, vocab):
        self.sources = [Source(a, seed + 7919 * i, vocab) for i, a in enumerate(arguments)]

    def batch(self, rows):
        out, n = [], 0
        while n < rows:
            out.append(min(self.sources, key=lambda s: s.rows / s.weight).next())
            n += out[-1].rows()
        return out

    def position(self):
        return "".join(f"source {len(s.bundles)} {s.epoch} {s.cursor} {s.rows}\n" for s in self.sources)

    def restore(self, text):
        saved = [list(map(int, l.split()[1:])) for l in text.splitlines() if l.startswith("source ")]
        if [s[0] for s in saved] != [len(s.bundles) for s in self.sources]:
            return False
        for s, (_, epoch, cursor, rows) in zip(self.sources, saved):
            s.seek(epoch, cursor, rows)
        return True


def pack(bundles, device):
    """Packs bundles side by side into rows of at most LONGEST tokens, longest
    first. Returns, each [rows][tokens]: tokens, targets (-100 where there is no
    loss), positions, the number of the bundle (-1 for padding), and that of the
    record in it (0 for the shared beginning)."""
    bins = []
    for b in sorted(bundles, key=Bundle.rows, reverse=True):
        for row in bins:
            if row[0] + b.rows() <= LONGEST:
                row[0] += b.rows()
                row[1].append(b)
                break
        else:
            bins.append([b.rows(), [b]])
    wide = max(row[0] for row in bins)
    fields = [torch.full((len(bins), wide), v, dtype=torch.long) for v in (0, -100, 0, -1, 0)]
    for i, (_, group) in enumerate(bins):
        at = 0
        for k, b in enumerate(group):
            fields[3][i, at:at + b.rows()] = k
            fields[0][i, at:at + b.shared] = torch.tensor(list(b.records[0].tokens[:b.shared]), dtype=torch.long)
            fields[2][i, at:at + b.shared] = torch.arange(b.shared)
            at += b.shared
            for j, r in enumerate(b.records):
                n, t = r.rows() - b.shared, torch.tensor(list(r.tokens))
                fields[0][i, at:at + n] = t[b.shared:-1]
                fields[1][i, at + r.prompt - 1 - b.shared:at + n] = t[r.prompt:]
                fields[2][i, at:at + n] = torch.arange(b.shared, r.rows())
                fields[4][i, at:at + n] = j + 1
                at += n
    return [f.to(device) for f in fields]
