import type { ReactNode } from "react";
import { Icon, type IconName } from "./icon.tsx";
import css from "./badge.module.css";

export type Tone = "plain" | "good" | "warn" | "bad" | "info" | "special";

/** A word with a tone. The word carries the meaning; the colour repeats it. */
export function Badge({ tone = "plain", icon, children }: { tone?: Tone; icon?: IconName; children: ReactNode }) {
  return (
    <span className={css["badge"]} data-tone={tone}>
      {icon && <Icon name={icon} size={13} />}
      {children}
    </span>
  );
}
