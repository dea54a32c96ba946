interface Ways {
  passkeys: boolean;
  site?: string;
}

/** Whether this browser, at this address, can use the passkeys of the site. */
export function passkeysHere(ways: Ways | undefined): boolean {
  return ways?.passkeys === true && able() && atHome(ways.site, location.hostname);
}

/** Whether a page of the host is one that passkeys of the site work on. */
export function atHome(site: string | undefined, host: string): boolean {
  return site !== undefined && host === site;
}

export function able(): boolean {
  return typeof PublicKeyCredential !== "undefined" && "parseCreationOptionsFromJSON" in PublicKeyCredential;
}

/** Why the browser has asked no device to the end: an answer for people, not a fault. */
export class PasskeyError extends Error {
  constructor(readonly kind: "stopped" | "again" | "unable") {
    super(kind);
  }
}

/** The names are those of WebAuthn, section 5.1.3. */
export function kindOf(name: string): PasskeyError["kind"] {
  switch (name) {
    case "InvalidStateError":
      return "again";
    case "SecurityError":
    case "NotSupportedError":
      return "unable";
    default:
      return "stopped";
  }
}
