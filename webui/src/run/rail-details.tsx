import type { ReactNode } from "react";
import type { RailEvent, Rejection, RunDetail, RunField } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { ClassBadge } from "../policy/class-badge.tsx";
import { Facts } from "../ui/facts.tsx";
import { Icon } from "../ui/icon.tsx";
import { Attempts } from "./attempts.tsx";
import { Confidence } from "./confidence.tsx";
import { Cost } from "./cost.tsx";
import css from "./run.module.css";
import { Value } from "./value.tsx";
import { humanise } from "../i18n/plain.ts";
import { Name } from "../ui/name.tsx";
import { useSaid } from "../policy/said.ts";

/** What an observation rests on; null where its sentence says it all. */
export function hasDetails(e: RailEvent): boolean {
  return Boolean(
    e.created ||
    (e.read && !e.read.problem) ||
    (e.classified && e.classified.evidence.length > 0) ||
    e.routed ||
    (e.parked && e.parked.rejected.length > 0) ||
    e.generated ||
    e.failed ||
    e.checked ||
    e.escalated ||
    e.queued ||
    (e.decided && (e.decided.amendments?.length ?? 0) > 0) ||
    e.opened ||
    e.returned ||
    e.verdict,
  );
}

export function RailDetails({ event: e, detail }: { event: RailEvent; detail: RunDetail | undefined }): ReactNode {
  const { t, text, f, word } = useI18n();
  const said = useSaid();
  const type = (step: string, name: string): RunField["type"] =>
    detail?.fields.find((x) => x.step === step && x.name === name)?.type ?? "string";

  if (e.created) {
    return (
      <Facts
        rows={[
          [t("detail.by"), e.created.by.name],
          [
            t("detail.mission"),
            `${text(detail?.title) || humanise(e.created.mission)}, ${t("mission.version", { version: e.created.version })}`,
          ],
          [t("detail.policy"), t("mission.version", { version: e.created.policyVersion })],
          [t("detail.missionDigest"), <code key="m">{e.created.missionDigest.slice(0, 16)}</code>],
        ]}
      />
    );
  }
  if (e.read) {
    return (
      <Facts
        rows={[
          [t("detail.mediaType"), e.read.mediaType],
          [t("detail.encoding"), e.read.encoding],
          [t("detail.pages"), e.read.pages],
          [t("detail.characters"), e.read.characters && f.number(e.read.characters)],
        ]}
      />
    );
  }
  if (e.classified) {
    return (
      <ul className={css["plainList"]}>
        {e.classified.evidence.map((v) => (
          <li key={v.rule}>
            <Icon name={v.held ? "alert" : "check"} size={13} />
            <span className={css["ruleWords"]}>
              {text(v.because)}{" "}
              {v.held ? <ClassBadge name={v.raise} /> : <span className={css["dim"]}>{t("detail.rule.no")}</span>}
              {v.problem && <span className={css["dim"]}> – {v.problem}</span>}
              {v.mentions?.map((m) => (
                <span key={m.span.start} className={css["mention"]}>
                  {t("detail.mention", { name: m.name, key: m.key })}
                </span>
              ))}
            </span>
          </li>
        ))}
      </ul>
    );
  }
  if (e.routed) {
    const { route } = e.routed;
    return (
      <>
        <Facts
          rows={[
            [t("detail.model"), <strong key="m">{route.model}</strong>],
            [t("detail.pool"), `${route.pool} · ${t("detail.grade", { grade: route.grade + 1 })}`],
            [t("detail.rule"), route.rule],
            [t("detail.sentAs"), <ClassBadge key="c" name={e.routed.class} />],
            [t("detail.boundary"), t(`boundary.${e.routed.boundary}`)],
            [t("detail.lock"), <code key="l">{e.routed.lock}</code>],
          ]}
        />
        <Rejections rejected={route.rejected} />
      </>
    );
  }
  if (e.parked) return <Rejections rejected={e.parked.rejected} />;
  if (e.generated) {
    const g = e.generated;
    return (
      <>
        <Facts
          rows={[
            [t("detail.model"), `${g.model} · ${g.pool}`],
            [t("confidence"), <Confidence key="c" value={g.confidence} minimum={g.minimum} />],
            [t("detail.weakest"), g.weakest && <Name key="w" of={g.weakest} />],
            [t("detail.minimum"), g.minimum > 0 && f.percent(g.minimum)],
            [
              t("detail.tokens"),
              t("detail.tokens.of", {
                input: g.usage.inputTokens,
                output: g.usage.outputTokens,
                cached: g.usage.cachedTokens ?? 0,
              }),
            ],
            [t("detail.calls"), f.number(g.calls)],
            [t("detail.adapted"), g.adapted?.join("; ")],
          ]}
        />
        <ul className={css["values"]}>
          {Object.entries(g.values).map(([name, v]) => (
            <li key={name}>
              <span className={css["valueName"]}>
                <Name of={name} />
              </span>
              <span>
                <Value type={type(e.step ?? "", name)} value={v.json} />
              </span>
              <Confidence value={v.confidence} minimum={g.minimum} />
              {v.problem && <p className={css["problem"]}>{v.problem}</p>}
            </li>
          ))}
        </ul>
      </>
    );
  }
  if (e.failed) {
    return (
      <Facts
        rows={[
          [t("detail.model"), e.failed.model],
          [t("detail.error"), `${e.failed.error}: ${e.failed.message}`],
          [t("detail.next"), word("next", e.failed.next)],
          [t("detail.cost"), <Cost key="c" micros={e.failed.costMicros} />],
        ]}
      />
    );
  }
  if (e.checked) {
    return (
      <ul className={css["plainList"]}>
        {e.checked.results.map((r, i) => (
          <li key={i} className={r.held ? css["held"] : css["notHeld"]}>
            <Icon name={r.held ? "check" : "cross"} size={14} />
            <span>
              <strong>{t(r.held ? "check.held" : "check.notHeld")}</strong> {text(r.because)}
              {r.detail && (
                <code className={css["numbers"]} title={r.detail}>
                  {said(r.detail)}
                </code>
              )}
            </span>
          </li>
        ))}
      </ul>
    );
  }
  if (e.escalated) {
    const step = detail?.steps.find((s) => s.path === e.step);
    return (
      <>
        {text(e.escalated.because) && <p>{said(text(e.escalated.because))}</p>}
        {step && <Attempts step={step} />}
      </>
    );
  }
  if (e.queued) {
    return (
      <Facts
        rows={[
          [t("detail.queue"), <Name key="q" of={e.queued.queue} />],
          [t("detail.asked"), text(e.queued.ask)],
          [t("detail.why"), said(e.queued.why)],
          [t("detail.expires"), e.queued.expires && f.dateTime(e.queued.expires)],
          [t("detail.digest"), <code key="d">{e.queued.digest.slice(0, 16)}</code>],
        ]}
      />
    );
  }
  if (e.decided?.amendments) {
    return (
      <ul className={css["plainList"]}>
        {e.decided.amendments.map((a) => (
          <li key={`${a.step}.${a.field}`}>
            <strong>
              <Name of={a.field} />
            </strong>
            :{" "}
            <del>
              <Value type={type(a.step, a.field)} value={a.from} />
            </del>{" "}
            →{" "}
            <ins>
              <Value type={type(a.step, a.field)} value={a.to} />
            </ins>
          </li>
        ))}
      </ul>
    );
  }
  if (e.opened) return <p>{t("detail.items", { count: e.opened.items.length })}</p>;
  if (e.returned) return <p>{e.returned.reason}</p>;
  if (e.verdict) {
    return (
      <>
        <Facts
          rows={[
            [t("confidence"), <Confidence key="c" value={e.verdict.confidence} />],
            [t("detail.code"), e.verdict.code],
          ]}
        />
        {e.verdict.cites.length > 0 && (
          <p>
            {t("detail.cites")}{" "}
            {e.verdict.cites.map((c) => (
              <a key={c} href={`#o${String(c)}`} className={css["cite"]}>
                {c}
              </a>
            ))}
          </p>
        )}
      </>
    );
  }
  return null;
}

/** Every model that was not chosen, and why. */
export function Rejections({ rejected }: { rejected: Rejection[] }) {
  const { t } = useI18n();
  const said = useSaid();
  if (rejected.length === 0) return <p className={css["dim"]}>{t("detail.rejected.none")}</p>;
  return (
    <div>
      <p className={css["dim"]}>{t("detail.rejected")}</p>
      <ul className={css["plainList"]}>
        {rejected.map((r, i) => (
          <li key={i}>
            <Icon name="cross" size={13} />
            <span>
              <strong>{r.model}</strong> {t(`reason.${r.reason}`)}
              {r.detail && <span className={css["dim"]}> – {said(r.detail)}</span>}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
