import type {
  Counts,
  DecisionDetail,
  Home,
  MissionDetail,
  MissionEntry,
  ModelEntry,
  RailEvent,
  RunDetail,
  RunField,
  Sample,
  Session,
  Summary,
} from "../src/api/client.ts";

export interface Fixture {
  detail: RunDetail;
  events: RailEvent[];
  decisions: DecisionDetail[];
}

export const session: Session = {
  who: { id: "admin", name: "Ada Admin", roles: ["admin", "finance"] },
  csrf: "token-of-this-session",
  language: "en",
  version: "0.1.0",
  currency: "EUR",
  maxUploadBytes: 20_000_000,
  classes: ["public", "internal", "confidential", "restricted"].map((name) => ({
    name,
    title: { en: name[0]?.toUpperCase() + name.slice(1) },
  })),
  notices: [
    {
      code: "starter-models",
      text: {
        en: "Only starter models are installed: both pools use the same weights.",
        de: "Nur Startmodelle sind installiert.",
      },
    },
  ],
};

export const document = `Nordwind Werkzeuge GmbH
Hafenstraße 12, 20457 Hamburg

INVOICE 2026-0417                      Date: 6 April 2026

Pos  Description                Qty     Amount
1    Torque wrench set            4   9,120.00
2    Calibration service          1   3,480.00

                             Net     12,600.00
                             VAT 19%  2,394.00
                             TOTAL   14,994.00 EUR

IBAN DE89 3704 0044 0532 0130 00
Payable within 30 days.
`;

const at = (s: number) => new Date(Date.UTC(2026, 3, 7, 9, 0, s)).toISOString();
const usage = { inputTokens: 412, outputTokens: 96, cachedTokens: 120, durationMicros: 213_000 };

const fieldData: [string, RunField["type"], unknown, number | null, string][] = [
  ["supplier_name", "string", "Nordwind Werkzeuge GmbH", 0.982, "Nordwind Werkzeuge GmbH"],
  ["invoice_number", "string", "2026-0417", 0.997, "2026-0417"],
  ["invoice_date", "date", "2026-04-06", 0.961, "6 April 2026"],
  ["net_amount", "decimal", "12600.00", 0.943, "12,600.00"],
  ["tax_amount", "decimal", "2394.00", 0.958, "2,394.00"],
  ["total_amount", "decimal", "14994.00", 0.989, "14,994.00"],
  ["currency", "enum", "EUR", 0.999, "EUR"],
  ["iban", "iban", "DE89370400440532013000", 0.78, "DE89 3704 0044 0532 0130 00"],
  ["payment_terms", "string", "30 days", null, "30 days"],
  ["shipping_amount", "decimal", null, 0.91, ""],
];

const fields: RunField[] = fieldData.map(([name, type, value, confidence, quote]) => {
  const start = quote === "" ? -1 : document.indexOf(quote);
  return {
    step: "invoice",
    name,
    type,
    value,
    confidence,
    source: confidence === null ? "unknown" : name === "iban" ? "validator" : "token-probability",
    minimum: 0.9,
    settled: true,
    attempt: 2,
    model: "starter-strong",
    ...(name === "iban" && { problem: "Two digits were hard to read; the check digits fit." }),
    ...(start >= 0 && { evidence: { input: "document", start, end: start + quote.length, quote } }),
  };
});

const values = Object.fromEntries(
  fields.map((f) => [
    f.name,
    { json: f.value, confidence: f.confidence, source: f.source, ...(f.problem && { problem: f.problem }) },
  ]),
);

const rejected = [
  { model: "starter-strong", reason: "not-in-pool", detail: "it is in the pool strong" },
  { model: "cloud", reason: "clearance-below-class", detail: "cleared up to public, the run is internal" },
] as const;

type Line = Pick<RailEvent, "kind" | "sentence"> & Partial<RailEvent>;

function rail(lines: Line[]): RailEvent[] {
  return lines.map((l, i) => ({ seq: i + 1, at: at(i), ...l }));
}

