from typing import Any

__version__: str

class Decoder:
    def __new__(cls, row_type: type[Any], types: list[str], activities: list[dict[str, Any]]) -> Decoder: ...
    def logs(
        self, request: bytes, holder: object, services: frozenset[str] | None = None
    ) -> tuple[list[Any], list[Any], list[Any], int] | None: ...
