import type { AuditStatus } from "../api/client.ts";
import { Loaded } from "../app/loaded.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Facts } from "../ui/facts.tsx";
import { Message } from "../ui/message.tsx";
import { Page } from "../ui/page.tsx";
import { Panel } from "../ui/panel.tsx";
import css from "./audit.module.css";
import { useAudit } from "./queries.ts";

export default function AuditPage() {
  const { t } = useI18n();
  const audit = useAudit();
  return (
    <Page title={t("nav.audit")} subtitle={t("audit.about")}>
      <Loaded query={audit}>
        {(s) => (
          <>
            {s.kept ? (
              <Log status={s} />
            ) : (
              <Message tone="warn" title={t("audit.none")} children={t("audit.none.do")} />
            )}
            <Room space={s.space} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Log({ status: s }: { status: AuditStatus }) {
  const { t, f, word } = useI18n();
  return (
    <>
      <Message tone="info" icon="lock" title={t("audit.sealed")}>
        {t("audit.sealed.do")}
      </Message>
      <Panel title={t("audit.auditors")}>
        <ul className={css["auditors"]}>
          {s.auditors.map((a) => (
            <li key={a.fingerprint}>
              <code>{a.fingerprint}</code> <span>{word("auditorKey", a.kind)}</span>
            </li>
          ))}
        </ul>
      </Panel>
      <Panel title={t("audit.log")}>
        <Facts
          rows={[
            [t("audit.name"), <code key="n">{s.log}</code>],
            [t("audit.fingerprint"), <code key="f">{s.fingerprint}</code>],
            [t("audit.since"), s.since && f.dateTime(s.since)],
            [t("audit.entries"), f.number(s.entries ?? 0)],
            [t("audit.records"), f.number(s.records ?? 0)],
            [t("audit.segment"), f.number(s.segment ?? 0)],
            [t("audit.written"), s.written && f.dateTime(s.written)],
            [t("audit.signed"), s.signedAt && t("audit.upTo", { count: s.signed ?? 0, at: f.dateTime(s.signedAt) })],
            [
              t("audit.witnessed"),
              s.witnessedAt
                ? t("audit.upTo", { count: s.witnessed ?? 0, at: f.dateTime(s.witnessedAt) })
                : t("audit.witnessed.never"),
            ],
            [t("audit.unwitnessed"), t("audit.unwitnessed.count", { count: s.unwitnessed ?? 0 })],
          ]}
        />
      </Panel>
      <Message tone={s.overdue ? "warn" : "plain"} title={t(s.overdue ? "audit.overdue" : "audit.window")}>
        {t("audit.window.why")}
      </Message>
    </>
  );
}

function Room({ space: s }: { space: AuditStatus["space"] }) {
  const { t, word } = useI18n();
  const gib = (bytes: number) => Math.round((bytes / 2 ** 30) * 10) / 10;
  return (
    <Panel title={t("audit.space")}>
      <Facts
        rows={[
          [t("audit.space.mode"), word("spaceMode", s.mode)],
          [t("audit.space.free"), t("audit.space.of", { free: gib(s.freeBytes), total: gib(s.totalBytes) })],
        ]}
      />
    </Panel>
  );
}
