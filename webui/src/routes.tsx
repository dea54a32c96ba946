import { lazy } from "react";
import { createBrowserRouter } from "react-router";
import { App } from "./app/app.tsx";
import { NotFound } from "./app/not-found.tsx";
import { HomePage } from "./home/home-page.tsx";
import { EnrolPage } from "./session/enrol-page.tsx";
import { SignInPage } from "./session/sign-in-page.tsx";

const MissionsPage = lazy(() => import("./mission/missions-page.tsx"));
const MissionPage = lazy(() => import("./mission/mission-page.tsx"));
const RunsPage = lazy(() => import("./run/runs-page.tsx"));
const RunPage = lazy(() => import("./run/run-page.tsx"));
const DecisionsPage = lazy(() => import("./decision/decisions-page.tsx"));
const DecisionPage = lazy(() => import("./decision/decision-page.tsx"));
const ModelsPage = lazy(() => import("./model/models-page.tsx"));
const AuditPage = lazy(() => import("./audit/audit-page.tsx"));
const PeoplePage = lazy(() => import("./people/people-page.tsx"));
const AccountPage = lazy(() => import("./account/account-page.tsx"));
const ProposalsPage = lazy(() => import("./govern/proposals-page.tsx"));
const ProposalPage = lazy(() => import("./govern/proposal-page.tsx"));
const AboutPage = lazy(() => import("./about/about-page.tsx"));

/** Every page by its address. Each but the first is loaded when it is opened. */
export const router = createBrowserRouter([
  { path: "/sign-in", Component: SignInPage },
  { path: "/enrol", Component: EnrolPage },
  {
    path: "/",
    Component: App,
    children: [
      { index: true, Component: HomePage },
      { path: "missions", Component: MissionsPage },
      { path: "missions/:name", Component: MissionPage },
      { path: "runs", Component: RunsPage },
      { path: "runs/:id", Component: RunPage },
      { path: "decisions", Component: DecisionsPage },
      { path: "decisions/:id", Component: DecisionPage },
      { path: "models", Component: ModelsPage },
      { path: "audit", Component: AuditPage },
      { path: "people", Component: PeoplePage },
      { path: "account", Component: AccountPage },
      { path: "proposals", Component: ProposalsPage },
      { path: "proposals/:id", Component: ProposalPage },
      { path: "about", Component: AboutPage },
      { path: "*", Component: NotFound },
    ],
  },
]);
