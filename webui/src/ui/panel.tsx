import { type ReactNode, useId } from "react";
import css from "./panel.module.css";

interface PanelProps {
  title: ReactNode;
  /** A quiet remark beside the title. */
  aside?: ReactNode;
  actions?: ReactNode;
  /** Without padding, for tables and lists that have their own. */
  flush?: boolean;
  children: ReactNode;
}

/** A titled region of a page. */
export function Panel({ title, aside, actions, flush = false, children }: PanelProps) {
  const id = useId();
  return (
    <section className={css["panel"]} aria-labelledby={id}>
      <header className={css["head"]}>
        <h2 id={id} className={css["title"]}>
          {title}
        </h2>
        {aside !== undefined && <span className={css["aside"]}>{aside}</span>}
        {actions !== undefined && <span className={css["actions"]}>{actions}</span>}
      </header>
      <div className={flush ? css["flush"] : css["body"]}>{children}</div>
    </section>
  );
}
