import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { Link } from "react-router";
import type { RunPage, Summary } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { ClassBadge } from "../policy/class-badge.tsx";
import { useNow, useWide } from "../ui/live.tsx";
import { StatusBadge } from "./badges.tsx";
import { Confidence } from "./confidence.tsx";
import { Cost } from "./cost.tsx";
import { runName } from "./run-row.tsx";
import css from "./runs.module.css";
import { useMissionTitle } from "../mission/queries.ts";

/**
 * Runs in a table that keeps only the rows in view in the document, however
 * many there are, and asks for the next page before its end is reached.
 */
export function RunTable({ query }: { query: UseInfiniteQueryResult<InfiniteData<RunPage>> }) {
  const { t } = useI18n();
  const now = useNow();
  const wide = useWide();
  const missionTitle = useMissionTitle();
  const list = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const rows = useMemo(() => query.data?.pages.flatMap((p) => p.runs) ?? [], [query.data]);

  useLayoutEffect(() => {
    setTop(list.current?.offsetTop ?? 0);
  }, [wide]);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => (wide ? 42 : 92),
    getItemKey: (i) => rows[i]?.id ?? i,
    overscan: 12,
    scrollMargin: top,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;

  useEffect(() => {
    virtual.measure();
  }, [wide, virtual]);
  useEffect(() => {
    if (last >= rows.length - 30 && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [last, rows.length, hasNextPage, isFetchingNextPage, fetchNextPage]);

  const columns = ["subject", "mission", "status", "class", "confidence", "model", "cost", "changed"] as const;
  return (
    <div
      className={css["table"]}
      role="table"
      aria-label={t("nav.runs")}
      aria-rowcount={hasNextPage ? -1 : rows.length + 1}
    >
      <div role="rowgroup" className={css["headGroup"]}>
        <div role="row" className={css["headRow"]} aria-rowindex={1}>
          {columns.map((c) => (
            <span key={c} role="columnheader" data-column={c}>
              {t(`column.${c}`)}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup" ref={list} className={css["rows"]} style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const run = rows[item.index];
          return (
            run && (
              <div
                key={item.key}
                role="row"
                aria-rowindex={item.index + 2}
                className={css["row"]}
                style={{ height: item.size, transform: `translateY(${String(item.start - top)}px)` }}
              >
                <Cells run={run} now={now} mission={missionTitle(run.mission)} />
              </div>
            )
          );
        })}
      </div>
      {isFetchingNextPage && (
        <p className={css["more"]} role="status">
          {t("loading")}
        </p>
      )}
    </div>
  );
}

function Cells({ run, now, mission }: { run: Summary; now: number; mission: string }) {
  const { t, f } = useI18n();
  return (
    <>
      <span role="cell" data-column="subject">
        <Link to={`/runs/${run.id}`} title={runName(run)}>
          {runName(run)}
        </Link>
      </span>
      <span role="cell" data-column="mission" title={mission}>
        {mission}
      </span>
      <span role="cell" data-column="status">
        <StatusBadge run={run} />
      </span>
      <span role="cell" data-column="class">
        <ClassBadge name={run.class} />
      </span>
      <span role="cell" data-column="confidence">
        {run.verdict ? <Confidence value={run.confidence} /> : "–"}
      </span>
      <span role="cell" data-column="model" title={run.models.join(", ")}>
        {run.models.join(", ") || "–"}
        {run.escalations > 0 && <span className={css["up"]}>{t("runs.escalated", { count: run.escalations })}</span>}
      </span>
      <span role="cell" data-column="cost">
        <Cost micros={run.costMicros} />
      </span>
      <span role="cell" data-column="changed">
        <time dateTime={run.updatedAt} title={f.dateTime(run.updatedAt)}>
          {f.ago(run.updatedAt, now)}
        </time>
      </span>
    </>
  );
}
