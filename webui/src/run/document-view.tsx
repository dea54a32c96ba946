import { useEffect, useMemo, useRef } from "react";
import { Loaded } from "../app/loaded.tsx";
import type { RunDocument, RunField } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { Message } from "../ui/message.tsx";
import { Panel } from "../ui/panel.tsx";
import { stretches } from "./marks.ts";
import { useDocumentText } from "./queries.ts";
import css from "./run.module.css";
import { humanise } from "../i18n/plain.ts";

interface DocumentViewProps {
  run: string;
  document: RunDocument;
  fields: Pick<RunField, "step" | "name" | "evidence">[];
  /** Key of the field that is looked at. */
  active: string | null;
  onActive: (key: string | null) => void;
}

/** The text of a document with the places that fields come from. */
export function DocumentView({ run, document: d, fields, active, onActive }: DocumentViewProps) {
  const { t, f } = useI18n();
  const text = useDocumentText(run, d.input, d.hasText);
  return (
    <Panel
      title={d.name}
      aside={d.pages ? t("document.pages", { count: d.pages, size: f.bytes(d.sizeBytes) }) : f.bytes(d.sizeBytes)}
      actions={
        <a href={`/api/v1/runs/${encodeURIComponent(run)}/documents/${encodeURIComponent(d.input)}`} download={d.name}>
          {t("document.download")}
        </a>
      }
      flush
    >
      {d.problem && (
        <Message tone="bad" title={t("document.problem")}>
          {d.problem}
        </Message>
      )}
      {d.hasText ? (
        <Loaded query={text} lines={8}>
          {(content) => (
            <MarkedText
              label={t("document.text", { name: d.name })}
              text={content}
              input={d.input}
              fields={fields}
              active={active}
              onActive={onActive}
            />
          )}
        </Loaded>
      ) : (
        !d.problem && <p className={css["pad"]}>{t("document.reading")}</p>
      )}
    </Panel>
  );
}

interface MarkedTextProps {
  label: string;
  text: string;
  input: string;
  fields: Pick<RunField, "step" | "name" | "evidence">[];
  active: string | null;
  onActive: (key: string | null) => void;
}

export function MarkedText({ label, text, input, fields, active, onActive }: MarkedTextProps) {
  const { t } = useI18n();
  const box = useRef<HTMLDivElement>(null);
  const parts = useMemo(() => stretches(text, fields, input), [text, fields, input]);

  useEffect(() => {
    if (active === null || !box.current) return;
    const mark = box.current.querySelector<HTMLElement>("[data-active]");
    if (!mark) return;
    // Only the text scrolls, never the page under somebody's hands.
    const top = mark.offsetTop - box.current.offsetTop;
    const { scrollTop, clientHeight } = box.current;
    if (top < scrollTop || top + mark.offsetHeight > scrollTop + clientHeight) {
      box.current.scrollTo({ top: top - clientHeight / 3, behavior: "smooth" });
    }
  }, [active]);

  return (
    <div ref={box} className={css["text"]} tabIndex={0} role="region" aria-label={label}>
      {parts.map((p) => {
        const key = p.fields[0];
        if (key === undefined) return <span key={p.start}>{p.text}</span>;
        const on = active !== null && p.fields.includes(active);
        return (
          <mark
            key={p.start}
            className={css["mark"]}
            data-active={on || undefined}
            title={t("document.evidence", { fields: p.fields.map(humanise).join(", ") })}
            onMouseEnter={() => onActive(key)}
            onClick={() => onActive(key)}
          >
            {p.text}
          </mark>
        );
      })}
    </div>
  );
}
