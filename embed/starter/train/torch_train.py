#!/usr/bin/env python3
"""Trains a starter model with PyTorch: the way with an accelerator, and on
processors that the C++ trainer does not know.

Same records in the same order, same architecture, optimiser, schedule, options
and checkpoints as the trainer in trainer/: a run can move between the two (not
bit for bit). On CUDA it computes in bfloat16; on a CPU in float32, or in
bfloat16 with -bf16 1, which is many times faster where the processor has it.
Needs PyTorch 1.13 or later (Debian: python3-torch) and nothing else.

    torch_train.py -init IN.ckpt -train FILE[:WEIGHT] ... -tokens N -out OUT.ckpt [options]

README.md explains the options; -help lists them. Exit codes: 0 finished, 2
wrong arguments or files, 3 ended by a signal after a checkpoint, 4 bad gradient.
"""
import argparse
import math
import signal
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    sys.exit("torch_train.py needs PyTorch; install python3-torch (Debian) or a wheel for your accelerator")

sys.dont_write_bytecode = True  # the source tree stays as it is
from torch_data import HEAD, Bundle, Mixture, bundle, pack, read_checkpoint, read_records, refuse, split, write_checkpoint

EPSILON = 1e-6


# --- model --------------------------------------------------------------------

def norm(x, gain=None):
    x32 = x.float()
    out = x32 * torch.rsqrt((x32 * x32).mean(-1, keepdim=True) + EPSILON)
    return out if gain is None else out * gain


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def attention(q, k, v, mask):
    if hasattr(F, "scaled_dot_product_attention"):  # PyTorch 2
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    scores = (q @ k.transpose(-1, -2)).float() / math.sqrt(HEAD)
    return scores.masked_fill(~mask, -1e30).softmax(-1).to(v.dtype) @ v


