import { Button } from "@mantine/core";
import { ProblemPanel } from "../app/problem-panel.tsx";
import type { ModelEntry, ModelExam } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { Facts } from "../ui/facts.tsx";
import { Icon } from "../ui/icon.tsx";
import css from "./models.module.css";
import { useExamine } from "./queries.ts";

/** How a model did in the exam on this host, and the button that examines it. */
export function HostExam({ model: m }: { model: ModelEntry }) {
  const { t } = useI18n();
  const examine = useExamine(m.id);
  return (
    <>
      {m.exam && <Results exam={m.exam} context={m.contextTokens} writes={m.capabilities.tasks.length > 0} />}
      {examine.error && <ProblemPanel error={examine.error} />}
      {m.mayOperate && (m.state === "running" || m.state === "idle") && (
        <div>
          <Button
            size="xs"
            variant="default"
            leftSection={<Icon name="scale" size={13} />}
            loading={examine.isPending}
            onClick={() => examine.mutate()}
          >
            {t(m.exam ? "exam.again" : "exam.go")}
            <span className={css["hidden"]}> {m.title || m.id}</span>
          </Button>
          {examine.isPending && <span role="status"> {t("exam.running")}</span>}
        </div>
      )}
    </>
  );
}

function Results({ exam, context, writes }: { exam: ModelExam; context: number; writes: boolean }) {
  const { t, f, word } = useI18n();
  const speed = (n: number | undefined) => (n === undefined ? t("exam.unmeasured") : f.number(Math.round(n)));
  return (
    <details className={css["exam"]}>
      <summary>{t("exam.summary", { when: f.dateTime(exam.at) })}</summary>
      {exam.outdated && <p className={css["why"]}>{t("exam.outdated")}</p>}
      <Facts
        rows={[
          ...exam.parts.map((p): [string, string] => [
            word("exam", p.name),
            t("exam.passed", { passed: p.passed, total: p.total }) +
              (p.unasked ? t("exam.unasked", { count: p.unasked }) : ""),
          ]),
          [t("exam.reach"), writes ? t("exam.reach.tokens", { tokens: exam.needleTokens, context }) : ""],
          [
            t("exam.speed"),
            t("exam.speed.both", { read: speed(exam.prefillPerSecond), written: speed(exam.decodePerSecond) }),
          ],
          [t("file.memory.now"), exam.memoryBytes === undefined ? "" : f.bytes(exam.memoryBytes)],
        ]}
      />
      {exam.limits.length > 0 && (
        <>
          <h3>{t("exam.notGiven")}</h3>
          <ul lang="en">
            {exam.limits.map((limit) => (
              <li key={limit}>{limit}</li>
            ))}
          </ul>
        </>
      )}
    </details>
  );
}
