"""Who may read what."""

from prelude_analytics.access.caller import Caller, Calls, Ranks, may_rank, restrict
from prelude_analytics.access.roles import Role
from prelude_analytics.access.watching import Watch

__all__ = ["Caller", "Calls", "Ranks", "Role", "Watch", "may_rank", "restrict"]