function generated(model: string, grade: number, confidence: number): Partial<RailEvent> {
  return {
    step: "invoice",
    attempt: grade + 1,
    generated: {
      model,
      lock: "9f2c1d77ab03e1c4",
      pool: grade === 0 ? "routine" : "strong",
      grade,
      values,
      usage,
      costMicros: 320 * (grade + 1),
      calls: 1,
      confidence,
      weakest: "iban",
      minimum: 0.9,
      adapted: ["asked in the dialect of the starter model"],
    },
  };
}

function routed(model: string, grade: number): Partial<RailEvent> {
  return {
    step: "invoice",
    attempt: grade + 1,
    routed: {
      class: "internal",
      lock: "9f2c1d77ab03e1c4",
      boundary: "embedded",
      prompt: "aa",
      route: {
        model,
        pool: grade === 0 ? "routine" : "strong",
        grade,
        last: grade === 1,
        rule: "default",
        rejected: [...rejected],
      },
    },
  };
}

const opening: Line[] = [
  {
    kind: "created",
    sentence: "Ada Admin started Invoice processing, version 1, with nordwind-2026-0417.pdf.",
    created: {
      run: "r",
      mission: "invoice",
      version: 1,
      missionDigest: "5d1c0b6f2a9e4411",
      policyVersion: 1,
      policyDigest: "77",
      class: "internal",
      input: {},
      by: session.who,
    },
  },
  {
    kind: "read",
    sentence: "The document was read: 1 page, 480 characters.",
    read: { input: "document", mediaType: "application/pdf", pages: 1, characters: 480, encoding: "UTF-8" },
  },
  {
    kind: "classified",
    sentence: "The data class is Internal: no rule raises it.",
    classified: {
      from: "internal",
      class: "internal",
      evidence: [
        {
          rule: 0,
          held: false,
          raise: "restricted",
          because: { en: "this supplier’s contract forbids its data leaving the site" },
        },
      ],
    },
  },
  { kind: "routed", sentence: "The step invoice goes to starter-routine.", ...routed("starter-routine", 0) },
];

export const events = {
  opening: rail(opening),
  threshold: rail([
    ...opening,
    {
      kind: "generated",
      sentence: "starter-routine found 10 fields; the weakest, iban, at 61 %.",
      ...generated("starter-routine", 0, 0.61),
    },
    {
      kind: "escalated",
      sentence: "The confidence is below 90 %: the step is asked again, one grade up.",
      step: "invoice",
      escalated: { from: 0, to: 1, why: "low-confidence", because: {} },
    },
    { kind: "routed", sentence: "The step invoice goes to starter-strong.", ...routed("starter-strong", 1) },
    {
      kind: "generated",
      sentence: "starter-strong found 10 fields; the weakest, iban, at 93 %.",
      ...generated("starter-strong", 1, 0.93),
    },
    {
      kind: "checked",
      sentence: "The sums hold.",
      step: "sums",
      checked: {
        held: true,
        results: [
          {
            held: true,
            because: { en: "net, shipping and tax add up to the total" },
            detail: "12600.00 + 0 + 2394.00 = 14994.00",
          },
          { held: true, because: { en: "the IBAN’s check digits fit" } },
        ],
      },
    },
    {
      kind: "queued",
      sentence: "A decision waits in Finance: Release this payment?",
      step: "release",
      queued: {
        decision: "d1",
        kind: "gate",
        queue: "finance",
        ask: { en: "Release this payment?" },
        why: "The total of 14,994.00 EUR is above 10,000.",
        subject: {},
        digest: "4be1c0d5a87f22aa90b1",
      },
    },
  ]),
};

function summary(id: string, over: Partial<Summary>): Summary {
  return {
    id,
    mission: "invoice",
    version: 1,
    state: "running",
    class: "internal",
    subject: "nordwind-2026-0417.pdf",
    by: "Ada Admin",
    seq: 4,
    createdAt: at(0),
    updatedAt: at(9),
    models: ["starter-routine"],
    confidence: null,
    escalations: 0,
    decisions: 0,
    usage,
    costMicros: 320,
    ...over,
  };
}

