# SPDX-License-Identifier: Apache-2.0
"""Figures, what is wanted of them, and the table of both."""

import collections
import pathlib

from contestants import MACHINE, NGINX, ORIGINAL, OURS

COLUMNS = (OURS, ORIGINAL, NGINX, MACHINE)


class Target:
    """What `ours` should be: at least, or at most, a number or so much of another's."""

    def __init__(self, least, number, of=None):
        self.least, self.number, self.of = least, number, of

    def bound(self, values):
        other = values.get(self.of) if self.of else 1
        return None if other is None else self.number * other

    def met(self, values):
        bound = self.bound(values)
        if bound is None:
            return None
        if OURS not in values:
            return False
        return values[OURS] >= bound if self.least else values[OURS] <= bound

    def missed_by(self, values):
        bound = self.bound(values)
        if not values.get(OURS):
            return float("inf")
        return bound / values[OURS] if self.least else values[OURS] / bound

    def __str__(self):
        return ("≥ " if self.least else "≤ ") + number(self.number) + (f" × {self.of}" if self.of else "")


def at_least(number, of=None):
    return Target(True, number, of)


def at_most(number, of=None):
    return Target(False, number, of)


class Figure:
    """One line of the table: what was measured, in which unit, {contestant: number}. `why` is what stands in the way
    if the target is missed. `at` is where it stands in a series: (of what, how many)."""

    def __init__(self, what, unit, values, target=None, why=None, at=None):
        self.series, self.unit, self.target, self.why, self.at = what, unit, target, why, at
        self.values = {name: value for name, value in values.items() if value is not None}

    @property
    def what(self):
        return f"{self.series}, {self.at[0]}: {self.at[1]:,}" if self.at else self.series

    @property
    def missed(self):
        return self.target is not None and self.target.met(self.values) is False

    def verdict(self):
        if self.target is None:
            return ""
        met = self.target.met(self.values)
        if met is None:
            return f"{self.target}: not compared"
        return f"{self.target}: " + ("met" if met else f"**missed**, {self.target.missed_by(self.values):.2f} ×")

    def ratio(self, other):
        if other not in self.values or OURS not in self.values or not self.values[other]:
            return ""
        return number(self.values[OURS] / self.values[other])

    def cells(self):
        return [self.what, self.unit, *[number(self.values.get(name)) for name in COLUMNS],
                self.ratio(ORIGINAL), self.ratio(NGINX), self.verdict()]


def number(value):
    if value is None:
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


HEAD = ["what", "unit", *COLUMNS, f"ours : {ORIGINAL}", f"ours : {NGINX}", "target"]


def table(figures):
    """In Markdown, with columns that are straight for whoever reads it as it is."""
    rows = [HEAD] + [figure.cells() for figure in figures]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + "\n"


def missed(figures):
    lines = []
    for figure in figures:
        if figure.missed:
            reason = f" {figure.why}" if figure.why else ""
            lines.append(f"- {figure.what}, {figure.unit}: {number(figure.values.get(OURS)) or 'nothing'} where "
                         f"{number(figure.target.bound(figure.values))} was wanted.{reason}")
    return "\n".join(lines) + "\n" if lines else "None.\n"


def growth(figures):
    """How each series goes, from its first point to its last."""
    series = collections.defaultdict(list)
    for figure in figures:
        if figure.at:
            series[figure.series, figure.unit, figure.at[0]].append(figure)
    lines = []
    for (what, unit, axis), points in series.items():
        for name in COLUMNS:
            known = [(point.at[1], point.values[name]) for point in points if name in point.values]
            if len(known) > 1:
                steps = ", ".join(f"{at:,} → {number(value)}" for at, value in known)
                times = f"; {number(known[-1][1] / known[0][1])} × in all" if known[0][1] else ""
                lines.append(f"- {what}, {unit}, by {axis}, {name}: {steps}{times}")
    return "\n".join(lines) + "\n" if lines else "Nothing was measured.\n"


def write(path, text):
    pathlib.Path(path).write_text(text, encoding="utf-8")
