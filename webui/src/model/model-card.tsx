import { Button } from "@mantine/core";
import { useState } from "react";
import { Link } from "react-router";
import { ProblemPanel } from "../app/problem-panel.tsx";
import type { ModelEntry } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { ClassBadge } from "../policy/class-badge.tsx";
import { useSaid } from "../policy/said.ts";
import { useCounts } from "../run/queries.ts";
import { useSession } from "../session/session.tsx";
import { Badge, type Tone } from "../ui/badge.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Facts } from "../ui/facts.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { ExamResults } from "./exam-results.tsx";
import { HostExam } from "./host-exam.tsx";
import { FileFacts, RemoveModel } from "./model-file.tsx";
import css from "./models.module.css";
import { useOperate } from "./queries.ts";

const states: Record<ModelEntry["state"], { tone: Tone; icon: IconName }> = {
  running: { tone: "good", icon: "play" },
  idle: { tone: "info", icon: "clock" },
  starting: { tone: "info", icon: "clock" },
  stopped: { tone: "plain", icon: "stop" },
  failed: { tone: "bad", icon: "alert" },
};
const boundaries: Record<ModelEntry["boundary"], { tone: Tone; icon: IconName }> = {
  embedded: { tone: "good", icon: "home" },
  site: { tone: "info", icon: "link" },
  external: { tone: "warn", icon: "globe" },
};

/** One model: what it is, what it may see, whether it answers, and its switch. */
export function ModelCard({ model: m }: { model: ModelEntry }) {
  const said = useSaid();
  const { t, text, f } = useI18n();
  const { currency } = useSession();
  const [asked, setAsked] = useState(false);
  const operate = useOperate(m.id);
  const on = m.state === "running" || m.state === "starting" || m.state === "idle";
  const capabilities = [
    ...m.capabilities.tasks.map((k) => t(`step.${k}`)),
    ...(m.capabilities.lists ? [t("model.lists")] : []),
    ...(m.capabilities.probabilities ? [t("model.probabilities")] : []),
    ...(m.capabilities.jsonSchema ? [t("model.schema")] : []),
    ...(m.capabilities.vision ? [t("model.vision")] : []),
    ...(m.capabilities.embeddings ? [t("model.embeddings", { count: m.capabilities.embeddings })] : []),
  ];
  const price = [
    m.price.inputMicrosPerMillion
      ? t("model.price.input", { price: `${f.micros(m.price.inputMicrosPerMillion)} ${currency}` })
      : "",
    m.price.outputMicrosPerMillion
      ? t("model.price.output", { price: `${f.micros(m.price.outputMicrosPerMillion)} ${currency}` })
      : "",
    m.price.microsPerSecond
      ? t("model.price.second", { price: `${f.micros(m.price.microsPerSecond)} ${currency}` })
      : "",
  ].filter((p) => p !== "");
  const go = () => operate.mutate(on ? "stop" : "start", { onSettled: () => setAsked(false) });

  return (
    <li className={css["card"]} data-model={m.id}>
      <div className={css["head"]}>
        <div>
          <h2>{m.title || m.id}</h2>
          <code>{m.id}</code>
        </div>
        <div className={css["badges"]}>
          <Badge tone={states[m.state].tone} icon={states[m.state].icon}>
            {t(`modelState.${m.state}`)}
          </Badge>
          <Badge tone={boundaries[m.boundary].tone} icon={boundaries[m.boundary].icon}>
            {t(`boundary.${m.boundary}`)}
          </Badge>
          {m.starter && <Badge>{t("model.starter")}</Badge>}
          {m.source === "imported" && <Badge icon="file">{t("model.imported")}</Badge>}
        </div>
      </div>
      {m.why && <p className={css["why"]}>{said(m.why)}</p>}
      {m.state === "idle" && <p className={css["note"]}>{t("model.idle")}</p>}
      {!m.enabled && <p className={css["why"]}>{t("model.notEnabled")}</p>}
      {m.starter && <p className={css["note"]}>{t("model.starter.notice")}</p>}
      {m.note && <p className={css["note"]}>{m.note}</p>}
      <Facts
        rows={[
          [t("model.clearance"), m.clearance ? <ClassBadge key="c" name={m.clearance} /> : t("model.clearance.none")],
          [
            t("model.pools"),
            m.pools.map((p) => t("model.pool", { pool: text(p.title) || p.name, order: p.order })).join(" · ") ||
              t("model.pools.none"),
          ],
          [t("model.tasks"), capabilities.join(", ")],
          [t("model.context"), t("model.tokens", { count: m.contextTokens })],
          [t("model.price"), price.join(" · ")],
          [
            t("model.calls"),
            m.latencyMicros
              ? t("model.calls.latency", { count: m.calls, latency: f.duration(m.latencyMicros) })
              : f.number(m.calls),
          ],
          [t("model.lastUse"), m.lastUseAt === undefined ? "" : f.dateTime(m.lastUseAt)],
          [t("model.lock"), <LockText key="l" model={m} />],
        ]}
      />
      {m.starter && <ExamResults id={m.id} />}
      {m.file && <FileFacts file={m.file} memoryBytes={m.memoryBytes} />}
      <HostExam model={m} />
      {operate.error && <ProblemPanel error={operate.error} />}
      {m.mayOperate && (
        <div className={css["foot"]}>
          <Button
            size="xs"
            variant={on ? "default" : "filled"}
            leftSection={<Icon name={on ? "stop" : "play"} size={13} />}
            loading={operate.isPending && !asked}
            onClick={() => (on ? setAsked(true) : go())}
          >
            {t(on ? "model.stop" : "model.start")}
            <span className={css["hidden"]}> {m.title || m.id}</span>
          </Button>
          {m.source === "imported" && <RemoveModel model={m} />}
        </div>
      )}
      <Confirm
        opened={asked}
        title={t("model.stop.title", { model: m.title || m.id })}
        action={t("model.stop")}
        cancel={t("cancel")}
        danger
        busy={operate.isPending}
        onConfirm={go}
        onClose={() => setAsked(false)}
      >
        <StopConsequences model={m} />
      </Confirm>
    </li>
  );
}

