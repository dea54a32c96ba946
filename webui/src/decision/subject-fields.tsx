import type { DecisionField } from "../api/client.ts";
import { type Draft, draftOf } from "../field/parse.ts";
import { FieldInput } from "../field/field-input.tsx";
import { useI18n } from "../i18n/provider.tsx";
import type { Key } from "../i18n/translate.ts";
import { Confidence } from "../run/confidence.tsx";
import { fieldKey } from "../run/marks.ts";
import { Value } from "../run/value.tsx";
import css from "./decision.module.css";
import { type Drafts, specOfField } from "./settle.ts";
import { humanise } from "../i18n/plain.ts";
import { Name } from "../ui/name.tsx";

interface SubjectFieldsProps {
  fields: DecisionField[];
  drafts: Drafts;
  problems: Record<string, Key>;
  editable: boolean;
  active: string | null;
  onActive: ((key: string) => void) | undefined;
  onDraft: (key: string, d: Draft) => void;
}

/** The values that a decision is about, as inputs where they may be corrected. */
export function SubjectFields({ fields, drafts, problems, editable, active, onActive, onDraft }: SubjectFieldsProps) {
  const { t, lang } = useI18n();
  return (
    <ul className={css["subject"]} aria-label={t("decision.subject")}>
      {fields.map((f) => {
        const key = fieldKey(f);
        const spec = specOfField(f);
        const before = draftOf(spec, f.value, lang);
        const draft = drafts[key] ?? before;
        const problem = problems[key];
        const changed = drafts[key] !== undefined && JSON.stringify(draft) !== JSON.stringify(before);
        return (
          <li
            key={key}
            className={css["subjectField"]}
            data-active={active === key || undefined}
            data-changed={changed || undefined}
            onMouseEnter={() => onActive?.(key)}
          >
            <span className={css["fieldName"]}>
              <Name of={f.name} />
            </span>
            <div className={css["fieldInput"]}>
              {editable && f.amendable ? (
                <FieldInput
                  spec={spec}
                  label={humanise(f.name)}
                  hideLabel
                  draft={draft}
                  error={problem && t(problem)}
                  onChange={(d) => onDraft(key, d)}
                  onFocus={() => onActive?.(key)}
                />
              ) : (
                <strong>
                  <Value type={f.type} value={f.value} />
                </strong>
              )}
              {changed && (
                <span className={css["was"]}>
                  {t("decision.was")} <Value type={f.type} value={f.value} />
                </span>
              )}
              {f.problem && <span className={css["problem"]}>{f.problem}</span>}
            </div>
            <Confidence value={f.confidence} minimum={f.minimum} source={f.source} />
          </li>
        );
      })}
    </ul>
  );
}
