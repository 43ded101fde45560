"""How long data are kept, in a sentence for the person."""

from __future__ import annotations

import pytest

from prelude_store.dossier.kept import _sentence


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (("crm.send_email", None, "90d"), "Of activities crm.send_email, all is kept for 90 days."),
        (("crm.*", "device", "6mo"), "Of activities crm.*, the browser and the network address is kept for 6 months."),
        (("", "person", "2y"), "Of all other activities, whose they are is kept for 2 years."),
        (("", None, "forever"), "Of all other activities, all is kept until it is erased."),
    ],
)
def test_a_policy_is_a_sentence(policy: tuple[str, str | None, str], said: str) -> None:
    assert _sentence(*policy) == said
