import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** The real appliance on a data directory of its own. */
export class Skerry {
  private readonly data = mkdtempSync(join(tmpdir(), "skerry-e2e-"));
  private readonly binary = resolve(process.env["SKERRY_BIN"] ?? new URL("../../bin/skerry", import.meta.url).pathname);
  private child: ChildProcess | undefined;
  /** What it printed, for the report of a failed start. */
  private output = "";

  /** Starts serving and returns the address. config is added to its configuration; with four eyes, governed changes take two people. */
  async start({ config = "", listen = "127.0.0.1:0", fourEyes = false } = {}): Promise<string> {
    if (!existsSync(this.binary)) {
      throw new Error(`there is no ${this.binary}: run "make build", or set SKERRY_BIN to a built binary`);
    }
    execFileSync(this.binary, ["init", "--data", this.dir, ...(fourEyes ? [] : ["--single-person", "a test"])]);
    appendFileSync(join(this.dir, "config.yaml"), config);
    const child = spawn(this.binary, ["serve", "--data", this.dir, "--listen", listen], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child = child;
    return new Promise((done, failed) => {
      const read = (chunk: Buffer) => {
        this.output += chunk.toString();
        const address = /https?:\/\/[a-z0-9.]+:\d+/.exec(this.output);
        if (address) done(address[0]);
      };
      child.stdout.on("data", read);
      child.stderr.on("data", read);
      child.on("exit", (code) => failed(new Error(`skerry serve ended with ${String(code)}:\n${this.output}`)));
    });
  }

  /** A one-time sign-in link, as "skerry user link" prints it. */
  link(): string {
    return execFileSync(this.binary, ["user", "link", "--data", this.dir], { encoding: "utf8" }).trim();
  }

  /** What a command of skerry prints. */
  run(...args: string[]): string {
    return execFileSync(this.binary, [...args, "--data", this.dir], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  }

  async stop() {
    const { child } = this;
    if (child && child.exitCode === null) {
      const gone = new Promise((done) => child.once("exit", done));
      child.kill("SIGTERM");
      await gone;
    }
    rmSync(this.data, { recursive: true, force: true });
  }

  private get dir() {
    return join(this.data, "data");
  }
}
