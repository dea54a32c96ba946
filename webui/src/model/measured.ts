const plain = new Set(["auroc", "ece", "ece-mass", "residual-error"]);
const units = new Map([
  ["documents-per-second", "/s"],
  ["load-ms", " ms"],
  ["size-mb", " MB"],
]);

/** A value of a figure as its measure is read: a share in per cent, or a number with its unit. */
export function measured(measure: string, value: number, number: (n: number) => string): string {
  if (plain.has(measure)) return number(Math.round(value * 1000) / 1000);
  const unit = units.get(measure);
  if (unit !== undefined) return number(Math.round(value * 10) / 10) + unit;
  return `${number(Math.round(value * 1000) / 10)} %`;
}
