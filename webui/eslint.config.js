import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

const domain = ["home", "mission", "run", "decision", "model", "session", "about", "app"];

export default tseslint.config(
  { ignores: ["node_modules", "src/api/schema.gen.ts", "test-results"] },
  {
    files: ["src/**/*.{ts,tsx}", "vite.config.ts"],
    extends: [...tseslint.configs.recommendedTypeChecked, reactHooks.configs.flat.recommended],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/consistent-type-assertions": ["error", { assertionStyle: "never" }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "no-restricted-syntax": [
        "error",
        {
          selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']",
          message: "text from documents and models is never HTML",
        },
      ],
    },
  },
  // The one place where what the network sent becomes a type.
  { files: ["src/api/client.ts"], rules: { "@typescript-eslint/consistent-type-assertions": "off" } },
  {
    // ui/ knows no domain word and fetches nothing.
    files: ["src/ui/**"],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [{ group: ["@tanstack/react-query", "**/api/**", ...domain.map((d) => `**/${d}/**`)] }] },
      ],
    },
  },
);
