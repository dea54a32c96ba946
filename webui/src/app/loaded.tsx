import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useI18n } from "../i18n/provider.tsx";
import { Loading } from "../ui/loading.tsx";
import { ProblemPanel } from "./problem-panel.tsx";

/** What a query holds once it holds it; bars before that, the problem if there is one. */
export function Loaded<T>({
  query,
  lines = 4,
  children,
}: {
  query: UseQueryResult<T>;
  lines?: number;
  children: (data: T) => ReactNode;
}) {
  const { t } = useI18n();
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error) return <ProblemPanel error={query.error} onRetry={() => void query.refetch()} />;
  return <Loading label={t("loading")} lines={lines} />;
}
