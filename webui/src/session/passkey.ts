import { type PasskeyOffer, toCreate, toGet } from "../api/client.ts";
import { able, kindOf, PasskeyError } from "./ways.ts";

async function ask(request: () => Promise<Credential | null>): Promise<unknown> {
  if (!able()) throw new PasskeyError("unable");
  let made: Credential | null;
  try {
    made = await request();
  } catch (e) {
    throw new PasskeyError(e instanceof DOMException ? kindOf(e.name) : "unable");
  }
  if (!(made instanceof PublicKeyCredential)) throw new PasskeyError("stopped");
  return made.toJSON();
}

/** Asks a device to make a passkey. */
export function createPasskey(offer: PasskeyOffer): Promise<unknown> {
  return ask(() =>
    navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(toCreate(offer)) }),
  );
}

/** Asks a device for a passkey that it has. */
export function getPasskey(offer: PasskeyOffer): Promise<unknown> {
  return ask(() =>
    navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(toGet(offer)) }),
  );
}
