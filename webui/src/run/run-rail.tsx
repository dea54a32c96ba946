import type { Connection, RailEvent, RunDetail } from "../api/client.ts";
import { useI18n } from "../i18n/provider.tsx";
import { Badge } from "../ui/badge.tsx";
import { Loading } from "../ui/loading.tsx";
import { Panel } from "../ui/panel.tsx";
import { Rail, RailLine } from "../ui/rail.tsx";
import { Cost } from "./cost.tsx";
import { hasDetails, RailDetails } from "./rail-details.tsx";
import { railLook, worthALine } from "./rail-look.ts";
import { Name } from "../ui/name.tsx";
import { useSaid } from "../policy/said.ts";

interface RunRailProps {
  events: RailEvent[];
  connection: Connection;
  detail: RunDetail | undefined;
}

/** The Explain rail: the run's observations as plain sentences, live while it runs. */
export function RunRail({ events, connection, detail }: RunRailProps) {
  const { t, f } = useI18n();
  const said = useSaid();
  const ended = events.at(-1)?.kind === "verdict";
  return (
    <Panel title={t("rail")} flush aside={<LiveBadge connection={connection} ended={ended} />}>
      {events.length === 0 ? (
        <Loading label={t("loading")} lines={6} />
      ) : (
        <Rail label={t("rail")} live={!ended}>
          {events.filter(worthALine).map((e) => {
            const look = railLook(e);
            const usage = e.generated ?? e.failed;
            return (
              <RailLine
                key={e.seq}
                anchor={`o${String(e.seq)}`}
                icon={look.icon}
                tone={look.tone}
                sentence={<span title={e.sentence}>{said(e.sentence, e.step)}</span>}
                more={t("rail.more")}
                less={t("rail.less")}
                open={e.kind === "escalated"}
                meta={
                  <>
                    <time dateTime={e.at} title={f.dateTime(e.at)}>
                      {f.clock(e.at)}
                    </time>
                    {e.step && <Name of={e.step} />}
                    {usage && <span>{f.duration(usage.usage.durationMicros)}</span>}
                    {usage && usage.costMicros > 0 && <Cost micros={usage.costMicros} />}
                  </>
                }
                details={hasDetails(e) ? <RailDetails event={e} detail={detail} /> : undefined}
              />
            );
          })}
        </Rail>
      )}
    </Panel>
  );
}

function LiveBadge({ connection, ended }: { connection: Connection; ended: boolean }) {
  const { t } = useI18n();
  if (ended || connection === "ended") return <>{t("rail.complete")}</>;
  if (connection === "connecting") return <>{t("rail.connecting")}</>;
  const lost = connection === "lost";
  return (
    <span role="status">
      <Badge tone={lost ? "warn" : "info"} icon={lost ? "retry" : "play"}>
        {t(lost ? "rail.lost" : "rail.live")}
      </Badge>
    </span>
  );
}
