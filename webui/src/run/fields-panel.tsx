import { useEffect, useRef } from "react";
import type { RunField } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { Badge } from "../ui/badge.tsx";
import { Empty } from "../ui/message.tsx";
import { Panel } from "../ui/panel.tsx";
import { Confidence } from "./confidence.tsx";
import { fieldKey } from "./marks.ts";
import css from "./run.module.css";
import { Value } from "./value.tsx";
import { Name } from "../ui/name.tsx";

interface FieldsPanelProps {
  fields: RunField[];
  ended: boolean;
  active: string | null;
  onActive: (key: string | null) => void;
}

/** What the run found: every value with where it came from and how sure it is. */
export function FieldsPanel({ fields, ended, active, onActive }: FieldsPanelProps) {
  const { t } = useI18n();
  const steps = [...new Set(fields.map((f) => f.step))];
  return (
    <Panel title={t("fields")} flush>
      {fields.length === 0 ? (
        <Empty icon="text" title={t(ended ? "fields.none" : "fields.notYet")} />
      ) : (
        steps.map((step) => (
          <StepFields
            key={step}
            step={step}
            fields={fields.filter((f) => f.step === step)}
            active={active}
            onActive={onActive}
          />
        ))
      )}
    </Panel>
  );
}

type StepFieldsProps = Pick<FieldsPanelProps, "fields" | "active" | "onActive"> & { step: string };

function StepFields({ step, fields, active, onActive }: StepFieldsProps) {
  const { t } = useI18n();
  const origin = (f: RunField | undefined) =>
    f?.model ? `${f.model} · ${t("field.attempt", { attempt: f.attempt ?? 1 })}` : "";
  const usual = origin(fields.find((f) => f.model));
  return (
    <>
      <h3 className={css["stepName"]}>
        <Name of={step} /> {usual && <span>{usual}</span>}
      </h3>
      <ul className={css["fields"]}>
        {fields.map((f) => (
          <FieldRow
            key={f.name}
            field={f}
            origin={origin(f) === usual ? "" : origin(f)}
            active={active === fieldKey(f)}
            onActive={onActive}
          />
        ))}
      </ul>
    </>
  );
}

interface FieldRowProps {
  field: RunField;
  /** Where the value comes from, if not from where the others of its step do. */
  origin: string;
  active: boolean;
  onActive: (key: string | null) => void;
}

function FieldRow({ field: f, origin, active, onActive }: FieldRowProps) {
  const { t } = useI18n();
  const row = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (active) row.current?.scrollIntoView({ block: "nearest" });
  }, [active]);
  return (
    <li>
      <button
        ref={row}
        type="button"
        className={css["field"]}
        aria-pressed={active}
        data-evidence={f.evidence ? true : undefined}
        onClick={() => onActive(fieldKey(f))}
        onFocus={() => onActive(fieldKey(f))}
        onMouseEnter={() => f.evidence && onActive(fieldKey(f))}
      >
        <span className={css["fieldName"]}>
          <Name of={f.name} />
        </span>
        <span className={css["fieldValue"]} data-type={f.type}>
          <Value type={f.type} value={f.value} />
        </span>
        <span className={css["fieldMeta"]}>
          <Confidence value={f.confidence} minimum={f.minimum} source={f.source} />
          {origin !== "" && <span className={css["dim"]}>{origin}</span>}
          {!f.settled && <Badge tone="info">{t("field.unsettled")}</Badge>}
        </span>
        {f.problem && <span className={css["problem"]}>{f.problem}</span>}
      </button>
    </li>
  );
}
