import createClient from "openapi-fetch";
import { ApiError, parseProblem } from "./problem.ts";
import type { components, paths } from "./schema.gen.ts";

// The only file that says "as": what comes over the wire becomes a type here,
// and nowhere else.

type Schemas = components["schemas"];
export type Session = Schemas["Session"];
export type Home = Schemas["Home"];
export type Counts = Schemas["Counts"];
export type MissionEntry = Schemas["MissionEntry"];
export type MissionDetail = Schemas["MissionDetail"];
export type InputField = Schemas["InputField"];
export type Step = Schemas["Step"];
export type Sample = Schemas["Sample"];
export type Summary = Schemas["Summary"];
export type RunPage = Schemas["RunPage"];
export type RunDetail = Schemas["RunDetail"];
export type RunField = Schemas["RunField"];
export type RunStep = Schemas["RunStep"];
export type RunAttempt = Schemas["RunAttempt"];
export type RunDocument = Schemas["RunDocument"];
export type RailEvent = Schemas["RailEvent"];
export type Rejection = Schemas["Rejection"];
export type Evidence = Schemas["Evidence"];
export type DecisionEntry = Schemas["DecisionEntry"];
export type DecisionPage = Schemas["DecisionPage"];
export type DecisionDetail = Schemas["DecisionDetail"];
export type DecisionField = Schemas["DecisionField"];
export type SettleBody = Schemas["SettleBody"];
export type Field = Schemas["Field"];
export type ModelEntry = Schemas["ModelEntry"];
export type ModelBar = Schemas["Bar"];
export type ModelFile = Schemas["ModelFile"];
export type ModelExam = Schemas["ModelExam"];
export type Importing = Schemas["Importing"];
export type Person = Schemas["Person"];
export type NewPerson = Schemas["NewPerson"];
export type PersonChange = Schemas["PersonChange"];
export type Invitation = Schemas["Invitation"];
export type ServiceKey = Schemas["ServiceKey"];
export type NewServiceKey = Schemas["NewServiceKey"];
export type GivenKey = Schemas["GivenKey"];
export type SignIn = Schemas["SignIn"];
export type Proof = Schemas["Proof"];
export type ProposalEntry = Schemas["ProposalEntry"];
export type ProposalRef = Schemas["ProposalRef"];
export type Enrolment = Schemas["Enrolment"];
export type Account = Schemas["Account"];
export type OwnSession = Schemas["OwnSession"];
export type Passkey = Schemas["Passkey"];
export type PasskeyOffer = Schemas["PasskeyOffer"];
export type UploadedFile = Schemas["UploadedFile"];
export type FinishUpload =
  paths["/api/v1/model-uploads/{upload}/import"]["post"]["requestBody"]["content"]["application/json"];
export type AuditStatus = Schemas["AuditStatus"];
export type LiveCounts = Schemas["LiveCounts"];
export type RunFilter = Omit<NonNullable<paths["/api/v1/runs"]["get"]["parameters"]["query"]>, "cursor" | "limit">;
export type StartInput = Schemas["StartBody"]["input"];

// Held in memory only: a page that is loaded anew asks for its session anew.
let csrf = "";

/** The token that every request that changes something has to carry. */
export function holdCsrfToken(token: string) {
  csrf = token;
}

async function send(request: Request): Promise<Response> {
  // Only what is small is kept for a second time: no upload needs a proof.
  const small = request.body === null || request.headers.get("Content-Type") === "application/json";
  const again = request.method !== "GET" && small ? request.clone() : undefined;
  const response = await sendOnce(request);
  if (!again || response.status !== 403 || !(await needsProof(response.clone())) || !(await prove())) return response;
  return sendOnce(again);
}

async function sendOnce(request: Request): Promise<Response> {
  if (request.method !== "GET" && csrf !== "") request.headers.set("X-CSRF-Token", csrf);
  try {
    return await fetch(request);
  } catch (cause) {
    if (request.signal.aborted) throw cause;
    throw new ApiError({ type: "urn:skerry:unreachable", title: "", status: 0, detail: "" });
  }
}

