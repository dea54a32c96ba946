import { Button, SegmentedControl } from "@mantine/core";
import { useSearchParams } from "react-router";
import { ProblemPanel } from "../app/problem-panel.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { useNow } from "../ui/live.tsx";
import { Loading } from "../ui/loading.tsx";
import { Empty } from "../ui/message.tsx";
import { Page } from "../ui/page.tsx";
import { Panel } from "../ui/panel.tsx";
import css from "./decision.module.css";
import { DecisionRow } from "./decision-row.tsx";
import { useDecisions } from "./queries.ts";

export default function DecisionsPage() {
  const { t } = useI18n();
  const [search, setSearch] = useSearchParams();
  const open = search.get("show") !== "settled";
  const decisions = useDecisions(open, search.get("queue") ?? "");
  const now = useNow();
  const rows = decisions.data?.pages.flatMap((p) => p.decisions) ?? [];
  return (
    <Page
      title={t("nav.decisions")}
      subtitle={t("decisions.about")}
      actions={
        <SegmentedControl
          aria-label={t("decisions.show")}
          value={open ? "open" : "settled"}
          onChange={(v) => setSearch(v === "settled" ? { show: "settled" } : {})}
          data={[
            { value: "open", label: t("decisions.open") },
            { value: "settled", label: t("decisions.settled") },
          ]}
        />
      }
    >
      {decisions.error && <ProblemPanel error={decisions.error} onRetry={() => void decisions.refetch()} />}
      {!decisions.data && !decisions.error && <Loading label={t("loading")} lines={6} />}
      {decisions.data && (
        <Panel
          title={t(open ? "decisions.open" : "decisions.settled")}
          aside={open ? t("decisions.order.open") : t("decisions.order.settled")}
          flush
        >
          {rows.length === 0 ? (
            <Empty icon={open ? "check" : "scale"} title={t(open ? "home.decisions.none" : "decisions.settled.none")}>
              {open && t("home.decisions.none.why")}
            </Empty>
          ) : (
            <ul className={css["list"]}>
              {rows.map((d) => (
                <DecisionRow key={d.decision} decision={d} now={now} />
              ))}
            </ul>
          )}
          {decisions.hasNextPage && (
            <div className={css["more"]}>
              <Button
                variant="default"
                size="xs"
                loading={decisions.isFetchingNextPage}
                onClick={() => void decisions.fetchNextPage()}
              >
                {t("more")}
              </Button>
            </div>
          )}
        </Panel>
      )}
    </Page>
  );
}
