import type { components } from "./schema.gen.ts";

export type Problem = components["schemas"]["Problem"];

/** An answer that was no success, as RFC 9457 describes it. Status 0: no answer at all. */
export class ApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.name = "ApiError";
    this.problem = problem;
  }
}

/** The problem behind any error that a query or a mutation can end in. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  const detail = error instanceof Error ? error.message : String(error);
  return { type: "about:blank", title: "", status: 0, detail };
}

/** The problem that an unsuccessful response with that body describes. */
export function parseProblem(status: number, statusText: string, body: unknown): Problem {
  const base: Problem = { type: "about:blank", title: statusText, status, detail: "" };
  if (typeof body !== "object" || body === null) {
    return typeof body === "string" && body.length < 500 && !body.includes("<") ? { ...base, detail: body } : base;
  }
  const text = (name: string): string | undefined => {
    const v: unknown = Reflect.get(body, name);
    return typeof v === "string" ? v : undefined;
  };
  const errors: unknown = Reflect.get(body, "errors");
  const reference = text("reference");
  return {
    type: text("type") ?? base.type,
    title: text("title") ?? base.title,
    status,
    detail: text("detail") ?? "",
    ...(reference !== undefined && { reference }),
    ...(Array.isArray(errors) && { errors: errors.filter(isFinding) }),
  };
}

function isFinding(e: unknown): e is NonNullable<Problem["errors"]>[number] {
  return typeof e === "object" && e !== null && typeof Reflect.get(e, "message") === "string";
}
