import type { ReactNode } from "react";
import type { Tone } from "./badge.tsx";
import { Icon, type IconName } from "./icon.tsx";
import css from "./message.module.css";

const icons: Record<Tone, IconName> = {
  plain: "info",
  info: "info",
  good: "check",
  warn: "alert",
  bad: "alert",
  special: "lock",
};

interface MessageProps {
  tone: Tone;
  title: ReactNode;
  icon?: IconName;
  children?: ReactNode;
  actions?: ReactNode;
  /** alert interrupts a screen reader, status waits; neither for what was there from the start. */
  role?: "alert" | "status";
}

/** A banner: what is the matter, and what to do about it. */
export function Message({ tone, title, icon, children, actions, role }: MessageProps) {
  return (
    <div className={css["message"]} data-tone={tone} role={role}>
      <span className={css["icon"]}>
        <Icon name={icon ?? icons[tone]} size={18} />
      </span>
      <div className={css["text"]}>
        <p className={css["title"]}>{title}</p>
        {children !== undefined && <div className={css["body"]}>{children}</div>}
      </div>
      {actions !== undefined && <div className={css["actions"]}>{actions}</div>}
    </div>
  );
}

/** What is shown where there is nothing: why, and what to do next. */
export function Empty({
  icon,
  title,
  children,
  actions,
}: {
  icon: IconName;
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
}) {
  return (
    <div className={css["empty"]}>
      <span className={css["emptyIcon"]}>
        <Icon name={icon} size={24} />
      </span>
      <p className={css["title"]}>{title}</p>
      {children !== undefined && <div className={css["body"]}>{children}</div>}
      {actions}
    </div>
  );
}
