import type { ReactNode } from "react";
import type { Step } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import css from "./missions.module.css";
import { Name } from "../ui/name.tsx";
import { humanise } from "../i18n/plain.ts";

export type StepKind = "extract" | "classify" | "generate" | "check" | "decide" | "branch" | "each" | "mission";
const kinds: StepKind[] = ["extract", "classify", "generate", "check", "decide", "branch", "each", "mission"];

export const stepIcons: Record<StepKind, IconName> = {
  extract: "text",
  classify: "layers",
  generate: "spark",
  check: "check",
  decide: "scale",
  branch: "branch",
  each: "list",
  mission: "flag",
};

/** The one kind that a step has. */
export function stepKind(s: Step): StepKind | undefined {
  return kinds.find((k) => s[k] !== undefined);
}

/** What a mission does, step by step, in words. */
export function Outline({ steps }: { steps: Step[] }) {
  const { t, text, f } = useI18n();
  return (
    <ol className={css["steps"]}>
      {steps.map((s) => {
        const kind = stepKind(s);
        return (
          <li key={s.id} className={css["step"]}>
            <span className={css["stepIcon"]}>
              <Icon name={kind ? stepIcons[kind] : "info"} size={15} />
            </span>
            <div>
              <div className={css["stepTitle"]}>
                {text(s.title) || <Name of={s.id} />}
                {kind && <span>{t(`step.${kind}`)}</span>}
              </div>
              <StepWords step={s} />
              {s.confidence && (
                <p className={css["when"]}>{t("step.confidence", { min: f.percent(s.confidence.min) })}</p>
              )}
              {s.escalate && <p className={css["when"]}>{t("step.escalate", { because: text(s.escalate.because) })}</p>}
              {s.when && (
                <p className={css["when"]}>
                  {t("step.when")} <code>{s.when}</code>
                </p>
              )}
            </div>
          </li>
        );
      })}
    </ol>
  );
}

function StepWords({ step: s }: { step: Step }): ReactNode {
  const { t, text } = useI18n();
  if (s.extract) {
    return (
      <>
        <p>{t("step.extract.fields")}</p>
        <ul className={css["fields"]}>
          {s.extract.fields.map((x) => (
            <li key={x.name}>
              <Name of={x.name} />
              {x.about && <span> – {x.about}</span>}
            </li>
          ))}
        </ul>
      </>
    );
  }
  if (s.classify) {
    return (
      <ul>
        {s.classify.into.map((l) => (
          <li key={l.name}>
            <strong>
              <Name of={l.name} />
            </strong>
            : {l.about}
          </li>
        ))}
      </ul>
    );
  }
  if (s.generate) return <p>{s.generate.instructions}</p>;
  if (s.check) {
    return (
      <ul>
        {s.check.that.map((a) => (
          <li key={a.that}>{text(a.because) || <code>{a.that}</code>}</li>
        ))}
      </ul>
    );
  }
  if (s.decide) {
    return (
      <>
        <p>{t("step.decide.ask", { queue: humanise(s.decide.queue), ask: text(s.decide.ask) })}</p>
        <p className={css["when"]}>
          {t("step.decide.when")} <code>{s.decide.when}</code>
        </p>
      </>
    );
  }
  if (s.branch) {
    return s.branch.arms.map((a) => (
      <div key={a.name}>
        <p>
          <strong>
            <Name of={a.name} />
          </strong>{" "}
          {a.when ? <code>{a.when}</code> : t("step.branch.else")}
        </p>
        <Outline steps={a.steps} />
      </div>
    ));
  }
  if (s.each) {
    return (
      <>
        <p>
          {t("step.each.in")} <code>{s.each.in}</code>
        </p>
        <Outline steps={s.each.steps} />
      </>
    );
  }
  if (s.mission) return <p>{t("step.mission.start", { name: humanise(s.mission.name) })}</p>;
  return null;
}
