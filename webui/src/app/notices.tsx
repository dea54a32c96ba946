import { CloseButton } from "@mantine/core";
import { useState } from "react";
import { useI18n } from "../i18n/provider.tsx";
import { useSession } from "../session/session.tsx";
import { Icon } from "../ui/icon.tsx";
import css from "./notices.module.css";

const storageKey = "skerry-notices-seen";

/** What everyone on the site should know; put aside for this browser session when read. */
export function Notices() {
  const { t, text } = useI18n();
  const { notices } = useSession();
  const [seen, setSeen] = useState<string[]>(() => (sessionStorage.getItem(storageKey) ?? "").split(" "));
  const open = notices.filter((n) => n.urgent || n.stays || !seen.includes(n.code));
  if (open.length === 0) return null;
  const close = (code: string) => {
    const next = [...seen, code];
    sessionStorage.setItem(storageKey, next.join(" "));
    setSeen(next);
  };
  return (
    <aside aria-label={t("notices")} className={css["notices"]}>
      {open.map((n) => (
        <div key={n.code} className={css["notice"]} data-urgent={n.urgent} role={n.urgent ? "alert" : undefined}>
          <Icon name={n.urgent ? "alert" : "info"} />
          <p>{text(n.text)}</p>
          {!n.urgent && !n.stays && (
            <CloseButton size="sm" aria-label={t("notice.close")} onClick={() => close(n.code)} />
          )}
        </div>
      ))}
    </aside>
  );
}
