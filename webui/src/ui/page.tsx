import { type ReactNode, useEffect } from "react";
import css from "./page.module.css";

interface PageProps {
  title: string;
  /** What is shown instead of the title where that holds more than text. */
  heading?: ReactNode;
  above?: ReactNode;
  subtitle?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** The frame of a page: its one h1, the name of the browser tab, its actions. */
export function Page({ title, heading, above, subtitle, actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Skerry`;
  }, [title]);
  return (
    <div className={css["page"]}>
      <header className={css["head"]}>
        <div className={css["titles"]}>
          {above !== undefined && <div className={css["above"]}>{above}</div>}
          <h1 className={css["title"]}>{heading ?? title}</h1>
          {subtitle !== undefined && <div className={css["subtitle"]}>{subtitle}</div>}
        </div>
        {actions !== undefined && <div className={css["actions"]}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}
