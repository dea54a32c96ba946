import { de } from "./de.ts";
import { en, type Key } from "./en.ts";

export type { Key };
export const languages = ["en", "de"] as const;
export type Language = (typeof languages)[number];
export type Params = Record<string, string | number>;

const dictionaries: Record<Language, Record<Key, string>> = { en, de };
const locales: Record<Language, string> = { en: "en-GB", de: "de-DE" };

export function isLanguage(s: string | null | undefined): s is Language {
  return languages.some((l) => l === s);
}

/** The first of the browser's languages that we speak, else English. */
export function preferredLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const primary = tag.toLowerCase().split("-")[0];
    if (isLanguage(primary)) return primary;
  }
  return "en";
}

/**
 * Translate key. "{name}" is replaced by params.name; where a text holds "|",
 * the part before it is for a count of one and the part after it for others
 * (both of our languages have exactly these two forms).
 */
export function translate(lang: Language, key: Key, params: Params = {}): string {
  let text = dictionaries[lang][key];
  const forms = text.split("|");
  if (forms.length === 2) text = (params["count"] === 1 ? forms[0] : forms[1]) ?? text;
  return text.replaceAll(/\{(\w+)\}/g, (hole, name: string) => {
    const v = params[name];
    if (v === undefined) return hole;
    return typeof v === "number" ? new Intl.NumberFormat(locales[lang]).format(v) : v;
  });
}

/** Whether key names a text, for words that a site may add to ours. */
export function isKey(key: string): key is Key {
  return Object.hasOwn(en, key);
}

/** The text of a mission or policy in lang: the language, unmarked, English, any. */
export function pick(text: Record<string, string> | null | undefined, lang: Language): string {
  if (!text) return "";
  return text[lang] ?? text[""] ?? text["en"] ?? Object.values(text)[0] ?? "";
}

/** Dates, numbers and amounts as people of that language write them. */
export function formatters(lang: Language) {
  const locale = locales[lang];
  const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" });
  const clock = new Intl.DateTimeFormat(locale, { timeStyle: "medium" });
  const number = new Intl.NumberFormat(locale);
  const percent = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 });
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  return {
    dateTime: (iso: string) => dateTime.format(new Date(iso)),
    /** A calendar day such as 2026-04-06, which has no time zone. */
    day: (iso: string) => (/^\d{4}-\d{2}-\d{2}$/.test(iso) ? day.format(new Date(`${iso}T00:00:00Z`)) : iso),
    clock: (iso: string) => clock.format(new Date(iso)),
    number: (n: number) => number.format(n),
    percent: (n: number) => percent.format(n),
    /** An exact decimal in a string: grouped, with all its digits. */
    decimal: (s: string) => decimal(s, locale),
    /** Millionths of the site's currency unit: as many digits as the amount needs, two at least. */
    micros: (micros: number) =>
      new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 6 }).format(micros / 1_000_000),
    duration: (micros: number) => duration(micros, locale),
    bytes: (n: number) => bytes(n, locale),
    /** "2 minutes ago"; more than a week away it is the date. */
    ago: (iso: string, now: number) => {
      const ms = Date.parse(iso) - now;
      return Math.abs(ms) > 7 * 86_400_000 ? dateTime.format(new Date(iso)) : ago(relative, ms);
    },
  };
}

export type Formatters = ReturnType<typeof formatters>;

function decimal(s: string, locale: string): string {
  const m = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(s.trim());
  if (!m) return s;
  const [, sign = "", whole = "", fraction] = m;
  const parts = new Intl.NumberFormat(locale).formatToParts(1234.5);
  const point = parts.find((p) => p.type === "decimal")?.value ?? ".";
  const grouped = new Intl.NumberFormat(locale).format(BigInt(whole));
  return (sign === "-" ? "−" : "") + grouped + (fraction === undefined ? "" : point + fraction);
}

function duration(micros: number, locale: string): string {
  const unit = (n: number, unit: string, digits: number) =>
    new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: digits }).format(
      n,
    );
  if (micros < 1_000) return unit(micros / 1_000, "millisecond", 2);
  if (micros < 1_000_000) return unit(micros / 1_000, "millisecond", 0);
  if (micros < 60_000_000) return unit(micros / 1_000_000, "second", 1);
  return unit(micros / 60_000_000, "minute", 1);
}

function bytes(n: number, locale: string): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  let i = 0;
  while (n >= 1000 && i < units.length - 1) {
    n /= 1000;
    i++;
  }
  return new Intl.NumberFormat(locale, {
    style: "unit",
    unit: units[i] ?? "byte",
    unitDisplay: i === 0 ? "long" : "short",
    maximumFractionDigits: n < 10 && i > 0 ? 1 : 0,
  }).format(n);
}

function ago(relative: Intl.RelativeTimeFormat, ms: number): string {
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ["day", 86_400_000],
    ["hour", 3_600_000],
    ["minute", 60_000],
  ];
  for (const [unit, size] of steps) {
    if (Math.abs(ms) >= size) return relative.format(Math.trunc(ms / size), unit);
  }
  return relative.format(Math.trunc(ms / 1000), "second");
}
