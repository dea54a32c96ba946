import type { Field } from "../api/client.ts";
import type { Key, Language } from "../i18n/translate.ts";

/** What a field takes; a part of what missions and decisions say about it. */
export interface FieldSpec {
  name: string;
  type: Field["type"];
  values?: string[];
  nullable?: boolean;
  of?: FieldSpec[];
}

/** What a person has typed so far: a text, or the rows of a list. */
export type Draft = string | Record<string, string>[];

export type Parsed = { ok: true; value: unknown } | { ok: false; problem: Key };

/** The draft that stands for a value. */
export function draftOf(spec: FieldSpec, value: unknown, lang: Language): Draft {
  if (spec.type === "list") {
    if (!Array.isArray(value)) return [];
    return value.map((row: unknown) =>
      Object.fromEntries(
        (spec.of ?? []).map((f) => [
          f.name,
          typeof row === "object" && row !== null ? plain(f, Reflect.get(row, f.name), lang) : "",
        ]),
      ),
    );
  }
  return plain(spec, value, lang);
}

function plain(spec: FieldSpec, value: unknown, lang: Language): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value !== "string" && typeof value !== "number") return JSON.stringify(value);
  const s = String(value);
  return spec.type === "decimal" && lang === "de" ? s.replace(".", ",") : s;
}

/** The value that a draft stands for, or what is wrong with it. */
export function parseDraft(spec: FieldSpec, draft: Draft, lang: Language): Parsed {
  if (typeof draft !== "string") return parseRows(spec, draft, lang);
  const s = draft.trim();
  if (s === "") return spec.nullable ? { ok: true, value: null } : { ok: false, problem: "field.required" };
  switch (spec.type) {
    case "decimal": {
      const d = parseDecimal(s, lang);
      return d === null ? { ok: false, problem: "field.decimal" } : { ok: true, value: d };
    }
    case "integer": {
      const n = Number(s);
      return Number.isSafeInteger(n) && /^[+-]?\d+$/.test(s)
        ? { ok: true, value: n }
        : { ok: false, problem: "field.integer" };
    }
    case "date":
      return isDay(s) ? { ok: true, value: s } : { ok: false, problem: "field.date" };
    case "boolean":
      return s === "true" || s === "false"
        ? { ok: true, value: s === "true" }
        : { ok: false, problem: "field.required" };
    case "enum":
      return spec.values?.includes(s) ? { ok: true, value: s } : { ok: false, problem: "field.enum" };
    case "iban": {
      const iban = s.replaceAll(/[\s-]/g, "").toUpperCase();
      return isIban(iban) ? { ok: true, value: iban } : { ok: false, problem: "field.iban" };
    }
    default:
      return { ok: true, value: s };
  }
}

function parseRows(spec: FieldSpec, rows: Record<string, string>[], lang: Language): Parsed {
  const values: Record<string, unknown>[] = [];
  for (const row of rows) {
    const value: Record<string, unknown> = {};
    for (const f of spec.of ?? []) {
      const p = parseDraft(f, row[f.name] ?? "", lang);
      if (!p.ok) return p;
      value[f.name] = p.value;
    }
    values.push(value);
  }
  return { ok: true, value: values };
}

/**
 * An exact decimal as the appliance writes it, "1234.50", from what people
 * type: the separators of their language, or a plain number with a point. It
 * is null where a text could mean two amounts: "1.234" typed in German.
 */
export function parseDecimal(s: string, lang: Language): string | null {
  const text = s.replaceAll(/[\s\u00a0\u202f'’]/g, "").replace("−", "-");
  const [point, group] = lang === "de" ? [",", "."] : [".", ","];
  const local = new RegExp(`^([+-]?)(\\d{1,3}(?:\\${group}\\d{3})+|\\d+)(?:\\${point}(\\d+))?$`).exec(text);
  if (local) {
    const [, sign = "", whole = "", fraction] = local;
    const grouped = whole.includes(group);
    if (lang === "de" && grouped && fraction === undefined && whole.split(group).length === 2) return null;
    return decimal(sign, whole.replaceAll(group, ""), fraction);
  }
  const plain = /^([+-]?)(\d+)\.(\d+)$/.exec(text);
  return plain ? decimal(plain[1] ?? "", plain[2] ?? "", plain[3]) : null;
}

function decimal(sign: string, whole: string, fraction: string | undefined): string {
  const digits = whole.replace(/^0+(?=\d)/, "");
  return (sign === "-" ? "-" : "") + digits + (fraction === undefined ? "" : `.${fraction}`);
}

function isDay(s: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(s)) return false;
  const d = new Date(`${s}T00:00:00Z`);
  return !Number.isNaN(d.getTime()) && d.toISOString().startsWith(s);
}

/** Whether the check digits of an IBAN are right (ISO 13616, mod 97). */
export function isIban(s: string): boolean {
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(s)) return false;
  let rest = 0;
  for (const c of s.slice(4) + s.slice(0, 4)) {
    for (const digit of String(parseInt(c, 36))) rest = (rest * 10 + Number(digit)) % 97;
  }
  return rest === 1;
}

/** Whether two JSON values are the same. */
export function sameValue(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
