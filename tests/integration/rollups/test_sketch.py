"""The sketch: 1 % off at most, adding is merging, and SQL and Python have the same forms."""

from __future__ import annotations

import math
from typing import Any

import psycopg
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from prelude_store.rollups import sketch

LONGEST = 2**31 - 1
lengths = st.one_of(st.integers(0, 120), st.integers(0, 20_000), st.integers(0, LONGEST))
fractions = st.one_of(st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]), st.floats(0, 1))


@given(lengths)
@example(LONGEST)
def test_a_mark_stands_for_a_length_at_most_one_percent_off(length: int) -> None:
    assert abs(sketch.value(sketch.mark(length)) - length) <= sketch.RELATIVE_ERROR * length * (1 + 1e-12)


@given(st.lists(lengths, min_size=1, max_size=200), fractions)
def test_a_percentile_is_at_most_one_percent_off(of: list[int], fraction: float) -> None:
    exact = sorted(of)[max(math.ceil(fraction * len(of)), 1) - 1]
    found = sketch.quantile(sketch.sketch(of), fraction)
    assert found is not None
    assert abs(found - exact) <= sketch.RELATIVE_ERROR * exact * (1 + 1e-12)


@given(st.lists(lengths), st.lists(lengths))
def test_merged_sketches_are_the_sketch_of_both(one: list[int], other: list[int]) -> None:
    assert sketch.merge([sketch.sketch(one), sketch.sketch(other)]) == sketch.sketch([*one, *other])


def test_nothing_has_no_percentile() -> None:
    assert sketch.quantile({}, 0.5) is None


def test_marks_are_few_and_in_the_order_of_lengths() -> None:
    marks = [sketch.mark(length) for length in [*range(5000), LONGEST - 1, LONGEST]]
    assert marks == sorted(marks)
    assert marks[-1] < 1000


def test_every_limit_is_the_same_in_sql_and_in_python(superuser: psycopg.Connection[tuple[Any, ...]]) -> None:
    near = sorted({limit + by for limit in sketch._LIMITS for by in (-1, 0, 1)} | {0, 1, 49, LONGEST})
    found = superuser.execute(
        "SELECT prelude_mark(length), prelude_mark_value(prelude_mark(length)) FROM unnest(%s::int[]) WITH ORDINALITY AS l (length, n)"
        " ORDER BY n",
        [near],
    ).fetchall()
    assert [mark for mark, _ in found] == [sketch.mark(length) for length in near]
    assert all(math.isclose(value, sketch.value(mark), rel_tol=1e-12) for mark, value in found)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(lengths, max_size=50), fractions)
def test_a_percentile_is_the_same_in_sql_and_in_python(
    superuser: psycopg.Connection[tuple[Any, ...]], of: list[int], fraction: float
) -> None:
    of_all = sketch.sketch(of)
    row = superuser.execute(
        "SELECT prelude_quantile(%s::smallint[], %s::bigint[], %s)", [list(of_all), list(of_all.values()), fraction]
    ).fetchone()
    expected = sketch.quantile(of_all, fraction)
    assert row is not None
    assert row[0] == expected or math.isclose(row[0], expected or 0, rel_tol=1e-12)
