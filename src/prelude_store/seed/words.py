"""Texts that people type and choose in a made-up past."""

from __future__ import annotations

from typing import Final

__all__ = [
    "COMPANIES", "DEALS", "EMAIL_TYPES", "MEETINGS", "MISTYPED", "NAMES", "SECTIONS", "SETTINGS", "STAGES", "SUBJECTS",
]  # fmt: skip

COMPANIES: Final = (
    "acme", "northwind", "halden", "bluefern", "kestrel", "solberg", "orchard", "tidewater", "papyrus", "quarry", "lumen", "harbour",
    "cobalt", "juniper", "meridian", "saffron", "granite", "willow", "zenith", "amber",
)  # fmt: skip
NAMES: Final = (
    "info",
    "wile.carter",
    "rosa.diaz",
    "elena.marsh",
    "paul.adeyemi",
    "nina.berg",
    "omar.said",
    "julia.stein",
    "mei.chen",
    "finn.burke",
)
MISTYPED: Final = ("acne corp", "nortwind", "haldn logistics", "test", "asdf", "kestral")
DEALS: Final = (
    "Enterprise Contract",
    "Pilot",
    "Renewal",
    "Support Plan",
    "Expansion",
    "Training Days",
    "Annual Licence",
)
STAGES: Final = ("qualified", "proposal", "negotiation", "won", "lost")
MEETINGS: Final = ("Quarterly Business Review", "Product demonstration", "Contract review", "Kick-off")
EMAIL_TYPES: Final = ("followup", "followup", "introduction", "proposal", "thank_you")
SUBJECTS: Final = (
    "Follow-up on our discussion",
    "Our proposal",
    "Good to meet you",
    "Thank you",
    "Next steps",
    "Are you still interested?",
)
SECTIONS: Final = ("home", "home", "inbox", "calendar", "tasks", "help", "profile")
SETTINGS: Final = ("signature", "notifications", "language", "working_hours")
