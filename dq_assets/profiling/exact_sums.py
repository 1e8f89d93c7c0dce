"""Sums of integers and decimals that no type of DuckDB can hold, and the numbers that their texts stand for."""

from __future__ import annotations

import re
from decimal import Decimal, localcontext
from fractions import Fraction

from sqlglot import exp, parse_one


def exact_sum(value: exp.Expr, data_type: str, rows: str = "") -> exp.Expr:
    """Return the sum of exact numbers as text, on DuckDB: numbers with a blank between them, which make the sum together (see ``total_of``).

    Numbers of up to 38 digits are cut in three, since DuckDB's sums of them overflow: 10^18 times the first, the second, and what is behind the point.

    Args:
        value: the number.
        data_type: its type, as DuckDB spells it.
        rows: the column that holds how many rows have the value; empty: each row has one.
    """
    kind = data_type.upper()
    text, times = value.sql(dialect="duckdb"), f" * {rows}" if rows else ""
    decimal = re.match(r"DECIMAL\((\d+),\s*(\d+)\)", kind)
    if decimal is None and "HUGE" not in kind and kind != "UBIGINT":
        parts = [f"sum(CAST({text} AS HUGEINT){times})"]
    elif decimal is not None and int(decimal[1]) <= 18:
        parts = [f"sum({text}{f' * CAST({rows} AS DECIMAL(18, 0))' if rows else ''})"]
    else:
        whole = text if decimal is None else f"CAST(trunc({text}) AS HUGEINT)"
        parts = [f"sum(CAST({whole} // 1000000000000000000 AS HUGEINT){times})", f"sum(CAST({whole} % 1000000000000000000 AS HUGEINT){times})"]
        if decimal is not None and decimal[2] != "0":
            behind = f"CAST({text} - CAST(trunc({text}) AS {kind}) AS DECIMAL(18, {decimal[2]}))"
            parts.append(f"sum({behind}{f' * CAST({rows} AS DECIMAL(18, 0))' if rows else ''})")
    return parse_one(" || ' ' || ".join(f"CAST({part} AS VARCHAR)" for part in parts), read="duckdb")


def total_of(text: str) -> Fraction:
    """Return the number that ``exact_sum`` wrote, or any other one in digits."""
    whole, *rest = text.split()
    return Fraction(whole) if not rest else Fraction(whole) * 10**18 + sum(map(Fraction, rest))


def in_digits(number: Fraction) -> str:
    """Return a number with a finite decimal expansion in digits."""
    with localcontext(prec=200):
        return f"{Decimal(number.numerator) / Decimal(number.denominator):f}"
