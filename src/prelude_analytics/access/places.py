"""What counts as one address."""

from __future__ import annotations

import ipaddress

__all__ = ["place_of"]


def place_of(address: str) -> str:
    """Of IPv6 the network of a site, which has as many addresses as it likes."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(found) if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))  # noqa: PLR2004
