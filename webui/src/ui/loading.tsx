import { Skeleton, VisuallyHidden } from "@mantine/core";
import css from "./loading.module.css";

/** Bars where lines will be. The label is for people who do not see them. */
export function Loading({ label, lines = 3, height = 18 }: { label: string; lines?: number; height?: number }) {
  return (
    <div className={css["loading"]} role="status" data-loading>
      <VisuallyHidden>{label}</VisuallyHidden>
      {Array.from({ length: lines }, (_, i) => (
        <Skeleton key={i} height={height} width={i === lines - 1 && lines > 1 ? "60%" : "100%"} />
      ))}
    </div>
  );
}
