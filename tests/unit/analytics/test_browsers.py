"""Browsers out of user agents, by names that people know."""

from __future__ import annotations

import pytest

from prelude_analytics.browsers import browser_of


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/137.0.0.0 Safari/537.36",
            "Chrome on Windows",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/137.0.0.0 Safari/537.36 Edg/137.0",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.4 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) Version/18.4 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/137.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0", "Firefox on Linux"),
        ("PreludeMobile/3.2 (iOS 18.4)", "PreludeMobile"),
        ("python-requests/2.32", "python-requests"),
        ("something", "something"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_browser_goes_by_its_own_name_whatever_else_it_says_that_it_is(agent: str | None, name: str) -> None:
    assert browser_of(agent) == name
