# SPDX-License-Identifier: Apache-2.0
"""Rows as a table, as CSV, and as a picture."""
import collections
import csv
import shutil
import statistics
import subprocess

# goal: ("<=" or ">=", ratio to the peer, or where there is no peer: a value)
Row = collections.namedtuple("Row", "name goal unit ours peer theirs")
HEAD = ("row", "goal", "lanram", "peer", "peer_value", "ratio", "unit")


def number(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


class Figure:
    """One row: medians over the rounds, and their ratio."""

    def __init__(self, row, values):
        self.row, ours = row, values.get(row.ours, [])
        theirs = values.get(row.theirs, []) if row.peer else [1]
        self.measured = bool(ours and theirs)
        if not self.measured:
            return
        self.ours, self.theirs = statistics.median(ours), \
            statistics.median(theirs)
        self.least, self.most = min(ours), max(ours)
        self.ratio = self.ours / self.theirs

    @property
    def goal(self):
        if not self.row.goal:
            return ""
        sign, n = self.row.goal
        return f"{sign} {n:g}" + (" x" if self.row.peer else
                                  f" {self.row.unit}")

    @property
    def reached(self):
        sign, n = self.row.goal
        return self.ratio <= n if sign == "<=" else self.ratio >= n

    def cells(self):
        r = self.row
        if not self.measured:
            return [r.name, self.goal, "not measured", r.peer or "", "", "",
                    ""]
        verdict = "" if not r.goal else " ok" if self.reached else " short"
        return [r.name, self.goal, f"{number(self.ours)} {r.unit}",
                r.peer or "", number(self.theirs) if r.peer else "",
                (f"{self.ratio:.2f}" if r.peer else "") + verdict,
                f"{number(self.least)} to {number(self.most)}"]


def table(figures):
    lines = [("row", "goal", "lanram", "peer", "its value", "ratio",
              "spread of lanram"), ("---",) * 7]
    lines += [f.cells() for f in figures]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def write_csv(figures, path):
    with open(path, "w", newline="") as out:
        w = csv.writer(out)
        w.writerow(HEAD)
        for f in figures:
            if not f.measured:
                w.writerow([f.row.name, f.goal, "not measured",
                            f.row.peer or "", "", "", f.row.unit])
            else:
                w.writerow([f.row.name, f.goal, f"{f.ours:.3f}",
                            f.row.peer or "",
                            f"{f.theirs:.3f}" if f.row.peer else "",
                            f"{f.ratio:.3f}", f.row.unit])


PLOT = """
set terminal svg size 900,{high} font 'sans-serif,12' background 'white'
set output '{path}'
set title 'lanram / peer, median (log scale; the mark is the goal)'
set logscale x
set yrange [-0.5:{n}-0.5] reverse
set ytics ({tics})
set grid x
set lmargin 58
plot '-' using 2:1:(0):2:($1-0.3):($1+0.3) with boxxyerror notitle \\
     linecolor rgb '#d9822b' fillstyle solid, \\
     '-' using 2:1 with points pointtype 2 linewidth 2 notitle
{bars}e
{goals}e
"""


def write_svg(figures, path):
    """Through gnuplot, of the rows that have a peer."""
    rows = [f for f in figures if f.measured and f.row.peer]
    if not rows or not shutil.which("gnuplot"):
        return False
    tics = ", ".join('"%s, %s" %d' % (f.row.name.replace("`", ""),
                                      f.row.peer, i)
                     for i, f in enumerate(rows))
    bars = "".join(f"{i} {f.ratio:.4f}\n" for i, f in enumerate(rows))
    goals = "".join(f"{i} {f.row.goal[1]}\n" for i, f in enumerate(rows)
                    if f.row.goal)
    script = PLOT.format(high=60 + 24 * len(rows), path=path, n=len(rows),
                         tics=tics, bars=bars, goals=goals)
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
    return True


CURVES = """
set terminal svg size 900,560 font 'sans-serif,12' background 'white'
set output '{path}'
set logscale xy
set format xy '%.0s%c'
set grid
set key outside right
set xlabel '{x}'
set ylabel '{y}'
plot {plots}
{data}
"""


def write_curves(path, x, y, series):
    """{name: [(x, y)]}, both logarithmic; what is 0 cannot be shown."""
    series = {k: [p for p in v if p[0] and p[1]] for k, v in series.items()}
    series = {k: v for k, v in series.items() if len(dict(v)) > 1}
    if not series or not shutil.which("gnuplot"):
        return False
    plots = ", ".join(f"'-' using 1:2 with linespoints title '{name}'"
                      for name in series)
    data = "\n".join("\n".join(f"{a} {b}" for a, b in points) + "\ne"
                     for points in series.values())
    subprocess.run(["gnuplot"], text=True, check=True,
                   input=CURVES.format(path=path, x=x, y=y, plots=plots,
                                       data=data))
    return True
