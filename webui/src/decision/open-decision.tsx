import { Link } from "react-router";
import { Loaded } from "../app/loaded.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Panel } from "../ui/panel.tsx";
import { DecisionForm } from "./decision-form.tsx";
import css from "./decision.module.css";
import { useDecision } from "./queries.ts";

interface OpenDecisionProps {
  id: string;
  active: string | null;
  onActive: (key: string) => void;
}

/** A decision that a run waits for, within the page of the run: its fields with the ways to settle it. */
export function OpenDecision({ id, active, onActive }: OpenDecisionProps) {
  const { t, text } = useI18n();
  const decision = useDecision(id);
  return (
    <div id="decision" className={css["inline"]}>
      <Loaded query={decision}>
        {(detail) => (
          <Panel
            title={text(detail.decision.ask)}
            actions={<Link to={`/decisions/${encodeURIComponent(id)}`}>{t("decision.alone")}</Link>}
          >
            <DecisionForm detail={detail} active={active} onActive={onActive} />
          </Panel>
        )}
      </Loaded>
    </div>
  );
}
