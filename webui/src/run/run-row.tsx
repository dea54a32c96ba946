import { Link } from "react-router";
import type { Summary } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { ClassBadge } from "../policy/class-badge.tsx";
import { StatusBadge } from "./badges.tsx";
import css from "./run-row.module.css";
import { useMissionTitle } from "../mission/queries.ts";

/** What a person calls a run: its document, or its id where it has none. */
export function runName(run: Pick<Summary, "subject" | "id">): string {
  return run.subject || run.id;
}

/** One run in a short list. */
export function RunRow({ run, now, note }: { run: Summary; now: number; note?: string | undefined }) {
  const { f } = useI18n();
  const missionTitle = useMissionTitle();
  return (
    <li className={css["row"]}>
      <div className={css["name"]}>
        <Link to={`/runs/${run.id}`}>{runName(run)}</Link>
        <span className={css["meta"]}>
          {missionTitle(run.mission)} · <time dateTime={run.updatedAt}>{f.ago(run.updatedAt, now)}</time>
        </span>
        {note && <span className={css["note"]}>{note}</span>}
      </div>
      <span className={css["badges"]}>
        <ClassBadge name={run.class} />
        <StatusBadge run={run} />
      </span>
    </li>
  );
}
