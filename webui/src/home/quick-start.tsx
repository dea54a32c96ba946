import { Button } from "@mantine/core";
import { Link } from "react-router";
import { Loaded } from "../app/loaded.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { useMissions } from "../mission/queries.ts";
import { Icon } from "../ui/icon.tsx";
import { Empty } from "../ui/message.tsx";
import { Panel } from "../ui/panel.tsx";
import css from "./home.module.css";

/** The missions that can be started, one click away. */
export function QuickStart() {
  const { t, text } = useI18n();
  const missions = useMissions();
  return (
    <Panel title={t("home.start")}>
      <Loaded query={missions} lines={3}>
        {({ missions }) => {
          const ready = missions.filter((m) => m.version > 0);
          if (ready.length === 0) return <Empty icon="flag" title={t("missions.none")} />;
          return (
            <ul className={css["missions"]}>
              {ready.slice(0, 4).map((m) => (
                <li key={m.name}>
                  <h3>{text(m.title)}</h3>
                  <p>{text(m.description)}</p>
                  <div className={css["starts"]}>
                    <Button
                      component={Link}
                      to={`/missions/${m.name}`}
                      size="xs"
                      leftSection={<Icon name="upload" size={14} />}
                    >
                      {t("home.start.file")}
                    </Button>
                    {m.samples > 0 && (
                      <Button component={Link} to={`/missions/${m.name}?with=samples`} size="xs" variant="default">
                        {t("home.start.sample", { count: m.samples })}
                      </Button>
                    )}
                  </div>
                </li>
              ))}
            </ul>
          );
        }}
      </Loaded>
    </Panel>
  );
}
