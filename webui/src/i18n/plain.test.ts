import { describe, expect, test } from "vitest";
import { humanise, plainly } from "./plain.ts";
import { formatters } from "./translate.ts";

test.each([
  ["supplier_name", "Supplier name"],
  ["iban", "IBAN"],
  ["customer-vat_id", "Customer VAT ID"],
  ["totalAmount", "Total amount"],
  ["lines.unit_price", "Lines › Unit price"],
  ["", ""],
])("%s is said as %s", (name, want) => {
  expect(humanise(name)).toBe(want);
});

describe("a sentence of the appliance", () => {
  const en = (s: string, more = {}) => plainly(s, "en", formatters("en"), more);
  const de = (s: string, more = {}) => plainly(s, "de", formatters("de"), more);
  const classes = { internal: "Intern", restricted: "Vertraulich" };

  test("loses its field names and gets its amounts grouped", () => {
    expect(en("invoice.total_amount > 10000 (it is 33378.23)")).toBe("Total amount > 10,000 (it is 33,378.23)");
    expect(de("invoice.total_amount > 10000 (it is 33378.23)")).toBe("Total amount > 10.000 (hier 33.378,23)");
  });
  test("says in German why something was asked", () => {
    expect(de("payment_terms has confidence 0.40; 0.50 is asked for (not found in the document)")).toBe(
      "Payment terms hat Konfidenz 0,40; verlangt ist 0,50 (im Dokument nicht gefunden)",
    );
    expect(de("unusual terms: the text names Vorkasse")).toBe("ungewöhnliche Bedingungen: der Text nennt Vorkasse");
  });
  test("begins with its step as a word", () => {
    expect(
      de("read_terms: Modell m antwortete mit Sicherheit 0.98 (tax_amount); 342 + 108 Tokens.", { step: "read_terms" }),
    ).toBe("Read terms: Modell m antwortete mit Sicherheit 0,98 (tax amount); 342 + 108 Tokens.");
  });
  test("names a class by its title, only where it is one", () => {
    expect(de("Die Klasse steigt von internal auf restricted: internal rules", { classes })).toBe(
      "Die Klasse steigt von Intern auf Vertraulich: internal rules",
    );
  });
  test.each([
    "my_file.pdf cannot be read",
    "see http://host/a_b",
    "dated 15.07.2026 at 12:30",
    "model qwen2.5-3b, version 1.2.3",
    "INV-2026-0417",
  ])("%s stays as it is", (s) => {
    expect(de(s)).toBe(s);
  });
  test("says times in the reader's language", () => {
    expect(de("bis 2026-11-25 20:03 UTC, dann")).toMatch(/^bis 25\.11\.2026, \d\d:\d\d, dann$/);
  });
});
