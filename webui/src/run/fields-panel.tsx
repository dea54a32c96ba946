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
    <Panel title={t("fields")} aside={fields.length > 0 && t("fields.hint")} flush>
      {fields.length === 0 ? (
        <Empty icon="text" title={t(ended ? "fields.none" : "fields.notYet")} />
      ) : (
        steps.map((step) => (
          <div key={step}>
            {steps.length > 1 && <h3 className={css["stepName"]}>{step}</h3>}
            <ul className={css["fields"]}>
              {fields
                .filter((f) => f.step === step)
                .map((f) => (
                  <FieldRow key={f.name} field={f} active={active === fieldKey(f)} onActive={onActive} />
                ))}
            </ul>
          </div>
        ))
      )}
    </Panel>
  );
}

function FieldRow({
  field: f,
  active,
  onActive,
}: {
  field: RunField;
  active: boolean;
  onActive: (key: string | null) => void;
}) {
  const { t } = useI18n();
  const row = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (active) row.current?.scrollIntoView({ block: "nearest" });
  }, [active]);
  const person = f.source === "person";
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
        <span className={css["fieldName"]}>{f.name}</span>
        <span className={css["fieldValue"]} data-type={f.type}>
          <Value type={f.type} value={f.value} />
        </span>
        <span className={css["fieldMeta"]}>
          <Confidence value={f.confidence} minimum={f.minimum} source={f.source} />
          {!person && f.model && (
            <span className={css["dim"]}>
              {f.model}
              {(f.attempt ?? 1) > 1 && ` · ${t("field.attempt", { attempt: f.attempt ?? 1 })}`}
            </span>
          )}
          {!f.settled && <Badge tone="info">{t("field.unsettled")}</Badge>}
        </span>
        {f.problem && <span className={css["problem"]}>{f.problem}</span>}
      </button>
    </li>
  );
}
