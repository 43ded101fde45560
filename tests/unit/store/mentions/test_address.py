"""An address is found wherever it is meant, and nobody else's is taken for it."""

from __future__ import annotations

import pytest

from prelude_store.mentions.address import Address, AddressError
from prelude_store.mentions.content import ERASED

ADA = Address("  Ada.B@X.com ")


@pytest.mark.parametrize(
    "text",
    [
        "ada.b@x.com", "ADA.B@X.COM", " ada.b@x.com ", "Ada <ada.b@x.com>", "to:ada.b@x.com,carl@x.com", "ask ada.b@x.com.",
        "/crm?to=ada.b%40x.com", "/crm?to=ada.b%2540x.com&a=1", "?q=Bob%20%3Cada.b%40x.com%3E", "mailto:ada.b@x.com",
        "'ada.b@x.com'", "ada.b@x.com-17", "ada.b@x.com_17", "ada.b@x.com.pdf", "(ada.b@x.com)",
    ],
)  # fmt: skip
def test_the_address_is_found(text: str) -> None:
    assert ADA.mentioned(text)
    assert any(all(needle in text.lower() for needle in needles) for needles in ADA.needles)
    assert not ADA.mentioned(ADA.replaced(text, ERASED))


@pytest.mark.parametrize(
    "text",
    [
        "xada.b@x.com", "c.ada.b@x.com", "c+ada.b@x.com", "ada.b@x.com.au", "ada.b@x.company", "ada.b@x.com-mail.de", "adaxb@x.com",
        "ada.b at x.com", "o'ada.b@x.com", "?q=%2Bada.b%40x.com",
    ],
)  # fmt: skip
def test_somebody_else_is_not_taken_for_it(text: str) -> None:
    assert not ADA.mentioned(text)
    assert ADA.replaced(text, ERASED) is text


@pytest.mark.parametrize(
    "email", ["ä.öl@müller.de", "a+b@x.com", "a+b+c@x.com", '"odd one"@x.com', "o'neil@x.com", "a/b@x.com"]
)
def test_odd_addresses_are_found_plain_and_encoded(email: str) -> None:
    from urllib.parse import quote

    if " " in email:
        with pytest.raises(AddressError):
            Address(email)
        return
    address = Address(email)
    for text in (
        email,
        email.upper(),
        f"/p?u={quote(email)}",
        f"/p?u={quote(email, safe='')}&b",
        f"<{email}>",
        f"x {email}, y",
    ):
        assert address.mentioned(text), text
        assert any(all(needle in text.lower() for needle in needles) for needles in address.needles), text
        assert "x.com" not in address.replaced(text, "-")


def test_a_new_address_is_encoded_as_the_old_one_was() -> None:
    assert ADA.replaced("/p?u=ada.b%40x.com&v=ada.b@x.com", "new@y.org") == "/p?u=new%40y.org&v=new@y.org"


@pytest.mark.parametrize(
    "given", ["", "ada", "ada@", "@x.com", "a@b@c", "ada @x.com", "x" * 2000 + "@x.com", "a\x00@x.com"]
)
def test_what_is_no_address_is_refused_with_an_example(given: str) -> None:
    with pytest.raises(AddressError, match=r"looks like ada@company\.com"):
        Address(given)
