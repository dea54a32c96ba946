/** Line icons on a 24 by 24 grid, drawn for this project. */
const paths = {
  home: "M4 11l8-7 8 7v8a1 1 0 0 1-1 1h-4v-6h-6v6H5a1 1 0 0 1-1-1z",
  flag: "M5 21V4m0 1c5-3 8 3 14 0v9c-6 3-9-3-14 0",
  list: "M9 6h11M9 12h11M9 18h11M4.5 6h.01M4.5 12h.01M4.5 18h.01",
  scale: "M12 4v16m-4 0h8M5 7h14M5 7l-3 7c1.5 2 4.5 2 6 0zm14 0l-3 7c1.5 2 4.5 2 6 0z",
  chip: "M7 7h10v10H7zM10 3v4m4-4v4m-4 10v4m4-4v4M3 10h4m-4 4h4m10-4h4m-4 4h4",
  info: "M12 11v6m0-9.5v.01M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  cross: "M6.5 6.5l11 11m0-11l-11 11",
  alert:
    "M12 9v5m0 3v.01M10.600 4.300L2.700 18a1.600 1.600 0 0 0 1.400 2.5h15.800a1.600 1.600 0 0 0 1.400-2.5L13.400 4.300a1.600 1.600 0 0 0-2.800 0z",
  play: "M7 5l12 7-12 7z",
  stop: "M6 6h12v12H6z",
  pause: "M8 5v14m8-14v14",
  file: "M13 3H7a1.5 1.5 0 0 0-1.5 1.5v15A1.5 1.5 0 0 0 7 21h10a1.5 1.5 0 0 0 1.5-1.5V8.5zm0 0v5.5h5.5",
  shield: "M12 3l7.5 3v5.5c0 4.5-3 7.800-7.5 9.5-4.5-1.700-7.5-5-7.5-9.5V6z",
  lock: "M7.5 11V8a4.5 4.5 0 0 1 9 0v3M6 11h12a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1z",
  route:
    "M6 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM18 9a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM8 17h7a3.5 3.5 0 0 0 0-7H9.5a3.5 3.5 0 0 1 0-7H16",
  spark: "M12 3l2 6.5L20.5 12 14 14l-2 7-2-7-6.5-2L10 9.5z",
  up: "M12 20V5m-6 6l6-6 6 6",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c.8-4 3.800-6 7.5-6s6.700 2 7.5 6",
  branch: "M7 20V4m0 9c0-4 10-2 10-7M17 6V4m0 0l-2.5 2.5M17 4l2.5 2.5",
  clock: "M12 7v5.5l3.5 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
  skip: "M5 6l7 6-7 6zm8 0l7 6-7 6z",
  chevron: "M9 6l6 6-6 6",
  left: "M15 6l-6 6 6 6",
  down: "M6 9l6 6 6-6",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L20 20",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2.5V5m0 14v2.5M2.5 12H5m14 0h2.5M5.300 5.300L7 7m10 10l1.700 1.700m0-13.400L17 7M7 17l-1.700 1.700",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  auto: "M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0zM12 3v18m0-15l6 2.5M12 10l8 2m-8 2l7 2m-7 2l4.5 1",
  upload: "M12 16V4m-5 5l5-5 5 5M4 16v3a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-3",
  link: "M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-5.700-5.700L12 7m2 3a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 5.700 5.700L12 17",
  layers: "M12 3l9 5-9 5-9-5zM3 12.5l9 5 9-5M3 17l9 5 9-5",
  retry: "M20 6v5h-5M20 11a8 8 0 1 0-1.5 6",
  out: "M14 4h5a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1h-5M4 12h11m-4-4.5L15.5 12 11 16.5",
  text: "M5 6h14M5 10h14M5 14h9M5 18h6",
  dots: "M5 12h.01M12 12h.01M19 12h.01",
  filter: "M4 5h16l-6.5 8v6l-3-1.5V13z",
  coin: "M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0zM15 9c-.6-1-1.700-1.5-3-1.5-1.700 0-3 .8-3 2.200 0 3.100 6 1.600 6 4.600 0 1.400-1.300 2.200-3 2.200-1.400 0-2.5-.6-3-1.600M12 6v1.5m0 9V18",
  globe: "M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0zM3 12h18M12 3c3 3 3 15 0 18-3-3-3-15 0-18z",
} as const;

export type IconName = keyof typeof paths;

/** Decoration: what it stands for is always said in words beside it. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
      style={{ flex: "none" }}
    >
      <path d={paths[name]} />
    </svg>
  );
}
