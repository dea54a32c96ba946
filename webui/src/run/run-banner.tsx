import { Button } from "@mantine/core";
import { Link } from "react-router";
import type { RunDetail } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { Message } from "../ui/message.tsx";
import { verdictLook } from "./badges.tsx";
import { Confidence } from "./confidence.tsx";
import css from "./run.module.css";
import { Rejections } from "./rail-details.tsx";
import { Name } from "../ui/name.tsx";
import { useSaid } from "../policy/said.ts";

/** How the run stands, in one banner: its verdict, or what it waits for. */
export function RunBanner({ detail, onDecide }: { detail: RunDetail; onDecide: () => void }) {
  const { t, word, text } = useI18n();
  const said = useSaid();
  const { run, summary } = detail;
  if (run.verdict) {
    const look = verdictLook(run.verdict.is);
    return (
      <Message
        tone={look.tone}
        icon={look.icon}
        role="status"
        title={t("verdict.is", { verdict: word("verdict", run.verdict.is) })}
      >
        <p>{said(text(run.verdict.because) || run.verdict.reason)}</p>
        <p className={css["bannerMeta"]}>
          {run.verdict.confidence !== null && <Confidence value={run.verdict.confidence} />}
          {run.verdict.cites.length > 0 && (
            <span>
              {t("detail.cites")}{" "}
              {run.verdict.cites.map((c) => (
                <a key={c} href={`#o${String(c)}`} className={css["cite"]}>
                  {c}
                </a>
              ))}
            </span>
          )}
        </p>
      </Message>
    );
  }
  const asked = Object.values(run.decisions).find((d) => detail.decisions.includes(d.decision));
  if (asked) {
    return (
      <Message
        tone="warn"
        icon="person"
        role="status"
        title={`${t("run.waits")}: ${text(asked.ask)}`}
        actions={
          <Button component="a" href="#decision" size="xs" variant="default" onClick={onDecide}>
            {t("run.decide")}
          </Button>
        }
      >
        {said(asked.why)}
      </Message>
    );
  }
  if (summary.state !== "parked") return null;
  const parked = Object.values(run.steps).flatMap((s) => (s.parked ? [s] : []));
  return (
    <Message
      tone="special"
      icon="pause"
      role="status"
      title={t("parked.title")}
      actions={<Link to="/models">{t("parked.models")}</Link>}
    >
      {parked.map((s) => (
        <div key={s.path}>
          <p>
            <strong>
              <Name of={s.path} />
            </strong>
            : {said(s.parked?.why ?? "")}
          </p>
          <details>
            <summary>{t("parked.rejected", { count: s.parked?.rejected.length ?? 0 })}</summary>
            <Rejections rejected={s.parked?.rejected ?? []} />
          </details>
        </div>
      ))}
      <p>{t("parked.resumes")}</p>
    </Message>
  );
}
