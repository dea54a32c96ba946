import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { type Connection, followRun, type RailEvent } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { runKeys } from "./queries.ts";

interface Rail {
  events: RailEvent[];
  connection: Connection;
}

/**
 * The observations of a run, live. What is computed from them on the other
 * side (fields, attempts, state) is asked for again when they arrive.
 */
export function useRail(id: string): Rail {
  const { lang } = useI18n();
  const queries = useQueryClient();
  const [rail, setRail] = useState<Rail & { of: string }>({ of: "", events: [], connection: "connecting" });
  const of = `${id} ${lang}`;

  useEffect(() => {
    let waiting: RailEvent[] = [];
    let frame: ReturnType<typeof setTimeout> | undefined;
    // Many observations arrive at once when a page is opened: one render for all of them.
    const flush = () => {
      const batch = waiting;
      waiting = [];
      frame = undefined;
      setRail((r) => ({ ...r, of, events: r.of === of ? [...r.events, ...batch] : batch }));
      void queries.invalidateQueries({ queryKey: runKeys.detail(id), predicate: (q) => !q.queryKey.includes("text") });
    };
    const stop = followRun(
      id,
      lang,
      (e) => {
        waiting.push(e);
        frame ??= setTimeout(flush, 60);
      },
      (connection) => setRail((r) => (r.of === of ? { ...r, connection } : { of, events: [], connection })),
    );
    return () => {
      stop();
      clearTimeout(frame);
    };
  }, [id, lang, of, queries]);

  return rail.of === of ? rail : { events: [], connection: "connecting" };
}
