import { Component, type ReactNode } from "react";
import { ProblemPanel } from "./problem-panel.tsx";

/** Keeps a page that breaks from taking the rest with it. */
export class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return <ProblemPanel error={this.state.error} onRetry={() => location.reload()} />;
  }
}
