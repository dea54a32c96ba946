import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { Loaded } from "../app/loaded.tsx";
import type { Counts } from "../api/client.ts";
import { DecisionRow } from "../decision/decision-row.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { RunRow } from "../run/run-row.tsx";
import { useSession } from "../session/session.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { useNow } from "../ui/live.tsx";
import { Empty } from "../ui/message.tsx";
import { Page } from "../ui/page.tsx";
import { Panel } from "../ui/panel.tsx";
import css from "./home.module.css";
import { useHome } from "./queries.ts";
import { QuickStart } from "./quick-start.tsx";

/** What waits for me, and what happened lately. */
export function HomePage() {
  const { t } = useI18n();
  const { who } = useSession();
  const home = useHome();
  const now = useNow();
  return (
    <Page title={t("nav.home")} heading={t("home.hello", { name: who.name })} subtitle={t("home.about")}>
      <Loaded query={home} lines={8}>
        {(h) => (
          <>
            <Tiles counts={h.counts} />
            <div className={css["columns"]}>
              <div className={css["column"]}>
                <Panel
                  title={t("home.decisions")}
                  flush
                  actions={<More to="/decisions" label={t("home.decisions.all")} />}
                >
                  {h.decisions.length === 0 ? (
                    <Empty icon="check" title={t("home.decisions.none")}>
                      {t("home.decisions.none.why")}
                    </Empty>
                  ) : (
                    <List>
                      {h.decisions.map((d) => (
                        <DecisionRow key={d.decision} decision={d} now={now} />
                      ))}
                    </List>
                  )}
                </Panel>
                {h.parked.length > 0 && (
                  <Panel title={t("home.parked")} flush actions={<More to="/models" label={t("nav.models")} />}>
                    <List>
                      {h.parked.map((r) => (
                        <RunRow key={r.id} run={r} now={now} note={r.reason || t("home.parked.why")} />
                      ))}
                    </List>
                  </Panel>
                )}
                <Panel title={t("home.recent")} flush actions={<More to="/runs" label={t("home.recent.all")} />}>
                  {h.recent.length === 0 ? (
                    <Empty icon="list" title={t("runs.none")}>
                      {t("home.recent.none")}
                    </Empty>
                  ) : (
                    <List>
                      {h.recent.map((r) => (
                        <RunRow key={r.id} run={r} now={now} />
                      ))}
                    </List>
                  )}
                </Panel>
              </div>
              <QuickStart />
            </div>
          </>
        )}
      </Loaded>
    </Page>
  );
}

function List({ children }: { children: ReactNode }) {
  return <ul className={css["list"]}>{children}</ul>;
}

function More({ to, label }: { to: string; label: string }) {
  return (
    <Button
      component={Link}
      to={to}
      size="compact-sm"
      variant="subtle"
      rightSection={<Icon name="chevron" size={13} />}
    >
      {label}
    </Button>
  );
}

function Tiles({ counts }: { counts: Counts }) {
  const { t, f } = useI18n();
  const tiles: { to: string; icon: IconName; label: string; count: number; hot?: boolean }[] = [
    {
      to: "/decisions",
      icon: "scale",
      label: t("tile.decisions"),
      count: counts.openDecisions,
      hot: counts.openDecisions > 0,
    },
    { to: "/runs?state=running", icon: "play", label: t("tile.running"), count: counts.byState["running"] ?? 0 },
    {
      to: "/runs?state=parked",
      icon: "pause",
      label: t("tile.parked"),
      count: counts.byState["parked"] ?? 0,
      hot: (counts.byState["parked"] ?? 0) > 0,
    },
    {
      to: "/runs?verdict=approved",
      icon: "check",
      label: t("tile.approved"),
      count: counts.byVerdict["approved"] ?? 0,
    },
    {
      to: "/runs?verdict=referred",
      icon: "person",
      label: t("tile.referred"),
      count: counts.byVerdict["referred"] ?? 0,
    },
    { to: "/runs", icon: "list", label: t("tile.total"), count: counts.total },
  ];
  return (
    <ul className={css["tiles"]} aria-label={t("home.counts")}>
      {tiles.map((x) => (
        <li key={x.to}>
          <Link to={x.to} className={css["tile"]} data-hot={x.hot || undefined}>
            <span className={css["tileLabel"]}>
              <Icon name={x.icon} size={14} />
              {x.label}
            </span>
            <span className={css["tileCount"]}>{f.number(x.count)}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
