"""Names of activities in addresses of the dashboard."""

from __future__ import annotations

import pytest

from prelude_analytics.parameters import ParameterError
from prelude_dashboard.names import Named, askable, moved, read, written


def test_names_in_an_address_stay_readable() -> None:
    assert written([Named("crm.view_deal"), Named("crm.send_email", "error")]) == "crm.view_deal~crm.send_email-error"
    assert written([]) is None


@pytest.mark.parametrize("name", ["crm.a~b", "crm.a-error", "crm.<b>&amp;", "crm.%7E", "crm.\u202eab c", "crm.ä/?#+"])
def test_any_name_comes_back_from_an_address(name: str) -> None:
    given = [Named(name), Named("crm.x", "timeout"), Named(name, "error")]
    assert read("steps", written(given)) == given


def test_an_unknown_result_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"steps is 'crm\.x-often'"):
        read("steps", "crm.x-often")


def test_names_move_and_go() -> None:
    given = [Named("a"), Named("b"), Named("c")]
    assert [one.action for one in moved(given, 2, -1)] == ["a", "c", "b"]
    assert [one.action for one in moved(given, 0, 1)] == ["b", "a", "c"]
    assert [one.action for one in moved(given, 1, 0)] == ["a", "c"]


def test_names_that_figures_have_cut_are_not_offered() -> None:
    assert askable("crm.view_deal")
    assert askable("crm." + "n" * 200)
    assert not askable("crm." + "n" * 201)
    assert not askable("crm.nnn…" + "0123456789abcdef" * 2)
