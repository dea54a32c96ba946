import { Loaded } from "../app/loaded.tsx";
import { useI18n } from "../i18n/provider.tsx";
import { useSession } from "../session/session.tsx";
import { Facts } from "../ui/facts.tsx";
import { Page } from "../ui/page.tsx";
import { Panel } from "../ui/panel.tsx";
import { useVersion } from "./queries.ts";

export default function AboutPage() {
  const { t, word, f, text } = useI18n();
  const session = useSession();
  const version = useVersion();
  return (
    <Page title={t("nav.about")} subtitle={t("about.about")}>
      <Panel title={t("about.version")}>
        <Loaded query={version}>
          {(v) => (
            <Facts
              rows={[
                [t("about.version"), v.version],
                [t("about.commit"), v.commit && <code key="c">{v.commit}</code>],
                [t("about.target"), v.target],
                ["Go", v.go],
                [t("about.licence"), "Apache-2.0"],
              ]}
            />
          )}
        </Loaded>
      </Panel>
      <Panel title={t("about.session")}>
        <Facts
          rows={[
            [t("about.who"), session.who.name],
            [t("about.roles"), session.who.roles.map((r) => word("role", r)).join(", ")],
            [t("about.ends"), session.ends && f.dateTime(session.ends)],
            [t("about.classes"), session.classes.map((c) => text(c.title) || c.name).join(" < ")],
          ]}
        />
      </Panel>
      <Panel title={t("about.privacy")}>
        <p>{t("about.privacy.text")}</p>
      </Panel>
    </Page>
  );
}
