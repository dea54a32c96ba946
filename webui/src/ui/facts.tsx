import type { ReactNode } from "react";
import css from "./facts.module.css";

/** Names and values side by side; rows without a value are left out. */
export function Facts({ rows, columns = 1 }: { rows: [string, ReactNode][]; columns?: 1 | 2 }) {
  return (
    <dl className={css["facts"]} data-columns={columns}>
      {rows
        .filter(([, v]) => v !== undefined && v !== null && v !== "")
        .map(([name, value]) => (
          <div key={name} className={css["row"]}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
