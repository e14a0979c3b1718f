/// The style of the page. The colors of series are those of Okabe and Ito, lighter on dark ground; no
/// two that are used together look alike to the color-blind.
enum PageStyle {
  static let text = """

    :root {
      color-scheme: light dark;
      \(light)
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --ground: #16181b; --ink: #e4e4e0; --quiet: #a3a6a8; --rule: #5b5f63; --grid: #33373b;
        --series-1: #56b4e9; --series-2: #ff8a3d; --series-3: #2fc49a; --series-4: #e79bc4;
        --series-5: #f0c040; --series-6: #c9ccd0;
      }
    }
    html { background: var(--ground); color: var(--ink); -webkit-text-size-adjust: 100%; }
    body {
      margin: 0; padding: 3rem 1.25rem 5rem; line-height: 1.5; font-size: 1.0625rem;
      font-family: Charter, "Bitstream Charter", "Source Serif 4", Georgia, "Times New Roman",
        "Liberation Serif", serif;
    }
    main { max-width: 60rem; margin: 0 auto; }
    h1 { font-size: 1.9rem; line-height: 1.2; font-weight: 600; margin: 0 0 1rem; }
    h2 {
      font-size: 1.25rem; font-weight: 600; margin: 3.25rem 0 0.75rem; padding-top: 0.75rem;
      border-top: 1px solid var(--rule);
    }
    p, dl, ul, caption, figcaption { max-width: 44rem; }
    p { margin: 0.6rem 0; }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1.25rem; margin: 1rem 0; }
    dt { color: var(--quiet); }
    dd { margin: 0; }
    dl.blanks { gap: 1.6rem 1.25rem; }
    dl.blanks dd { border-bottom: 1px solid var(--rule); min-width: 20rem; }
    figure { margin: 1.75rem 0 2.25rem; }
    figcaption, caption { font-size: 0.94rem; line-height: 1.42; text-align: left; }
    figcaption { margin-top: 0.5rem; }
    .scroll + .note { margin-top: -1.25rem; }
    .note { font-size: 0.86rem; color: var(--quiet); margin: 0.3rem 0; }
    .panels { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem 1.25rem; }
    .panels.wide { grid-template-columns: 1fr; }
    .scroll { overflow-x: auto; min-width: 0; }
    svg { display: block; width: 100%; height: auto; }
    svg text { font: 12px system-ui, "Helvetica Neue", Arial, "Liberation Sans", sans-serif;
      fill: var(--ink); }
    .value { text-anchor: end; }
    .place { text-anchor: middle; }
    .grid path { stroke: var(--grid); stroke-width: 1; }
    .grid .between { stroke-width: 0.5; opacity: 0.7; }
    .axis { fill: none; stroke: var(--rule); stroke-width: 1; }
    \(series)
    .bar { stroke: none; }
    .bar.outlined { stroke: currentColor; stroke-width: 1; }
    .hatching { fill: none; stroke: currentColor; stroke-width: 1.1; }
    .line { fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linejoin: round; }
    .marker { fill: currentColor; stroke: none; }
    .hollow { fill: none; stroke: currentColor; stroke-width: 1.6; }
    table {
      border-collapse: collapse; margin: 1.5rem 0 2rem; font-size: 0.9rem; line-height: 1.35;
      font-variant-numeric: tabular-nums lining-nums;
      border-top: 1.5px solid var(--ink); border-bottom: 1.5px solid var(--ink);
    }
    caption { padding-bottom: 0.5rem; }
    th, td { padding: 0.22rem 0.6rem; font-weight: 400; vertical-align: baseline; }
    thead th { color: var(--quiet); vertical-align: bottom; }
    thead .group { color: var(--ink); text-align: center; border-bottom: 1px solid var(--rule); }
    thead tr:last-child > * { border-bottom: 1px solid var(--ink); }
    tfoot > tr > * { border-top: 1px solid var(--rule); }
    .text { text-align: left; }
    .number, tbody th, tfoot th { white-space: nowrap; }
    .number { text-align: right; }
    .first { padding-left: 1.5rem; }
    @media (max-width: 50rem) {
      .panels { grid-template-columns: 1fr; }
      svg { min-width: 26rem; }
      .wide svg { min-width: 44rem; }
    }
    @media print {
      :root {
        color-scheme: light;
        \(light)
      }
      @page { margin: 16mm 15mm; }
      html { font-size: 9.5pt; }
      body { padding: 0; }
      main, p, dl, caption, figcaption { max-width: none; }
      .scroll { overflow: visible; }
      .panels { grid-template-columns: 1fr 1fr; }
      svg { min-width: 0 !important; }
      figure, table, tr, svg, dl { break-inside: avoid; }
      figure.long { break-inside: auto; }
      h2, h2 + p, caption { break-after: avoid; }
      figcaption { break-before: avoid; }
      table { font-size: 0.82rem; }
      th, td { padding: 0.15rem 0.4rem; }
      * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
    }

    """

  private static let light = """
    --ground: #fff; --ink: #1b1b1b; --quiet: #5c5f62; --rule: #9a9da0; --grid: #e3e4e6;
    --series-1: #0072b2; --series-2: #d55e00; --series-3: #009e73; --series-4: #b6568f;
    --series-5: #d08a00; --series-6: #3f4347;
    """

  private static let series = SeriesStyle.allCases.map {
    ".\($0.name) { color: var(--\($0.name)); }"
  }.joined(separator: "\n")
}
