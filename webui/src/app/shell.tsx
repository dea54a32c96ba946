import { ActionIcon, Menu, useMantineColorScheme } from "@mantine/core";
import { Suspense } from "react";
import { Link, NavLink, Outlet, useLocation } from "react-router";
import { useProposalsForMe } from "../govern/queries.ts";
import { useI18n } from "../i18n/provider.tsx";
import { languages } from "../i18n/translate.ts";
import { useSession, useSignOut } from "../session/session.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { Loading } from "../ui/loading.tsx";
import { Logo } from "../ui/logo.tsx";
import { Boundary } from "./boundary.tsx";
import { useLive } from "./live.tsx";
import { Notices } from "./notices.tsx";
import css from "./shell.module.css";

const places = [
  { to: "/", icon: "home", key: "nav.home" },
  { to: "/missions", icon: "flag", key: "nav.missions" },
  { to: "/runs", icon: "list", key: "nav.runs" },
  { to: "/decisions", icon: "scale", key: "nav.decisions" },
  { to: "/models", icon: "chip", key: "nav.models" },
] as const;

/** The frame around every page: where one can go, who one is, how it looks. */
export function Shell() {
  const { t } = useI18n();
  const { connection, counts } = useLive();
  const open = counts?.openDecisions ?? 0;
  const path = useLocation().pathname;
  return (
    <div className={css["shell"]}>
      <a href="#main" className={css["skip"]}>
        {t("skip")}
      </a>
      <header className={css["header"]}>
        <Link to="/" className={css["brand"]} aria-label={t("brand")}>
          <Logo edge={26} />
          <span>Skerry</span>
        </Link>
        <nav className={css["nav"]} aria-label={t("nav")}>
          {places.map((p) => (
            <NavLink key={p.to} to={p.to} end={p.to === "/"} className={css["link"] ?? ""}>
              <span className={css["linkIcon"]}>
                <Icon name={p.icon} size={18} />
              </span>
              <span>{t(p.key)}</span>
              {p.to === "/decisions" && open > 0 && (
                <span className={css["count"]} aria-hidden="true">
                  {open > 99 ? "99+" : open}
                </span>
              )}
              {p.to === "/decisions" && open > 0 && (
                <span className={css["hidden"]}>{t("nav.open", { count: open })}</span>
              )}
            </NavLink>
          ))}
        </nav>
        <div className={css["tools"]}>
          {connection === "lost" && (
            <span className={css["lost"]} role="status">
              {t("live.lost")}
            </span>
          )}
          <LanguageSwitch />
          <SchemeSwitch />
          <AccountMenu />
        </div>
      </header>
      <main id="main" className={css["main"]} tabIndex={-1}>
        <Notices />
        <Boundary key={path}>
          <Suspense fallback={<Loading label={t("loading")} lines={5} />}>
            <Outlet />
          </Suspense>
        </Boundary>
      </main>
    </div>
  );
}

export function LanguageSwitch() {
  const { lang, setLang, t } = useI18n();
  return (
    <div className={css["languages"]} role="group" aria-label={t("language")}>
      {languages.map((l) => (
        <button
          key={l}
          type="button"
          lang={l}
          aria-pressed={l === lang}
          title={t(`language.${l}`)}
          onClick={() => setLang(l)}
        >
          {l.toUpperCase()}
        </button>
      ))}
    </div>
  );
}

const schemes = { auto: "light", light: "dark", dark: "auto" } as const;
const schemeIcons: Record<keyof typeof schemes, IconName> = { auto: "auto", light: "sun", dark: "moon" };

export function SchemeSwitch() {
  const { t } = useI18n();
  const { colorScheme, setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size="lg"
      aria-label={t(`scheme.${colorScheme}`)}
      title={t(`scheme.${colorScheme}`)}
      onClick={() => setColorScheme(schemes[colorScheme])}
    >
      <Icon name={schemeIcons[colorScheme]} size={18} />
    </ActionIcon>
  );
}

function AccountMenu() {
  const { t, word } = useI18n();
  const session = useSession();
  const signOut = useSignOut();
  const waiting = useProposalsForMe();
  return (
    <Menu position="bottom-end" width={220} transitionProps={{ duration: 80 }}>
      <Menu.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="lg"
          className={css["account"] ?? ""}
          aria-label={
            t("account", { name: session.who.name }) + (waiting > 0 ? t("nav.toApprove", { count: waiting }) : "")
          }
        >
          <Icon name="person" size={18} />
          {waiting > 0 && (
            <span className={css["count"]} aria-hidden="true">
              {waiting > 99 ? "99+" : waiting}
            </span>
          )}
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <div className={css["who"]}>
          <strong>{session.who.name}</strong>
          <span>{session.who.roles.map((r) => word("role", r)).join(", ")}</span>
        </div>
        <Menu.Divider />
        <Menu.Item component={Link} to="/account" leftSection={<Icon name="lock" />}>
          {t("nav.account")}
        </Menu.Item>
        {["admin", "auditor"].some((r) => session.who.roles.includes(r)) && (
          <Menu.Item component={Link} to="/people" leftSection={<Icon name="person" />}>
            {t("nav.people")}
          </Menu.Item>
        )}
        {["admin", "auditor"].some((r) => session.who.roles.includes(r)) && (
          <Menu.Item
            component={Link}
            to="/proposals"
            leftSection={<Icon name="scale" />}
            rightSection={waiting > 0 ? <span className={css["count"]}>{waiting}</span> : undefined}
          >
            {t("nav.proposals")}
          </Menu.Item>
        )}
        <Menu.Item component={Link} to="/audit" leftSection={<Icon name="shield" />}>
          {t("nav.audit")}
        </Menu.Item>
        <Menu.Item component={Link} to="/about" leftSection={<Icon name="info" />}>
          {t("nav.about")}
        </Menu.Item>
        <Menu.Item onClick={() => signOut.mutate()} leftSection={<Icon name="out" />}>
          {t("signOut")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
