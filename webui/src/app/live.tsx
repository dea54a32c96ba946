import { type InfiniteData, type QueryClient, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import {
  type Connection,
  followSite,
  type LiveCounts,
  type RunFilter,
  type RunPage,
  type Session,
  type Summary,
} from "../api/client.ts";
import { decisionKeys } from "../decision/queries.ts";
import { homeKey } from "../home/queries.ts";
import { patchPages } from "../run/lists.ts";
import { runKeys } from "../run/queries.ts";
import { sessionKey } from "../session/session.tsx";

interface Live {
  connection: Connection;
  counts: LiveCounts | null;
}

const Context = createContext<Live>({ connection: "connecting", counts: null });

/** Keeps every list true while the page is open. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [live, setLive] = useState<Live>({ connection: "connecting", counts: null });
  useEffect(() => {
    const soon = throttled(() => {
      void queries.invalidateQueries({ queryKey: homeKey });
      void queries.invalidateQueries({ queryKey: runKeys.counts });
    }, 700);
    // The first counts bring what the session has told already.
    let told = (queries.getQueryData<Session>(sessionKey)?.notices ?? []).map((n) => n.code).join(" ");
    const stop = followSite(
      {
        run: (s) => {
          patchLists(queries, s);
          soon.call();
        },
        counts: (counts) => {
          const codes = (counts.notices ?? []).join(" ");
          if (codes !== told) {
            told = codes;
            void queries.invalidateQueries({ queryKey: sessionKey });
          }
          setLive((l) => ({ ...l, counts }));
          void queries.invalidateQueries({ queryKey: decisionKeys.lists });
        },
        reload: () => {
          void queries.invalidateQueries({ queryKey: runKeys.lists });
          void queries.invalidateQueries({ queryKey: decisionKeys.lists });
          soon.call();
        },
      },
      (connection) => setLive((l) => ({ ...l, connection })),
    );
    return () => {
      stop();
      soon.cancel();
    };
  }, [queries]);
  return <Context value={live}>{children}</Context>;
}

export function useLive(): Live {
  return useContext(Context);
}

function patchLists(queries: QueryClient, s: Summary) {
  for (const query of queries.getQueryCache().findAll({ queryKey: runKeys.lists })) {
    const filter = filterOf(query.queryKey[2]);
    queries.setQueryData<InfiniteData<RunPage>>(query.queryKey, (data) => data && patchPages(data, s, filter));
  }
}

function filterOf(part: unknown): RunFilter {
  return typeof part === "object" && part !== null ? { ...part } : {};
}

/** At most one call of run in everyMs, the last one never lost. */
function throttled(run: () => void, everyMs: number) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    call: () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        run();
      }, everyMs);
    },
    cancel: () => clearTimeout(timer),
  };
}
