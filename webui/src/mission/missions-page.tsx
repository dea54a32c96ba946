import { Button } from "@mantine/core";
import { Link } from "react-router";
import { Loaded } from "../app/loaded.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { Badge } from "../ui/badge.tsx";
import { Icon } from "../ui/icon.tsx";
import { Empty } from "../ui/message.tsx";
import { Page } from "../ui/page.tsx";
import css from "./missions.module.css";
import { useMissions } from "./queries.ts";

export default function MissionsPage() {
  const { t, text, f } = useI18n();
  const missions = useMissions();
  return (
    <Page title={t("nav.missions")} subtitle={t("missions.about")}>
      <Loaded query={missions}>
        {({ missions }) =>
          missions.length === 0 ? (
            <Empty icon="flag" title={t("missions.none")}>
              {t("missions.none.why")}
            </Empty>
          ) : (
            <ul className={css["cards"]}>
              {missions.map((m) => (
                <li key={m.name} className={css["card"]}>
                  <div className={css["cardHead"]}>
                    <h2>
                      <Link to={`/missions/${m.name}`}>{text(m.title) || m.name}</Link>
                    </h2>
                    {m.version > 0 ? (
                      <Badge tone="good" icon="check">
                        {t("mission.version", { version: m.version })}
                      </Badge>
                    ) : (
                      <Badge tone="warn">{t("mission.draft")}</Badge>
                    )}
                    {m.version > 0 && m.draft && <Badge tone="info">{t("mission.hasDraft")}</Badge>}
                  </div>
                  <p className={css["description"]}>{text(m.description)}</p>
                  <div className={css["cardFoot"]}>
                    <span>
                      {m.publishedAt &&
                        t("mission.published", { when: f.dateTime(m.publishedAt), by: m.publishedBy ?? "" })}
                    </span>
                    <Button
                      component={Link}
                      to={`/missions/${m.name}`}
                      size="xs"
                      disabled={m.version === 0}
                      leftSection={<Icon name="play" size={13} />}
                    >
                      {t("mission.open")}
                    </Button>
                  </div>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Page>
  );
}
