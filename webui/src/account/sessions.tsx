import { Button } from "@mantine/core";
import type { OwnSession } from "../api/client.ts";
import { ProblemPanel } from "../app/problem-panel.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Badge } from "../ui/badge.tsx";
import { Panel } from "../ui/panel.tsx";
import css from "./account.module.css";
import { useEndOthers, useEndSession } from "./queries.ts";

/** Where one is signed in, and how to end that. */
export function Sessions({ sessions }: { sessions: OwnSession[] }) {
  const { t, f } = useI18n();
  const end = useEndSession();
  const others = useEndOthers();
  const error = end.error ?? others.error;
  return (
    <Panel
      title={t("account.sessions")}
      actions={
        sessions.length > 1 && (
          <Button size="xs" variant="default" loading={others.isPending} onClick={() => others.mutate(undefined)}>
            {t("account.sessions.others")}
          </Button>
        )
      }
    >
      {error && <ProblemPanel error={error} />}
      <ul className={css["rows"]}>
        {sessions.map((s) => (
          <li key={s.id} className={css["row"]}>
            <span>
              {t("account.session.since", { at: f.dateTime(s.createdAt), ends: f.dateTime(s.expiresAt) })}
              {s.from && `, ${t("account.session.from", { from: s.from })}`}
            </span>
            {s.this ? (
              <Badge tone="good">{t("account.session.this")}</Badge>
            ) : (
              <Button
                size="xs"
                variant="default"
                aria-label={t("account.session.endOf", { at: f.dateTime(s.createdAt) })}
                disabled={end.isPending}
                onClick={() => end.mutate(s.id)}
              >
                {t("account.session.end")}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}
