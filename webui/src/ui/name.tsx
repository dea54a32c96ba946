import { humanise } from "../i18n/plain.ts";

/** A name that an author gave, in words; what it is called in the file is the tooltip. */
export function Name({ of: name }: { of: string }) {
  return <span title={name}>{humanise(name)}</span>;
}
