import { convertCssVariables, DEFAULT_THEME, defaultCssVariablesResolver, mergeMantineTheme } from "@mantine/core";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { theme } from "./src/theme/theme.ts";

/**
 * Mantine would put the variables of the theme into a <style> element at run
 * time, which our CSP (style-src 'self') refuses. This plugin writes the same
 * variables into the style sheet when the UI is built.
 */
function themeCss(): Plugin {
  const id = "virtual:theme.css";
  return {
    name: "skerry-theme-css",
    resolveId: (source) => (source === id ? `\0${id}` : null),
    load(source) {
      if (source !== `\0${id}`) return null;
      const merged = mergeMantineTheme(DEFAULT_THEME, theme);
      return convertCssVariables(defaultCssVariablesResolver(merged), ":root");
    },
  };
}

export default defineConfig({
  plugins: [themeCss(), react()],
  build: {
    outDir: "../embed/build/webui",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // data: URLs only where we write them
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
    rollupOptions: {
      output: {
        // The libraries change less often than our pages: browsers keep them.
        advancedChunks: {
          groups: [
            { name: "react", test: /node_modules[\\/](react|react-dom|scheduler|react-router|@tanstack)[\\/]/ },
            { name: "mantine", test: /node_modules[\\/](@mantine|@floating-ui)[\\/]/ },
          ],
        },
      },
    },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8080" } },
  test: { include: ["src/**/*.test.{ts,tsx}"], environment: "node", testTimeout: 10_000 },
});
