import type { InputField, Sample, StartInput } from "../api/client.ts";
import { type Draft, type FieldSpec, parseDraft } from "../field/parse.ts";
import type { Key, Language } from "../i18n/translate.ts";
import type { Start } from "./queries.ts";

export interface FormState {
  /** Files by document input. */
  files: Record<string, File[]>;
  /** Chosen samples; they stand for the first document input. */
  samples: Sample[];
  drafts: Record<string, Draft>;
  /** Which of both is meant. */
  source: "files" | "samples";
}

const types: readonly FieldSpec["type"][] = ["string", "decimal", "integer", "date", "boolean", "enum", "iban"];

/** The input field as something that can be typed; null for a document. */
export function specOf(f: InputField): FieldSpec | null {
  const type = types.find((t) => t === f.type);
  if (!type) return null;
  return { name: f.name, type, nullable: f.optional ?? false, ...(f.values && { values: f.values }) };
}

/** accept attribute for the kinds of documents that a mission takes. */
export function acceptOf(f: InputField): string {
  const kinds: Record<string, string> = { text: ".txt,.text,.md,.csv,text/*", pdf: ".pdf,application/pdf" };
  return (f.accept ?? [])
    .map((a) => kinds[a] ?? "")
    .filter((a) => a !== "")
    .join(",");
}

/**
 * The runs that a filled form means: one for every file of the first document
 * input, or for every sample; the other inputs go with each of them. The keys
 * come from newKey. No file may be larger than maxBytes. Problems are by input.
 */
export function startsOf(
  fields: InputField[],
  form: FormState,
  lang: Language,
  maxBytes: number,
  newKey: () => string,
): { starts: Start[]; problems: Record<string, Key> } {
  const problems: Record<string, Key> = {};
  const input: StartInput = {};
  const documents = fields.filter((f) => f.type === "document");
  const [first, ...others] = documents;
  for (const f of fields) {
    const spec = specOf(f);
    if (!spec) continue;
    const parsed = parseDraft(spec, form.drafts[f.name] ?? "", lang);
    if (!parsed.ok) problems[f.name] = parsed.problem;
    else if (parsed.value !== null) input[f.name] = { value: parsed.value };
  }
  const files: Record<string, File> = {};
  for (const f of others) {
    const file = form.files[f.name]?.[0];
    if (file && file.size > maxBytes) problems[f.name] = "start.file.big";
    else if (file) files[f.name] = file;
    else if (!f.optional) problems[f.name] = "start.file.missing";
  }
  const start = (label: string, more: { input?: StartInput; files?: Record<string, File> }): Start => ({
    label,
    key: newKey(),
    input: { ...input, ...more.input },
    files: { ...files, ...more.files },
  });

  if (!first) return { starts: [start("", {})], problems };
  if (form.source === "samples") {
    if (form.samples.length === 0) problems[first.name] = "start.sample.missing";
    return {
      starts: form.samples.map((s) => start(s.file, { input: { [first.name]: { sample: s.file } } })),
      problems,
    };
  }
  const chosen = form.files[first.name] ?? [];
  if (chosen.length === 0) {
    if (first.optional) return { starts: [start("", {})], problems };
    problems[first.name] = "start.file.missing";
  }
  if (chosen.some((f) => f.size > maxBytes)) problems[first.name] = "start.file.big";
  return { starts: chosen.map((f) => start(f.name, { files: { [first.name]: f } })), problems };
}