function detail(s: Summary, over: Partial<RunDetail>): RunDetail {
  return {
    summary: s,
    run: {
      id: s.id,
      mission: s.mission,
      version: 1,
      missionDigest: "5d1c",
      policyVersion: 1,
      by: session.who,
      input: {},
      seq: s.seq,
      createdAt: s.createdAt,
      updatedAt: s.updatedAt,
      class: s.class,
      classified: true,
      documents: {},
      steps: {},
      decisions: {},
      usage,
      costMicros: s.costMicros,
      calls: 1,
      escalations: s.escalations,
      models: s.models,
    },
    title: { en: "Invoice processing", de: "Rechnungsprüfung" },
    fields: [],
    steps: [],
    rail: [],
    documents: [
      {
        input: "document",
        name: s.subject,
        sizeBytes: 48_213,
        sha256: "ab",
        mediaType: "application/pdf",
        pages: 1,
        characters: 480,
        hasText: true,
      },
    ],
    decisions: [],
    children: [],
    mine: { cancel: true },
    ...over,
  };
}

const attempts: RunDetail["steps"][number]["attempts"] = [0, 1].map((grade) => ({
  attempt: grade + 1,
  grade,
  pool: grade === 0 ? "routine" : "strong",
  model: grade === 0 ? "starter-routine" : "starter-strong",
  lock: "9f2c1d77ab03e1c4",
  boundary: "embedded",
  class: "internal",
  rule: "default",
  rejected: [...rejected],
  state: "answered",
  confidence: grade === 0 ? 0.61 : 0.93,
  minimum: 0.9,
  usage,
  costMicros: 320 * (grade + 1),
  used: grade === 1,
  adapted: [],
}));

/** A run that has just begun: its rail is filled by the test. */
export function running(): Fixture {
  return { detail: detail(summary("01RUNNING", {}), {}), events: [...events.opening.slice(0, 1)], decisions: [] };
}

/** A run above the threshold, escalated once, that waits for a decision. */
export function threshold(): Fixture {
  const s = summary("01THRESHOLD", {
    state: "waiting",
    decisions: 1,
    escalations: 1,
    models: ["starter-routine", "starter-strong"],
    costMicros: 960,
    seq: 10,
  });
  const subject = fields.map((f) => ({
    ...f,
    amendable: true,
    nullable: f.name === "shipping_amount" || f.name === "iban",
    ...(f.type === "enum" && { values: ["EUR", "USD", "GBP", "CHF"] }),
  }));
  const decision: DecisionDetail = {
    decision: {
      decision: "d1",
      kind: "gate",
      queue: "finance",
      queueTitle: { en: "Finance", de: "Finanzen" },
      ask: { en: "Release this payment?", de: "Diese Zahlung freigeben?" },
      why: "The total of 14,994.00 EUR is above 10,000.",
      subject: {},
      digest: "4be1c0d5a87f22aa90b1",
      amend: ["invoice"],
      expires: "2099-04-10T09:00:00Z",
      then: "reject",
      run: s.id,
      mission: "invoice",
      step: "release",
      class: "internal",
      initiator: "admin",
      openedAt: at(9),
      openSeq: 10,
      title: { en: "Invoice processing", de: "Rechnungsprüfung" },
      about: s.subject,
      maySettle: true,
    },
    run: s,
    fields: subject,
    documents: [{ input: "document", name: s.subject, sizeBytes: 48_213, sha256: "ab", hasText: true, text: document }],
    rail: events.threshold.map((e) => ({ seq: e.seq, at: e.at, kind: e.kind, sentence: e.sentence })),
  };
  const waiting = detail(s, { fields, decisions: ["d1"], steps: [{ path: "invoice", state: "settled", attempts }] });
  waiting.run.decisions = { d1: decision.decision };
  return {
    detail: waiting,
    events: [...events.threshold],
    decisions: [decision],
  };
}

