import { readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, relative } from "node:path";
import type { DecisionDetail, ModelEntry, RailEvent, RunDetail, Session, Summary } from "../src/api/client.ts";
import { home, missionDetail, missions, models, samples, summaries } from "./fixtures/catalogue.ts";
import { audit, document, keys, people, session } from "./fixtures/rail.ts";
import type { Fixture } from "./fixtures/runs.ts";

// A stand-in for the appliance that shows states which are hard to reach or to
// hold still in the real one: 100,000 runs, a stream that breaks, an answer
// that fails. What it says is typed by the API; what the appliance really does
// is tested in appliance.e2e.ts.

/** The policy that the appliance sends with pages, but without 'unsafe-inline' for styles. */
export const csp =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const types: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
const pages = new URL("../../embed/build/webui/", import.meta.url).pathname;

export class Fake {
  /** Notices beside the one that is always there. */
  notices: Session["notices"] = [];
  signedIn = true;
  runs: Summary[] = [];
  details = new Map<string, RunDetail>();
  rails = new Map<string, RailEvent[]>();
  decisions = new Map<string, DecisionDetail>();
  models: ModelEntry[] = models();
  /** What was sent, by "METHOD path". */
  readonly received: { what: string; body: string; headers: IncomingMessage["headers"] }[] = [];
  /** Pages of the list of runs that were asked for, by their query. */
  readonly listed: string[] = [];
  /** Streams of runs that were opened, and after which observation. */
  readonly followed: { run: string; lastEventId: string | undefined; after: string | null }[] = [];
  /** How streams are refused while the appliance is away: the line is cut, or a proxy answers for it. */
  away: "cut" | "proxy" | null = null;
  /** How many observations a stream repeats when it is taken up again. */
  repeats = 0;
  /** Paths that answer with a problem. */
  failing = new Map<string, { status: number; title: string; detail: string }>();
  private readonly streams = new Map<string, Set<ServerResponse>>();
  private readonly pages = built();
  private readonly server = createServer((req, res) => void this.answer(req, res));

  add(f: Fixture) {
    this.runs.unshift(f.detail.summary);
    this.details.set(f.detail.summary.id, f.detail);
    this.rails.set(f.detail.summary.id, f.events);
    for (const d of f.decisions) this.decisions.set(d.decision.decision, d);
  }

  many(count: number) {
    this.runs = summaries(count);
  }

