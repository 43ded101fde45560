from typing import Any, Self

__version__: str

class Decoder:
    def __new__(
        cls, row_type: type[Any], types: list[str], activities: list[dict[str, Any]], max_records: int | None
    ) -> Self: ...
    def logs(
        self, request: bytes, holder: object, services: frozenset[str] | None = None
    ) -> tuple[list[Any], list[Any], list[Any], int] | None: ...

def copy_text(rows: list[Any], lane: int, first_seq: int) -> bytes | None: ...