/** A run of a restricted supplier with no cleared model running. */
export function parked(): Fixture {
  const s = summary("01PARKED", { state: "parked", class: "restricted", subject: "aegis-systems-118.txt", models: [] });
  const d = detail(s, {});
  const why = [
    { model: "starter-routine", reason: "down", detail: "stopped by Ada Admin" },
    { model: "cloud", reason: "clearance-below-class", detail: "cleared up to public, the run is restricted" },
  ] as const;
  d.run.steps = {
    invoice: {
      path: "invoice",
      parked: {
        why: "The only model that is cleared for restricted data, starter-routine, is stopped.",
        rejected: [...why],
      },
    },
  };
  const lines = rail([
    ...opening.slice(0, 2),
    {
      kind: "classified",
      sentence: "The data class rises to Restricted: the text names Aegis Systems.",
      classified: {
        from: "internal",
        class: "restricted",
        evidence: [
          {
            rule: 0,
            held: true,
            raise: "restricted",
            because: { en: "this supplier’s contract forbids its data leaving the site" },
            mentions: [{ key: "aegis", name: "Aegis Systems", span: { start: 0, end: 13 } }],
          },
        ],
      },
    },
    {
      kind: "parked",
      sentence: "The step invoice waits: no model that is cleared for Restricted is available.",
      step: "invoice",
      parked: { why: "no cleared model is available", rejected: [...why] },
    },
  ]);
  return { detail: d, events: lines, decisions: [] };
}

/** A run that ended well. */
export function approved(): Fixture {
  const s = summary("01APPROVED", {
    state: "ended",
    verdict: "approved",
    reason: "All checks held.",
    confidence: 0.93,
    seq: 11,
    escalations: 1,
    models: ["starter-routine", "starter-strong"],
    costMicros: 960,
  });
  const d = detail(s, { fields, steps: [{ path: "invoice", state: "settled", attempts }], mine: { cancel: false } });
  d.run.verdict = { is: "approved", reason: "All checks held.", confidence: 0.93, cites: [8, 9] };
  const lines = events.threshold.slice(0, 9);
  const end: RailEvent = {
    seq: 10,
    at: at(10),
    kind: "verdict",
    sentence: "Verdict: approved. All checks held.",
    verdict: d.run.verdict,
  };
  return { detail: d, events: [...lines, end], decisions: [] };
}

/** A document that could not be read. */
export function unreadable(): Fixture {
  const s = summary("01UNREADABLE", {
    state: "ended",
    verdict: "failed",
    reason: "The PDF is encrypted. Save it without a password and start again.",
    subject: "encrypted.pdf",
    models: [],
    costMicros: 0,
  });
  const d = detail(s, { mine: { cancel: false } });
  const document = d.documents[0];
  if (document)
    Object.assign(document, {
      hasText: false,
      problem: "The PDF is encrypted. Save it without a password and start again.",
    });
  d.run.verdict = { is: "failed", reason: s.reason ?? "", confidence: null, cites: [2], code: "unreadable" };
  return {
    detail: d,
    events: rail([
      ...opening.slice(0, 1),
      {
        kind: "read",
        sentence: "The document could not be read: it is encrypted.",
        read: { input: "document", problem: "encrypted", code: "encrypted" },
      },
      { kind: "verdict", sentence: "Verdict: failed. The PDF is encrypted.", verdict: d.run.verdict },
    ]),
    decisions: [],
  };
}

export function models(): ModelEntry[] {
  const base = {
    provider: "embedded",
    boundary: "embedded",
    profile: "starter",
    contextTokens: 1024,
    capabilities: { tasks: ["extract"], probabilities: true },
    price: { microsPerSecond: 1500 },
    starter: true,
    note: "A 5.2 M-parameter extractor. It reads invoices in English and German and is no chat model.",
    lock: {
      weights: "c0ffee".repeat(10),
      profile: "ab".repeat(32),
      engine: "ollama v0.24.0",
      sampling: { temperature: 0, topK: 0, topP: 0, seed: 0 },
    },
    enabled: true,
    latencyMicros: 213_000,
    mayOperate: true,
  } as const;
  return [
    {
      ...base,
      capabilities: { tasks: ["extract"], probabilities: true },
      id: "starter-routine",
      title: "Starter (routine)",
      lockDigest: "9f2c1d77ab03e1c4",
      state: "running",
      clearance: "restricted",
      pools: [{ name: "routine", title: { en: "Routine" }, order: 1 }],
      calls: 1204,
    },
    {
      ...base,
      capabilities: { tasks: ["extract"], probabilities: true },
      id: "starter-strong",
      title: "Starter (strong)",
      lockDigest: "1b7730aa91c4d2e0",
      state: "running",
      clearance: "confidential",
      pools: [{ name: "strong", title: { en: "Strong" }, order: 1 }],
      calls: 88,
    },
  ];
}

