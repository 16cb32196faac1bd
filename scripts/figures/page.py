"""The report as one HTML text, from the templates beside this file and Plotly's script."""

import json
from pathlib import Path

import jinja2
from plotly.offline import get_plotlyjs

from figures import comparison as data
from figures import page_figures, page_tables, style
from figures.sweep_config import sweep_config

FOLDER = Path(__file__).parent


def in_script(value) -> str:
    """JSON that may stand in a <script>: nothing in it ends the element or opens a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def counted(counts: dict, unit: str) -> list[str]:
    """{'AMD EPYC': 30} -> ['AMD EPYC'], with the number of runs where there are several."""
    if len(counts) == 1:
        return list(counts)
    return [f"{name or 'unknown'} ({runs} {unit})" for name, runs in counts.items()]


def environment(comparison: dict, export: dict) -> list[tuple[str, str]]:
    found = comparison.get("environment") or {}
    distinct = lambda name: dict.fromkeys(str(run[name]) for run in export["runs"] if run.get(name))
    rows = [("CPU", counted(found.get("cpus") or comparison.get("cpus") or {}, "runs")),
            ("threads", counted(found.get("threads") or comparison.get("threads") or {}, "runs")),
            ("commit", counted(found.get("commits") or comparison.get("commits") or {}, "runs"))]
    for name, title in (("dirty", "source"), ("version", "version"), ("compiler", "compiler"),
                        ("compiler_flags", "built as"), ("openblas_config", "OpenBLAS"),
                        ("openblas_core", "OpenBLAS kernels"), ("simd_target", "SIMD"),
                        ("host", "host")):
        rows.append((title, list(distinct(name))))
    starts = sorted(distinct("start_time"))
    ends = sorted(distinct("end_time"))
    if starts and ends:
        rows.append(("measured", [f"{starts[0]} to {ends[-1]}"]))
    for key, title in (("machine_loaded_runs", "timed beside other work"),
                       ("shared_runs", "timed on a shared machine")):
        if key in found:
            rows.append((title, [f"{found[key]} of {comparison['runs']} runs"]))
    for key, values in sorted((comparison.get("settings") or {}).items()):
        rows.append((key.replace("_", " "), values))
    return [(title, ", ".join(map(str, values))) for title, values in rows if values]


def commands(comparison: dict, config: str | None) -> list[str]:
    """Those that run the sweep, compare it and write this report."""
    run = ["lengthwise run sweep.ini"] if config else []
    results = "results/sweep/sweep.h5" if config else Path(comparison["file"]).name
    return run + [f"lengthwise compare {results}", f"scripts/report {results}"]


def render(comparison: dict, export: dict) -> str:
    tables = page_tables
    config = sweep_config([run.get("config") or "" for run in export["runs"]])
    figures = {"scaling": page_figures.scaling_figures(comparison),
               "parts": page_figures.parts_figures(comparison),
               "accuracy": page_figures.accuracy_figures(comparison),
               "pareto": page_figures.pareto_figures(comparison)}
    labels = [group["label"] for group in comparison["groups"]]
    looks = [style.place(number) for number in range(len(labels))]
    page_data = {
        "figures": [figure for kind in figures.values() for figure in kind],
        "colours": {"light": [style.COLOURS[c] for c, _ in looks],
                    "ink": [style.INK[c] for c, _ in looks],
                    "dark": [style.DARK[c] for c, _ in looks]},
        "parts": style.PART_COLOURS,
    }
    quantities = dict.fromkeys(figure["quantity"] for figure in figures["parts"])
    environment_ = jinja2.Environment(loader=jinja2.FileSystemLoader(FOLDER), autoescape=True,
                                      trim_blocks=True, lstrip_blocks=True,
                                      undefined=jinja2.StrictUndefined)
    limited = any(trace["meta"]["role"] == "ceiling" for figure in figures["accuracy"]
                  for trace in figure["traces"])
    present = lambda *found: [table for table in found if table]
    return environment_.get_template("page.html").render(
        title=comparison.get("study") or Path(comparison["file"]).stem, comparison=comparison,
        summary=comparison.get("summary") or [], labels=labels,
        notes=present(*comparison.get("notes") or [], data.left_out_note(comparison)),
        figures=figures, limited=limited,
        part_quantities=[(name, style.quantity_name(name)) for name in quantities],
        part_names=[style.PART_NAMES[part] for part in style.PARTS],
        main_tables=present(tables.exponents(comparison), *tables.scores(comparison),
                            tables.score_parts(comparison), tables.paired_differences(comparison), tables.pareto(comparison)),
        more_tables=present(tables.crossovers(comparison), *tables.values(comparison),
                            *tables.parts(comparison)),
        runs=tables.runs(export), environment=environment(comparison, export), config=config,
        commands=commands(comparison, config), data=in_script(page_data), plotly=get_plotlyjs(),
        css=(FOLDER / "page.css").read_text(), script=(FOLDER / "page.js").read_text())