  async start(): Promise<string> {
    await new Promise<void>((done) => this.server.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}`;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  /** Sends an observation to whoever follows the run. */
  emit(run: string, e: RailEvent) {
    this.rails.get(run)?.push(e);
    for (const s of this.streams.get(run) ?? []) send(s, "observation", e, e.seq);
  }

  /** Breaks every stream of a run, as a restart would. */
  drop(run: string) {
    for (const s of this.streams.get(run) ?? []) s.destroy();
  }

  /** Tells every page that a run changed, as the appliance would. */
  tell(run: Summary) {
    this.runs = [run, ...this.runs.filter((r) => r.id !== run.id)];
    for (const s of this.streams.get("") ?? []) send(s, "run", run);
  }

  private async answer(req: IncomingMessage, res: ServerResponse) {
    const url = new URL(req.url ?? "/", "http://fake");
    if (!url.pathname.startsWith("/api/")) return this.page(url.pathname, res);
    let body = "";
    for await (const chunk of req) body += String(chunk);
    if (req.method !== "GET")
      this.received.push({ what: `${req.method ?? ""} ${url.pathname}`, body, headers: req.headers });
    const path = url.pathname.replace("/api/v1/", "");
    const fails = this.failing.get(path);
    if (fails) return json(res, { type: "about:blank", ...fails }, fails.status, "application/problem+json");
    if (path === "session" && req.method === "POST") this.signedIn = body.includes("good");
    if (path === "session" && req.method === "DELETE") {
      this.signedIn = false;
      res.writeHead(204).end();
      return;
    }
    if (path === "session/certificate") return json(res, { shown: false, name: "" });
    if (path === "session/ways") {
      json(res, { passkeys: false, directory: false });
      return;
    }
    if (!this.signedIn) {
      const detail =
        req.method === "POST"
          ? "This sign-in link has been used or has expired. Ask for another one."
          : "Sign in first.";
      return json(
        res,
        { type: "about:blank", title: "Not signed in", status: 401, detail },
        401,
        "application/problem+json",
      );
    }
    this.resource(path, url.searchParams, req, res, body);
  }

  private resource(path: string, query: URLSearchParams, req: IncomingMessage, res: ServerResponse, body: string) {
    const [kind = "", id = "", sub = ""] = path.split("/").map(decodeURIComponent);
    switch (kind) {
      case "session":
        return json(res, { ...session, notices: [...session.notices, ...this.notices] });
      case "home":
        return json(res, home(this.runs, [...this.decisions.values()]));
      case "people":
        return json(res, people);
      case "keys":
        return json(res, keys);
      case "proposals":
        return json(res, { proposals: [] });
      case "audit":
        return json(res, audit);
      case "version":
        return json(res, { version: "0.1.0", commit: "f5649e8", go: "go1.26", target: "linux/amd64" });
      case "missions":
        if (id === "") return json(res, { missions: missions() });
        if (sub === "samples") return json(res, { samples: samples() });
        if (sub === "source") return text(res, "mission: invoice\ntitle: {en: Invoice processing}\n");
        if (sub === "runs") return json(res, this.runs[0], 202);
        return json(res, missionDetail());
      case "models": {
        const m = this.models.find((x) => x.id === id);
        if (!m)
          return json(res, {
            models: this.models,
            importing: {
              maxBytes: 64e9,
              freeBytes: 20e9,
              profile: "generic-json",
              profiles: ["generic-json"],
              allowed: true,
            },
          });
        m.state = sub === "stop" ? "stopped" : "running";
        return json(res, m);
      }
      case "decisions": {
        const d = this.decisions.get(id);
        if (!d) {
          const open = query.get("open") !== "false";
          const all = [...this.decisions.values()]
            .map((x) => x.decision)
            .filter((x) => (x.settled === undefined) === open);
          return json(res, { decisions: all });
        }
        if (req.method === "POST") {
          const said = JSON.parse(body) as { outcome: "approve"; reason: string; digest: string };
          const at = "2026-04-07T10:00:00Z";
          d.decision = {
            ...d.decision,
            settledAt: at,
            settled: {
              decision: id,
              by: session.who,
              role: "finance",
              outcome: said.outcome,
              reason: said.reason,
              digest: said.digest,
            },
          };
          return json(res, d.decision);
        }
        return json(res, d);
      }
      case "runs":
        return this.run(id, path.split("/").slice(2), query, req, res);
      case "events":
        return this.stream("", res, []);
      default:
        return json(
          res,
          { type: "about:blank", title: "Not found", status: 404, detail: "There is no such resource." },
          404,
        );
    }
  }

  private run(
    id: string,
    [sub = "", , part = ""]: string[],
    query: URLSearchParams,
    req: IncomingMessage,
    res: ServerResponse,
  ) {
    if (id === "") {
      this.listed.push(query.toString());
      const state = query.get("state");
      const verdict = query.get("verdict");
      const fits = this.runs.filter((r) => (!state || r.state === state) && (!verdict || r.verdict === verdict));
      const from = Number(query.get("cursor") ?? 0);
      const to = from + Number(query.get("limit"));
      return json(res, { runs: fits.slice(from, to), ...(to < fits.length && { next: String(to) }) });
    }
    if (id === "counts") return json(res, home(this.runs, []).counts);
    const detail = this.details.get(id);
    if (!detail) {
      const detail = "There is no such run. It may have been removed, or the address is incomplete.";
      return json(
        res,
        { type: "about:blank", title: "No such run", status: 404, detail },
        404,
        "application/problem+json",
      );
    }
    if (sub === "events") {
      const lastEventId = req.headers["last-event-id"]?.toString();
      const after = query.get("after");
      this.followed.push({ run: id, lastEventId, after });
      if (this.away === "cut") return void res.destroy();
      if (this.away === "proxy") return void res.writeHead(502).end();
      const last = Number(lastEventId ?? after ?? 0) - this.repeats;
      return this.stream(
        id,
        res,
        (this.rails.get(id) ?? []).filter((e) => e.seq > last),
      );
    }
    if (sub === "documents" && part === "text") return text(res, document);
    if (sub === "cancel") return json(res, detail.summary);
    return json(res, detail);
  }

  private stream(id: string, res: ServerResponse, events: RailEvent[]) {
    res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    res.write("retry: 100\n\n");
    if (id === "") send(res, "counts", { openDecisions: this.decisions.size, byState: {} });
    for (const e of events) send(res, "observation", e, e.seq);
    if (events.at(-1)?.kind === "verdict") {
      send(res, "end", { why: "the run has ended" });
      res.end();
      return;
    }
    const set = this.streams.get(id) ?? new Set();
    this.streams.set(id, set.add(res));
    res.on("close", () => set.delete(res));
  }

  private page(path: string, res: ServerResponse) {
    const name = this.pages.has(path) ? path : "/index.html";
    res.writeHead(200, {
      "Content-Type": types[extname(name)] ?? "application/octet-stream",
      "Content-Security-Policy": csp,
    });
    res.end(this.pages.get(name));
  }
}

/** The built pages by path, read once: a build that goes on meanwhile does not take them away. */
function built(): Map<string, Buffer> {
  const files = readdirSync(pages, { recursive: true, withFileTypes: true }).filter((f) => f.isFile());
  const read = new Map(
    files.map((f) => {
      const file = join(f.parentPath, f.name);
      return [`/${relative(pages, file)}`, readFileSync(file)];
    }),
  );
  if (!read.has("/index.html")) throw new Error(`there are no pages in ${pages}: run "npm run build" first`);
  return read;
}

function send(res: ServerResponse, event: string, data: unknown, id?: number) {
  res.write(`${id === undefined ? "" : `id: ${String(id)}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function json(res: ServerResponse, body: unknown, status = 200, type = "application/json") {
  res.writeHead(status, { "Content-Type": type }).end(JSON.stringify(body));
}

function text(res: ServerResponse, body: string) {
  res.writeHead(200, { "Content-Type": "text/plain; charset=utf-8" }).end(body);
}
