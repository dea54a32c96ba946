import { Button } from "@mantine/core";
import { useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { Loaded } from "../app/loaded.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { ClassBadge } from "../policy/class-badge.tsx";
import { Badge } from "../ui/badge.tsx";
import { Message } from "../ui/message.tsx";
import { Page } from "../ui/page.tsx";
import { Panel } from "../ui/panel.tsx";
import css from "./missions.module.css";
import { Outline } from "./outline.tsx";
import { Editor } from "./editor.tsx";
import { useMission, useSource } from "./queries.ts";
import { useSession } from "../session/session.tsx";
import { StartForm } from "./start-form.tsx";

export default function MissionPage() {
  const { t, text } = useI18n();
  const { name = "" } = useParams();
  const [search] = useSearchParams();
  const mission = useMission(name);
  const entry = mission.data?.entry;
  const edited = search.has("edit");
  return (
    <Page
      title={text(entry?.title) || name}
      above={<Link to="/missions">{t("nav.missions")}</Link>}
      subtitle={text(entry?.description)}
      actions={
        entry && entry.version > 0 && <Badge icon="check">{t("mission.version", { version: entry.version })}</Badge>
      }
    >
      <Loaded query={mission} lines={8}>
        {({ entry, mission }) =>
          edited ? (
            <Editor key={name} entry={entry} />
          ) : (
            <div className={css["columns"]}>
              <div className={css["column"]}>
                <Panel title={t("start.title")}>
                  {entry.version > 0 ? (
                    <StartForm entry={entry} samplesFirst={search.get("with") === "samples"} />
                  ) : (
                    <Message tone="warn" title={t("mission.notPublished")}>
                      {t("mission.notPublished.do")}
                    </Message>
                  )}
                </Panel>
                <Source name={name} />
              </div>
              <div className={css["column"]}>
                <Panel title={t("mission.class")}>
                  <p>
                    {t("mission.class.start")} <ClassBadge name={mission.class.start} />
                  </p>
                  {mission.class.rules.length > 0 && (
                    <ul className={css["rules"]}>
                      {mission.class.rules.map((r, i) => (
                        <li key={i}>
                          {t("mission.class.raise")} <ClassBadge name={r.raise} /> <span>{text(r.because)}</span>
                          <code className={css["when"]}>{r.when}</code>
                        </li>
                      ))}
                    </ul>
                  )}
                </Panel>
                <Panel title={t("mission.steps")}>
                  <Outline steps={mission.steps} />
                </Panel>
              </div>
            </div>
          )
        }
      </Loaded>
    </Page>
  );
}

function Source({ name }: { name: string }) {
  const { t } = useI18n();
  const [shown, setShown] = useState(false);
  const source = useSource(name, shown);
  const { roles } = useSession().who;
  const writes = roles.includes("author") || roles.includes("admin");
  return (
    <Panel
      title={t("mission.source")}
      flush={shown}
      actions={
        <>
          {writes && (
            <Button component={Link} to="?edit" size="compact-sm" variant="subtle">
              {t("mission.edit")}
            </Button>
          )}
          <Button size="compact-sm" variant="subtle" aria-expanded={shown} onClick={() => setShown(!shown)}>
            {t(shown ? "hide" : "show")}
          </Button>
        </>
      }
    >
      {shown ? (
        <Loaded query={source}>
          {(text) => (
            <pre className={css["source"]} tabIndex={0} aria-label={t("mission.source")}>
              {text}
            </pre>
          )}
        </Loaded>
      ) : (
        <p className={css["when"]}>{t("mission.source.about")}</p>
      )}
    </Panel>
  );
}