def forward(c, p, tokens, positions, bundles, records):
    """Logits [rows][tokens][vocab]. A token sees its own record up to itself, and
    what that shares with its bundle."""
    heads, kv = c["heads"], c["kv_heads"]
    rows, n = tokens.shape
    device = tokens.device
    frequency = c["rope_base"] ** (-torch.arange(0, HEAD, 2, device=device, dtype=torch.float64) / HEAD)
    angle = positions[..., None].double() * frequency
    cos, sin = angle.cos().float()[:, None], angle.sin().float()[:, None]
    causal = torch.ones(n, n, dtype=torch.bool, device=device).tril()
    same = (records[:, None, :] == 0) | (records[:, :, None] == records[:, None, :])
    mask = ((bundles[:, :, None] == bundles[:, None, :]) & same & causal)[:, None]
    x = p["embedding"][tokens].float()
    for l in range(c["layers"]):
        qkv = F.linear(norm(x), p[f"{l}.qkv"]).view(rows, n, -1, HEAD).transpose(1, 2)
        q, k, v = qkv.split([heads, kv, kv], 1)
        q, k = rotate(norm(q, p[f"{l}.query_gain"]), cos, sin), rotate(norm(k, p[f"{l}.key_gain"]), cos, sin)
        k, v = (t.repeat_interleave(heads // kv, 1) for t in (k, v))
        o = attention(q.to(v.dtype), k.to(v.dtype), v, mask).transpose(1, 2).reshape(rows, n, -1)
        x = x + F.linear(o, p[f"{l}.output"]).float()
        gate, up = F.linear(norm(x), p[f"{l}.gate_up"]).chunk(2, -1)
        x = x + F.linear(F.silu(gate) * up, p[f"{l}.down"]).float()
    return F.linear(norm(x, p["output_gain"]), p["embedding"])


# --- optimiser (trainer/optimiser.cc) -----------------------------------------

STEPS = ((4.0848, -6.8946, 2.9270), (3.9505, -6.3029, 2.6377), (3.7418, -5.5913, 2.3037),
         (2.8769, -3.1427, 1.2046), (2.8366, -3.0525, 1.2012))


def orthogonalised(u, half):
    x = u.t() if u.shape[0] > u.shape[1] else u
    x = x / (x.norm() + 1e-7)
    for a, b, d in STEPS:
        y = x.bfloat16() if half else x
        gram = y @ y.t()
        poly = b * gram + d * (gram @ gram)
        x = a * x + (poly @ y).float()
    return x.t() if u.shape[0] > u.shape[1] else x


class Optimiser:
    def __init__(self, c, weights, moments, o, half):
        self.c, self.o, self.half = c, o, half
        self.first, self.second = (split(c, m) for m in moments)
        self.weights = split(c, weights.data)

    def parts(self, name):
        """Row ranges that Muon treats as one matrix each."""
        q, kv, ffn = self.c["heads"] * HEAD, self.c["kv_heads"] * HEAD, self.c["ffn"]
        if name.endswith("qkv"):
            return (0, q), (q, q + kv), (q + kv, q + 2 * kv)
        if name.endswith("gate_up"):
            return (0, ffn), (ffn, 2 * ffn)
        return ((0, None),)

    def step(self, gradient, factor):
        self.c["steps"] += 1
        mu, b1, b2, o = self.o.momentum, 0.9, 0.98, self.o
        c1, c2 = 1 - b1 ** self.c["steps"], 1 - b2 ** self.c["steps"]
        for name, g in split(self.c, gradient).items():
            m, w = self.first[name], self.weights[name]
            if g.dim() == 1 or name == "embedding":
                v, rate = self.second[name], (o.embedding_rate if name == "embedding" else o.gain_rate) * factor
                m.mul_(b1).add_(g, alpha=1 - b1)
                v.mul_(b2).addcmul_(g, g, value=1 - b2)
                w.sub_(rate * (m / c1) / ((v / c2).sqrt() + 1e-10))
                continue
            rate = o.matrix_rate * factor
            m.mul_(mu).add_(g, alpha=1 - mu)
            u = (1 - mu) * g + mu * m
            for low, high in self.parts(name):
                part = u[low:high]
                scale = rate * math.sqrt(max(1, part.shape[0] / part.shape[1]))
                w[low:high].mul_(1 - rate * o.weight_decay).sub_(scale * orthogonalised(part, self.half))


# --- schedule (trainer/schedule.h) --------------------------------------------

class Schedule:
    def __init__(self, o):
        self.warmup, self.seconds, self.root = o.warmup_tokens, o.max_seconds, o.decay_shape == "root"
        self.total = o.tokens or 0
        self.decay = int(self.total * 0.4) if o.decay_tokens is None else o.decay_tokens
        self.start = self.total - self.decay
        self.hurried = None

    def restore(self, text, o, tokens):
        fields = [l.split()[1:] for l in text.splitlines() if l.startswith("schedule ")]
        if not fields:
            refuse("the checkpoint has no schedule; start from it with -init")
        self.total, self.warmup, self.decay, self.start, root = map(int, fields[0])
        self.root = bool(root) if o.decay_shape is None else self.root
        if o.decay_tokens is not None:
            self.decay = o.decay_tokens
        if o.tokens is not None:
            self.total = o.tokens
        elif o.decay_tokens is not None:
            self.total = tokens + self.decay
        if o.tokens is not None or o.decay_tokens is not None:
            self.start = self.total - self.decay

    def text(self):
        return f"schedule {self.total} {self.warmup} {self.decay} {self.start} {int(self.root)}\n"

    def hurry(self, tokens, elapsed, speed):
        if self.seconds <= 0 or self.hurried or speed <= 0 or elapsed < self.seconds / 20:
            return False
        left = self.start + self.decay - tokens if tokens >= self.start else self.decay
        if elapsed + left / speed < self.seconds:
            return False
        self.hurried = (elapsed, self.progress(tokens, elapsed))
        self.start = min(self.start, tokens)
        return True

    def progress(self, tokens, elapsed):
        if tokens < self.start or self.decay <= 0:
            return float(tokens >= self.start + self.decay)
        p = (tokens - self.start) / self.decay
        if self.hurried:
            at, was = self.hurried
            p = max(p, was + (1 - was) * (elapsed - at) / max(1, self.seconds - at))
        return min(1.0, p)

    def finished(self, tokens, elapsed):
        return tokens >= min(self.total, self.start + self.decay) or self.progress(tokens, elapsed) >= 1

    def factor(self, tokens, elapsed):
        p = self.progress(tokens, elapsed)
        down = 1 - math.sqrt(p) if self.root else 1 - p
        return min(down, tokens / self.warmup) if tokens < self.warmup else down


# --- run ----------------------------------------------------------------------

class Run:
    def __init__(self, o):
        self.o = o
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.half = self.device.type == "cuda" or bool(o.bf16)
        self.c, weights, moments, self.text = read_checkpoint(o.resume or o.init)
        if o.resume and moments is None:
            refuse(f"{o.resume}: has weights only; start from it with -init")
        if not o.resume:
            self.c["steps"] = self.c["tokens"] = 0
            moments = (torch.zeros_like(weights), torch.zeros_like(weights))
        self.weights = weights.to(self.device).requires_grad_(True)
        self.moments = tuple(m.to(self.device) for m in moments)
        self.optimiser = Optimiser(self.c, self.weights, self.moments, o, self.half)
        self.mixture = Mixture(o.train, o.seed, self.c["vocab"])
        self.test = [r for path in o.test for r in read_records(path, self.c["vocab"])]
        self.names = open(o.fields).read().splitlines() if o.fields else []
        self.schedule = Schedule(o)
        self.interrupted = False

    def logits(self, bundles):
        """Logits and targets of the answer tokens of the bundles."""
        tokens, targets, *places = pack(bundles, self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.half):
            out = forward(self.c, split(self.c, self.weights), tokens, *places)
        wanted = targets >= 0
        return out[wanted].float(), targets[wanted]

    def gradient(self, bundles):
        """Gradient of the mean loss, loss, share of right tokens. The bundles go
        through in parts of about 16,384 tokens, which bounds the memory."""
        answers = sum(b.answers() for b in bundles)
        self.weights.grad = None
        loss = right = 0.0
        part, n = [], 0
        for i, b in enumerate(bundles):
            part.append(b)
            n += b.rows()
            if n < 16384 and i + 1 < len(bundles):
                continue
            logits, targets = self.logits(part)
            total = F.cross_entropy(logits, targets, reduction="sum")
            (total / answers).backward()
            loss += total.item()
            right += (logits.argmax(-1) == targets).sum().item()
            part, n = [], 0
        return self.weights.grad, loss / answers, right / answers

    @torch.no_grad()
    def report(self):
        if not self.test:
            return
        n = min(self.o.eval_records or len(self.test), len(self.test))
        loss = tokens = right = 0
        fields, groups = {}, {}
        for i in range(n):
            r = self.test[i * len(self.test) // n]
            logits, targets = self.logits([Bundle([r], 0)])
            loss += F.cross_entropy(logits, targets, reduction="sum").item()
            correct = (logits.argmax(-1) == targets).tolist()
            tokens, right = tokens + len(correct), right + sum(correct)
            whole = [all(correct[s - r.prompt:e - r.prompt]) for _, s, e in r.spans]
            for (field, _, _), ok in zip(r.spans, whole):
                fields.setdefault(field, []).append(ok)
            groups.setdefault(r.group, []).append(all(whole) if whole else all(correct))
        name = lambda i: self.names[i] if i < len(self.names) else str(i)
        line = lambda d, name: " ".join(f"{name(k)}={sum(v) / len(v):.3f}({len(v)})" for k, v in sorted(d.items()))
        spans = [ok for v in fields.values() for ok in v]
        print(f"EVAL step {self.c['steps']} tokens {self.c['tokens'] / 1e6:.2f}M loss {loss / tokens:.6f} token accuracy {right / tokens:.4f} "
              f"fields exact {sum(spans) / max(1, len(spans)):.4f} of {len(spans)} | records {line(groups, str)} | fields {line(fields, name)}", flush=True)

    def save(self, path):
        if not path:
            return
        if not torch.isfinite(self.weights).all():
            print("the weights are not finite; the last checkpoint stays. Resume from it with lower rates.", file=sys.stderr)
            sys.exit(4)
        write_checkpoint(path, self.c, self.weights, self.moments, self.schedule.text() + self.mixture.position())

    def dump_gradient(self):
        bundles = bundle(self.mixture.sources[0].records[:self.o.gradient_records])
        g, loss, _ = self.gradient(bundles)
        print(f"loss {loss:.6f} norm {g.norm().item():.6f} answers {sum(b.answers() for b in bundles)}")
        write_checkpoint(self.o.gradient, dict(self.c, steps=0, tokens=0), g)

    def train(self):
        o, c, s = self.o, self.c, self.schedule
        if o.resume:
            s.restore(self.text, o, c["tokens"])
            if not self.mixture.restore(self.text):
                print("the records are not those of the checkpoint: they are used from their beginning")
            print(f"resumed at step {c['steps']}, {c['tokens'] / 1e6:.2f} M tokens")
        print(f"{self.weights.numel() / 1e6:.3f} M weights, {c['layers']} layers; {self.device}, {'bfloat16' if self.half else 'float32'}", flush=True)
        self.report()
        began = saved = time.monotonic()
        first, next_eval, constant = c["tokens"], c["tokens"] + o.eval_tokens, c["tokens"] >= s.start
        while True:
            elapsed = time.monotonic() - began
            if s.finished(c["tokens"], elapsed):
                break
            if s.hurry(c["tokens"], elapsed, (c["tokens"] - first) / max(elapsed, 1e-3)):
                print(f"time is running out at {c['tokens'] / 1e6:.2f}M tokens")
            if c["tokens"] >= s.start and not constant:
                self.save(o.out and o.out + ".constant")
                constant = True
            bundles = self.mixture.batch(o.batch_tokens)
            rows = sum(b.rows() for b in bundles)
            g, loss, accuracy = self.gradient(bundles)
            size = g.norm().item()
            if not math.isfinite(size):
                print(f"the gradient of step {c['steps'] + 1} is not finite; nothing was updated. Resume from the last checkpoint with a lower "
                      "-matrix-rate, or start the decay there with -decay-tokens.", file=sys.stderr)
                sys.exit(4)
            factor = s.factor(c["tokens"] + rows // 2, elapsed)
            with torch.no_grad():
                self.optimiser.step(g, factor)
            c["tokens"] += rows
            elapsed = time.monotonic() - began
            last = s.finished(c["tokens"], elapsed) or self.interrupted or c["steps"] == o.stop_at_step
            if c["steps"] % o.log_steps == 0 or last:
                print(f"step {c['steps']} tokens {c['tokens'] / 1e6:.2f}M loss {loss:.4f} accuracy {accuracy:.4f} rate {factor:.4f} norm {size:.4f} "
                      f"{(c['tokens'] - first) / elapsed:.0f} tok/s {elapsed:.0f} s", flush=True)
            if c["tokens"] >= next_eval and not last:
                self.report()
                next_eval = c["tokens"] + o.eval_tokens
            if last or time.monotonic() - saved > 60 * o.save_minutes:
                self.save(o.out)
                saved = time.monotonic()
            if self.interrupted:
                sys.exit(3)
            if c["steps"] == o.stop_at_step:
                return
        self.report()


def options():
    a = argparse.ArgumentParser(prefix_chars="-", allow_abbrev=False, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    whole = lambda text: int(float(text))
    for name in ("init", "resume", "out", "fields", "gradient"):
        a.add_argument("-" + name, default="")
    a.add_argument("-train", action="append", default=[])
    a.add_argument("-test", action="append", default=[])
    for name, default in (("tokens", None), ("decay-tokens", None), ("warmup-tokens", 400000), ("batch-tokens", 8192), ("eval-tokens", 2000000),
                          ("eval-records", 300), ("log-steps", 20), ("seed", 1), ("stop-at-step", -1), ("gradient-records", 4), ("bf16", 0), ("threads", 0)):
        a.add_argument("-" + name, type=whole, default=default)
    for name, default in (("max-seconds", 0), ("matrix-rate", 0.02), ("embedding-rate", 0.01), ("gain-rate", 0.01), ("momentum", 0.95),
                          ("weight-decay", 0), ("save-minutes", 5)):
        a.add_argument("-" + name, type=float, default=default)
    a.add_argument("-decay-shape", choices=("linear", "root"))
    o = a.parse_args()
    if bool(o.init) == bool(o.resume) or not o.train:
        a.error("give -train, and either -init or -resume")
    if o.init and not o.gradient and o.tokens is None:
        a.error("-tokens is missing")
    return o


def main():
    o = options()
    if o.threads:
        torch.set_num_threads(o.threads)
    run = Run(o)
    for s in (signal.SIGTERM, signal.SIGINT):
        signal.signal(s, lambda *_: setattr(run, "interrupted", True))
    run.dump_gradient() if o.gradient else run.train()


if __name__ == "__main__":
    main()
