/** The mark of Skerry, edge in pixels. What stands beside it says the name. */
export function Logo({ edge }: { edge: number }) {
  return (
    <svg width={edge} height={edge} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#0f4c5c" />
      <path d="M4 21l6-9 4 5 4-8 10 12z" fill="#e8f1f2" />
      <path d="M4 25c3-2 5-2 8 0s5 2 8 0 5-2 8 0" fill="none" stroke="#7fc4d4" strokeWidth="2" strokeLinecap="round" />
    </svg>
  );
}
