import { Badge, type Tone } from "../ui/badge.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { useSession } from "../session/session.tsx";

/** The tone of a class by its place among the site's classes: the highest stands out. */
export function classTone(rank: number, count: number): Tone {
  if (rank < 0) return "bad";
  if (rank === count - 1) return "special";
  if (rank === 0) return "plain";
  return rank === count - 2 ? "warn" : "info";
}

/** A data class of the site under its title. */
export function ClassBadge({ name }: { name: string }) {
  const { text } = useI18n();
  const { classes } = useSession();
  const rank = classes.findIndex((c) => c.name === name);
  const tone = classTone(rank, classes.length);
  return (
    <Badge tone={tone} icon={tone === "special" ? "lock" : "shield"}>
      {text(classes[rank]?.title) || name}
    </Badge>
  );
}
