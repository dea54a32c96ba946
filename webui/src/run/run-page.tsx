import { SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { Link, useParams } from "react-router";
import { Loaded } from "../app/loaded.tsx";
import type { RunDetail } from "../api/client.ts";
import { OpenDecision } from "../decision/open-decision.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { ClassBadge } from "../policy/class-badge.tsx";
import { Page } from "../ui/page.tsx";
import { StatusBadge } from "./badges.tsx";
import { CancelRun } from "./cancel-run.tsx";
import { DocumentView } from "./document-view.tsx";
import { FieldsPanel } from "./fields-panel.tsx";
import { useRun } from "./queries.ts";
import { RunBanner } from "./run-banner.tsx";
import { RunFacts } from "./run-facts.tsx";
import { RunRail } from "./run-rail.tsx";
import { runName } from "./run-row.tsx";
import css from "./run.module.css";
import { useRail } from "./use-rail.ts";

export default function RunPage() {
  const { id = "" } = useParams();
  const { t } = useI18n();
  const run = useRun(id);
  const d = run.data;
  return (
    <Page
      title={d ? runName(d.summary) : t("run")}
      above={<Link to="/runs">{t("nav.runs")}</Link>}
      subtitle={d && <RunFacts detail={d} />}
      actions={
        d && (
          <>
            <ClassBadge name={d.summary.class} />
            <StatusBadge run={d.summary} />
            {d.mine.cancel && d.summary.state !== "ended" && <CancelRun id={id} />}
          </>
        )
      }
    >
      <Loaded query={run} lines={8}>
        {(detail) => <RunBody key={id} detail={detail} />}
      </Loaded>
    </Page>
  );
}

type View = "rail" | "fields";

function RunBody({ detail }: { detail: RunDetail }) {
  const { t } = useI18n();
  const id = detail.summary.id;
  const rail = useRail(id);
  const [active, setActive] = useState<string | null>(null);
  const [view, setView] = useState<View>("rail");
  return (
    <>
      <RunBanner detail={detail} onDecide={() => setView("fields")} />
      {/* On a narrow screen one of both is shown, by CSS alone: what is being typed survives a turned screen. */}
      <div className={css["switch"]}>
        <SegmentedControl
          fullWidth
          aria-label={t("run.view")}
          value={view}
          onChange={(v) => setView(v === "fields" ? "fields" : "rail")}
          data={[
            { value: "rail", label: t("rail") },
            { value: "fields", label: t("run.view.fields") },
          ]}
        />
      </div>
      <div className={css["columns"]} data-view={view}>
        <div className={css["stack"]} data-part="rail">
          <RunRail events={rail.events} connection={rail.connection} detail={detail} />
        </div>
        <div className={css["stack"]} data-part="fields">
          {detail.decisions.map((d) => (
            <OpenDecision key={d} id={d} active={active} onActive={setActive} />
          ))}
          {detail.decisions.length === 0 && (
            <FieldsPanel
              fields={detail.fields}
              ended={detail.summary.state === "ended"}
              active={active}
              onActive={setActive}
            />
          )}
        </div>
        <div className={css["documents"]} data-part="fields">
          {detail.documents.map((doc) => (
            <DocumentView
              key={doc.input}
              run={id}
              document={doc}
              fields={detail.fields}
              active={active}
              onActive={setActive}
            />
          ))}
        </div>
      </div>
    </>
  );
}
