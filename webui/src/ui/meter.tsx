import css from "./meter.module.css";

interface MeterProps {
  /** In [0, 1]; null = unknown. */
  value: number | null;
  /** The value in words, for example "97 %" or "unknown". */
  label: string;
  /** What it was derived from. */
  note?: string;
  /** The least value that is good enough; 0 = none. Drawn as a tick. */
  minimum?: number;
  /** What the meter measures, for people who do not see it. */
  title: string;
}

/** A number, a bar and words: none of them is needed to understand the others. */
export function Meter({ value, label, note, minimum = 0, title }: MeterProps) {
  const state = value === null ? "unknown" : value < minimum ? "low" : "enough";
  return (
    <span
      className={css["meter"]}
      data-state={state}
      title={note ? `${title}: ${label} · ${note}` : `${title}: ${label}`}
    >
      <span className={css["label"]}>{label}</span>
      {value !== null && (
        <svg className={css["bar"]} viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
          <rect className={css["track"]} width="100" height="8" rx="2" />
          <rect className={css["fill"]} width={Math.max(2, value * 100)} height="8" rx="2" />
          {minimum > 0 && <rect className={css["tick"]} x={minimum * 100 - 1} width="2" height="8" />}
        </svg>
      )}
      {note !== undefined && <span className={css["note"]}>{note}</span>}
    </span>
  );
}