// Asks the person for a proof that they are still there; false = they gave none.
let prove: () => Promise<boolean> = () => Promise.resolve(false);

/** Lets ask find out whether the person is still there; the function that it returns ends that. */
export function answerStepUp(ask: () => Promise<boolean>): () => void {
  prove = ask;
  return () => {
    prove = () => Promise.resolve(false);
  };
}

async function needsProof(response: Response): Promise<boolean> {
  const body: unknown = await response.json().catch(() => null);
  return parseProblem(response.status, response.statusText, body).type === "urn:skerry:step-up";
}

export const api = createClient<paths>({ baseUrl: location.origin, fetch: send, credentials: "same-origin" });

/** The body of a successful answer; an ApiError for any other. */
export async function unwrap<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok) throw new ApiError(parseProblem(response.status, response.statusText, error));
  return data as T;
}

/** What a device is asked for a new passkey, and for one that it has. */
export const toCreate = (o: PasskeyOffer) => o.options as PublicKeyCredentialCreationOptionsJSON;
export const toGet = (o: PasskeyOffer) => o.options as PublicKeyCredentialRequestOptionsJSON;

/** Starts a run with the parts of a form: files and values under "input.<name>". */
export async function startWithForm(mission: string, key: string, form: FormData): Promise<Summary> {
  const url = new URL(`/api/v1/missions/${encodeURIComponent(mission)}/runs`, location.origin);
  const response = await send(new Request(url, { method: "POST", body: form, headers: { "Idempotency-Key": key } }));
  if (!response.ok) {
    const body: unknown = await response.json().catch(() => null);
    throw new ApiError(parseProblem(response.status, response.statusText, body));
  }
  return (await response.json()) as Summary;
}

export type Connection = "connecting" | "live" | "lost" | "ended";

/**
 * Follows an event stream until it ends or the returned function is called. A
 * stream that breaks is taken up where it was: by the browser with
 * Last-Event-ID, or, where the browser gives up, by a new stream at url().
 */
function follow(
  url: () => string,
  on: Record<string, (data: string) => void>,
  state: (c: Connection) => void,
): () => void {
  let source: EventSource;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let delayMs = 500;
  let over = false;
  const stop = () => {
    over = true;
    clearTimeout(timer);
    source.close();
  };
  const open = () => {
    source = new EventSource(url());
    source.onopen = () => {
      delayMs = 500;
      state("live");
    };
    source.onerror = () => {
      if (over) return;
      state("lost");
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      timer = setTimeout(open, delayMs);
      delayMs = Math.min(delayMs * 2, 15_000);
    };
    for (const [name, take] of Object.entries(on)) {
      source.addEventListener(name, (e: MessageEvent<string>) => take(e.data));
    }
    source.addEventListener("end", () => {
      stop();
      state("ended");
    });
  };
  state("connecting"); // once only: a stream that was lost stays lost until it is back
  open();
  return stop;
}

/** The observations of a run from the first one on, live until it has ended. */
export function followRun(
  id: string,
  lang: string,
  take: (e: RailEvent) => void,
  state: (c: Connection) => void,
): () => void {
  let last = 0;
  const url = () => `/api/v1/runs/${encodeURIComponent(id)}/events?lang=${lang}&after=${String(last)}`;
  const observation = (data: string) => {
    const e = JSON.parse(data) as RailEvent;
    if (e.seq <= last) return; // sent twice around a reconnect
    last = e.seq;
    take(e);
  };
  return follow(url, { observation }, state);
}

export interface LiveHandlers {
  run: (s: Summary) => void;
  counts: (c: LiveCounts) => void;
  reload: () => void;
}

/** Changes of runs and decisions on the whole site. */
export function followSite(on: LiveHandlers, state: (c: Connection) => void): () => void {
  return follow(
    () => "/api/v1/events",
    {
      run: (data) => on.run(JSON.parse(data) as Summary),
      counts: (data) => on.counts(JSON.parse(data) as LiveCounts),
      reload: () => on.reload(),
    },
    state,
  );
}
