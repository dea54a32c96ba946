import { Link } from "react-router";
import { Loaded } from "../app/loaded.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Panel } from "../ui/panel.tsx";
import { DecisionForm } from "./decision-form.tsx";
import css from "./decision.module.css";
import { useDecision } from "./queries.ts";

/** A decision that a run waits for, within the page of the run. */
export function OpenDecision({ id }: { id: string }) {
  const { t, text } = useI18n();
  const decision = useDecision(id);
  return (
    <Loaded query={decision}>
      {(detail) => (
        <Panel
          title={text(detail.decision.ask)}
          aside={text(detail.decision.queueTitle) || detail.decision.queue}
          actions={<Link to={`/decisions/${id}`}>{t("decision.alone")}</Link>}
        >
          {detail.decision.why && <p className={css["why"]}>{detail.decision.why}</p>}
          <DecisionForm detail={detail} />
        </Panel>
      )}
    </Loaded>
  );
}