export function missions(): MissionEntry[] {
  return [
    {
      name: "invoice",
      version: 1,
      title: { en: "Invoice processing", de: "Rechnungsprüfung" },
      description: { en: "Reads a supplier invoice, checks it, and releases it for payment." },
      input: [
        { name: "document", type: "document", accept: ["text", "pdf"], title: { en: "Invoice", de: "Rechnung" } },
      ],
      publishedAt: at(0),
      publishedBy: "Ada Admin",
      samples: 3,
    },
  ];
}

export function missionDetail(): MissionDetail {
  const entry = missions()[0];
  if (!entry) throw new Error("no mission");
  return {
    entry,
    versions: [1],
    mission: {
      name: "invoice",
      version: 1,
      digest: "5d1c",
      title: entry.title,
      description: entry.description,
      input: entry.input,
      class: {
        start: "internal",
        rules: [
          {
            when: "tables.restricted_suppliers.mentioned_in(input.document.text)",
            raise: "restricted",
            because: { en: "this supplier’s contract forbids its data leaving the site" },
          },
        ],
      },
      steps: [
        {
          id: "invoice",
          extract: { from: "input.document", fields: fields.map((f) => ({ name: f.name, type: f.type })) },
          confidence: { min: 0.9 },
        },
        {
          id: "sums",
          check: {
            that: [
              {
                that: "invoice.net + invoice.tax == invoice.total",
                because: { en: "net and tax add up to the total" },
              },
            ],
          },
        },
        {
          id: "release",
          decide: { when: "invoice.total > 10000", queue: "finance", ask: { en: "Release this payment?" } },
        },
      ],
      verdict: [],
    },
  };
}

export function samples(): Sample[] {
  const s = (file: string, story: string, expect: string): Sample => ({
    file,
    story,
    title: { en: file.replace(/\.\w+$/, "") },
    language: "en",
    note: { en: "Watch the rail." },
    mediaType: "text/plain",
    sizeBytes: 900,
    expect,
  });
  return [
    s("routine-calder-tools.txt", "routine", "approved"),
    s("threshold-nordwind.txt", "threshold", "approved"),
    s("restricted-aegis.txt", "restricted", "approved"),
  ];
}

export function summaries(count: number): Summary[] {
  const verdicts = ["approved", "approved", "approved", "referred", "rejected", "failed"];
  return Array.from({ length: count }, (_, i) => {
    const n = count - i;
    return summary(`01R${String(n).padStart(8, "0")}`, {
      state: "ended",
      verdict: verdicts[n % verdicts.length] ?? "",
      subject: `invoice-${String(n)}.pdf`,
      class: n % 9 === 0 ? "restricted" : "internal",
      confidence: 0.8 + (n % 20) / 100,
    });
  });
}

function countsOf(runs: Summary[], open: number): Counts {
  const by = (key: (r: Summary) => string | undefined) => {
    const m: Record<string, number> = {};
    for (const r of runs) {
      const k = key(r);
      if (k) m[k] = (m[k] ?? 0) + 1;
    }
    return m;
  };
  return {
    total: runs.length,
    byState: by((r) => r.state),
    byMission: by((r) => r.mission),
    byVerdict: by((r) => r.verdict),
    byClass: by((r) => r.class),
    byModel: {},
    openDecisions: open,
    byQueue: {},
  };
}

export function home(runs: Summary[], decisions: DecisionDetail[]): Home {
  const open = decisions.map((d) => d.decision).filter((d) => !d.settled);
  return {
    decisions: open,
    parked: runs.filter((r) => r.state === "parked").slice(0, 10),
    recent: runs.slice(0, 10),
    counts: countsOf(runs, open.length),
  };
}
