import type { Key } from "../i18n/translate.ts";

/** What a file must be to be worth sending: the appliance checks all of it again. */
export interface Room {
  maxBytes: number;
  freeBytes: number;
}

/** The files of a model in their order: the parts of a split model by their numbers. */
export function inOrder<T extends { name: string }>(files: T[]): T[] {
  return files.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** Why files cannot be one model together, judged by their names; undefined = they may be. */
export function unfitTogether(names: string[]): { key: Key; name: string } | undefined {
  const first = names[0] ?? "";
  const part = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i.exec(first);
  if (!part) return names.length > 1 ? { key: "import.unfit.several", name: first } : undefined;
  const [stem, count] = [part[1] ?? "", Number(part[3])];
  const width = (n: number) => String(n).padStart(5, "0");
  const wanted = new Set(Array.from({ length: count }, (_, i) => `${stem}-${width(i + 1)}-of-${width(count)}.gguf`));
  const stranger = names.find((n) => !wanted.delete(n));
  if (stranger !== undefined) return { key: "import.unfit.stranger", name: stranger };
  const [missing] = wanted;
  return missing === undefined ? undefined : { key: "import.unfit.missing", name: missing };
}

/**
 * What is left of a choice when files were added to those chosen before: all, as long as they may be parts of one model,
 * or only the added ones.
 */
export function together<T extends { name: string }>(all: T[], before: T[]): T[] {
  const key = unfitTogether(inOrder(all).map((f) => f.name))?.key;
  const added = all.filter((f) => !before.includes(f));
  return added.length === 0 || key === undefined || key === "import.unfit.missing" ? all : added;
}

/** Why a file cannot be a model that is taken in, judged by its name, size and first bytes; undefined = it may be. */
export function unfit(name: string, sizeBytes: number, head: Uint8Array, room: Room): Key | undefined {
  if (/\.safetensors$/i.test(name)) return "import.unfit.safetensors";
  if (new TextDecoder("latin1").decode(head.slice(0, 4)) !== "GGUF") return "import.unfit.format";
  if (sizeBytes > room.maxBytes) return "import.unfit.max";
  if (sizeBytes > room.freeBytes) return "import.unfit.room";
  return undefined;
}

/** An id made from the name of a file, as the appliance would make one; the person may change it. */
export function idFrom(name: string): string {
  return name
    .toLowerCase()
    .replace(/(-\d{5}-of-\d{5})?\.gguf$/, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 36)
    .replace(/-+$/, "");
}

/** A number of parameters as people say it. */
export function parameters(n: number, number: (n: number) => string): string {
  if (n >= 1e9) return `${number(Math.round(n / 1e8) / 10)} B`;
  if (n >= 1e6) return `${number(Math.round(n / 1e5) / 10)} M`;
  return number(n);
}
