import type { Key } from "../i18n/translate.ts";

/** What a file must be to be worth sending: the appliance checks all of it again. */
export interface Room {
  maxBytes: number;
  freeBytes: number;
}

/** Why a file cannot be a model that is taken in, judged by its name, size and first bytes; undefined = it may be. */
export function unfit(name: string, sizeBytes: number, head: Uint8Array, room: Room): Key | undefined {
  const part = /-(\d{5})-of-(\d{5})\.gguf$/i.exec(name);
  if (part && Number(part[2]) > 1) return "import.unfit.part";
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
    .replace(/\.gguf$/, "")
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
