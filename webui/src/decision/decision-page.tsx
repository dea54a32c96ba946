import { useState } from "react";
import { Link, useParams } from "react-router";
import { Loaded } from "../app/loaded.tsx";
import type { DecisionDetail } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { ClassBadge } from "../policy/class-badge.tsx";
import { StatusBadge } from "../run/badges.tsx";
import { MarkedText } from "../run/document-view.tsx";
import { Badge } from "../ui/badge.tsx";
import { Empty, Message } from "../ui/message.tsx";
import { Page } from "../ui/page.tsx";
import { Panel } from "../ui/panel.tsx";
import css from "./decision.module.css";
import { DecisionFacts } from "./decision-facts.tsx";
import { DecisionForm } from "./decision-form.tsx";
import { OutcomeBadge } from "./outcome-badge.tsx";
import { useDecision } from "./queries.ts";
import { SubjectFields } from "./subject-fields.tsx";
import { useSaid } from "../policy/said.ts";

export default function DecisionPage() {
  const { id = "" } = useParams();
  const { t, text } = useI18n();
  const said = useSaid();
  const decision = useDecision(id);
  const d = decision.data?.decision;
  return (
    <Page
      title={d ? text(d.ask) : t("decision")}
      above={<Link to="/decisions">{t("nav.decisions")}</Link>}
      subtitle={d && <span title={d.why}>{said(d.why)}</span>}
      actions={
        d && (
          <>
            <ClassBadge name={d.class} />
            {d.settled ? (
              <OutcomeBadge outcome={d.settled.outcome} />
            ) : (
              <Badge tone="warn" icon="clock">
                {t("decisions.open")}
              </Badge>
            )}
          </>
        )
      }
    >
      <Loaded query={decision} lines={8}>
        {(detail) => <DecisionBody key={id} detail={detail} />}
      </Loaded>
    </Page>
  );
}

function DecisionBody({ detail }: { detail: DecisionDetail }) {
  const { t } = useI18n();
  const said = useSaid();
  const [active, setActive] = useState<string | null>(null);
  const d = detail.decision;
  return (
    <>
      {d.settled && (
        <Message
          tone={d.settled.outcome === "reject" ? "bad" : d.settled.outcome === "expire" ? "warn" : "good"}
          role="status"
          title={t(`settled.${d.settled.outcome}`, { name: d.settled.by.name })}
          actions={<Link to={`/runs/${d.run}`}>{t("decision.toRun")}</Link>}
        >
          {d.settled.reason}
        </Message>
      )}
      <div className={css["columns"]}>
        <div className={css["column"]}>
          <Panel title={t("decision.subject")} aside={t("decision.subject.hint")}>
            {d.settled ? (
              <SubjectFields
                fields={detail.fields}
                drafts={{}}
                problems={{}}
                editable={false}
                active={active}
                onActive={setActive}
                onDraft={() => undefined}
              />
            ) : (
              <DecisionForm detail={detail} active={active} onActive={setActive} />
            )}
          </Panel>
          <Panel title={t("decision.facts")} actions={<StatusBadge run={detail.run} />}>
            <DecisionFacts detail={detail} />
          </Panel>
        </div>
        <div className={css["column"]}>
          {detail.documents.map((doc) => (
            <Panel key={doc.input} title={doc.name} flush>
              {doc.text === "" ? (
                <Empty icon="file" title={doc.problem ?? t("document.none")} />
              ) : (
                <MarkedText
                  label={t("document.text", { name: doc.name })}
                  text={doc.text}
                  input={doc.input}
                  fields={detail.fields}
                  active={active}
                  onActive={setActive}
                />
              )}
            </Panel>
          ))}
          <Panel title={t("decision.rail")}>
            <ol className={css["rail"]}>
              {detail.rail.map((r) => (
                <li key={r.seq} title={r.sentence}>
                  {said(r.sentence, r.step)}
                </li>
              ))}
            </ol>
          </Panel>
        </div>
      </div>
    </>
  );
}
