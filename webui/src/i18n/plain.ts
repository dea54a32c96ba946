import type { Formatters, Language } from "./translate.ts";

// Names that authors give to fields and steps are made for machines. Here, and
// nowhere else, they become words; the name itself stays in the tooltip.

const acronyms = new Set(["bic", "csv", "eur", "iban", "id", "pdf", "po", "sepa", "url", "usd", "vat"]);

/** "supplier_name" as people write it: "Supplier name". Parts of a path are kept apart. */
export function humanise(name: string): string {
  return name
    .split(".")
    .map((part) => {
      const s = words(part);
      return s.slice(0, 1).toUpperCase() + s.slice(1);
    })
    .join(" › ");
}

function words(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .split(/[\s_-]+/)
    .filter((w) => w !== "")
    .map((w) => (acronyms.has(w.toLowerCase()) ? w.toUpperCase() : w.toLowerCase()))
    .join(" ");
}

// Why something had to be asked is kept with the decision in one language,
// because the digest covers it. These are its set phrases.
const phrases: [RegExp, string][] = [
  [/\(it is /g, "(hier "],
  [/([\w ]+?) has confidence (\S+); (\S+) is asked for/g, "$1 hat Konfidenz $2; verlangt ist $3"],
  [/\(not found in the document\)/g, "(im Dokument nicht gefunden)"],
  [/no model can take this step now/g, "kein Modell kann diesen Schritt jetzt übernehmen"],
  [/it cannot be called now: it was stopped/g, "nicht erreichbar, weil angehalten"],
  [/it cannot be called now/g, "nicht erreichbar"],
  [/it is not in the pool /g, "nicht im Pool "],
  [/an administrator stopped it/g, "von der Administration angehalten"],
  [/nobody has started it/g, "niemand hat es gestartet"],
  [/unusual terms: the text names /g, "ungewöhnliche Bedingungen: der Text nennt "],
  [/: the text names /g, ": der Text nennt "],
];

function german(s: string): string {
  return phrases.reduce((text, [en, de]) => text.replaceAll(en, de), s);
}

/**
 * A sentence of the appliance with field names in words, and with amounts and
 * times as people of the reader's language write them. step is what the
 * sentence begins with, where it begins with a name; classes are the titles of
 * data classes by name. Anything else stays as it is.
 */
export function plainly(
  sentence: string,
  lang: Language,
  f: Formatters,
  { step = "", classes = {} }: { step?: string; classes?: Record<string, string> } = {},
): string {
  const begins = step !== "" && sentence.startsWith(step);
  const rest = (begins ? sentence.slice(step.length) : sentence)
    .replaceAll(/\b\d{4}-\d\d-\d\d \d\d:\d\d UTC\b/g, (s) => f.dateTime(s.replace(" ", "T").replace(" UTC", "Z")))
    .replaceAll(
      /(?<![\w./-])(?:[a-z]\w*\.)*([a-z][a-z0-9]*(?:_[a-z0-9]+)+)(?![\w/-]|\.\w)/g,
      (_, name: string, at: number) => (at === 0 && !begins ? humanise(name) : words(name)),
    )
    .replaceAll(/(?<![\w.,:/-])\d+(?:\.\d+)?(?![\w:/-]|[.,]\d)/g, (s) => f.decimal(s))
    .replaceAll(/(?<=\b(?:class|Klasse|is|ist|from|to|von|auf|as|als) )[a-z][a-z0-9-]*/g, (s) => classes[s] ?? s);
  return (begins ? humanise(step) : "") + (lang === "de" ? german(rest) : rest);
}