function LockText({ model: m }: { model: ModelEntry }) {
  const { t } = useI18n();
  return (
    <details className={css["lock"]}>
      <summary>
        <code>{m.lockDigest}</code>
      </summary>
      <dl>
        <dt>{t("lock.weights")}</dt>
        <dd>
          <code>{m.lock.weights}</code>
        </dd>
        <dt>{t("lock.profile")}</dt>
        <dd>
          {m.profile} <code>{m.lock.profile}</code>
        </dd>
        <dt>{t("lock.engine")}</dt>
        <dd>
          <code>{m.lock.engine}</code>
        </dd>
        <dt>{t("lock.sampling")}</dt>
        <dd>
          {m.lock.sampling.temperature === 0
            ? t("lock.greedy")
            : t("lock.temperature", { temperature: m.lock.sampling.temperature, seed: m.lock.sampling.seed })}
        </dd>
      </dl>
    </details>
  );
}

/** What stopping a model hits, in numbers. */
function StopConsequences({ model: m }: { model: ModelEntry }) {
  const { t, text } = useI18n();
  const counts = useCounts();
  const running = counts.data?.byState["running"] ?? 0;
  return (
    <>
      <p>{t("model.stop.running", { count: running })}</p>
      {m.pools.length > 0 && (
        <p>{t("model.stop.pools", { pools: m.pools.map((p) => text(p.title) || p.name).join(", ") })}</p>
      )}
      <p>
        {t("model.stop.park")} <Link to="/runs?state=running">{t("model.stop.see")}</Link>
      </p>
    </>
  );
}
