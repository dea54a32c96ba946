import { type ReactNode, useId, useState } from "react";
import type { Tone } from "./badge.tsx";
import { Icon, type IconName } from "./icon.tsx";
import css from "./rail.module.css";

interface RailProps {
  label: string;
  /** New lines are read out as they appear. */
  live: boolean;
  children: ReactNode;
}

/** What happened, in order, one plain sentence a line. */
export function Rail({ label, live, children }: RailProps) {
  return (
    <ol
      className={css["rail"]}
      aria-label={label}
      aria-live={live ? "polite" : "off"}
      aria-relevant="additions"
      aria-busy={false}
    >
      {children}
    </ol>
  );
}

interface RailLineProps {
  /** Address of the line within the page. */
  anchor: string;
  icon: IconName;
  tone: Tone;
  sentence: ReactNode;
  /** Small facts under the sentence: time, cost. */
  meta: ReactNode;
  /** What else there is to know, on request. */
  details?: ReactNode;
  more: string;
  less: string;
  open?: boolean;
}

export function RailLine({ anchor, icon, tone, sentence, meta, details, more, less, open = false }: RailLineProps) {
  const id = useId();
  const [shown, setShown] = useState(open);
  return (
    <li className={css["line"]} id={anchor} data-tone={tone}>
      <span className={css["icon"]}>
        <Icon name={icon} size={14} />
      </span>
      <div className={css["body"]}>
        <p className={css["sentence"]}>{sentence}</p>
        <div className={css["meta"]}>
          {meta}
          {details !== undefined && details !== null && (
            <button
              type="button"
              className={css["toggle"]}
              aria-expanded={shown}
              aria-controls={id}
              onClick={() => setShown(!shown)}
            >
              {shown ? less : more}
              <Icon name="down" size={12} />
            </button>
          )}
        </div>
        {shown && details !== undefined && (
          <div id={id} className={css["details"]} aria-live="off">
            {details}
          </div>
        )}
      </div>
    </li>
  );
}
