import { createTheme, type MantineColorsTuple } from "@mantine/core";

const brand: MantineColorsTuple = [
  "#eaf4f6",
  "#d3e6ea",
  "#a8ced7",
  "#79b4c2",
  "#529fb1",
  "#3791a6",
  "#237f95",
  "#176a7e",
  "#0f5668",
  "#084452",
];

const dark: MantineColorsTuple = [
  "#dde2e8",
  "#b4bdc8",
  "#98a3b0",
  "#6b7784",
  "#414b56",
  "#303841",
  "#232a32",
  "#181d23",
  "#13171c",
  "#0d1014",
];

/** The one place for colours, type and radii; vite.config.ts turns it into CSS. */
export const theme = createTheme({
  primaryColor: "brand",
  primaryShade: { light: 8, dark: 7 },
  colors: { brand, dark },
  fontFamily: 'system-ui, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", "DejaVu Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "Cascadia Mono", Menlo, "Noto Sans Mono", "DejaVu Sans Mono", monospace',
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.125rem" },
  headings: {
    fontWeight: "620",
    sizes: {
      h1: { fontSize: "1.375rem", lineHeight: "1.3" },
      h2: { fontSize: "1.0625rem", lineHeight: "1.35" },
      h3: { fontSize: "0.9375rem", lineHeight: "1.4" },
    },
  },
  defaultRadius: "sm",
  radius: { xs: "3px", sm: "6px", md: "9px", lg: "12px", xl: "18px" },
  cursorType: "pointer",
  focusRing: "auto",
  respectReducedMotion: true,
});
