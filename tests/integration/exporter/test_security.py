"""TLS, tokens and client certificates on both ports of a real exporter, with real clients."""

from __future__ import annotations

import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from prelude_exporter.access.tokens import line_for, new_token
from tests.integration.exporter.conftest import LOGS, Exporter, activity, eventually, logs, span_of, traces
from tests.support.certificates import Authority, Pair
from tests.support.postgres import TestServer, as_role

Query = Callable[..., list[tuple[Any, ...]]]
BILLING, COLLECTOR, EXPIRED = new_token(), new_token(), new_token()
ROWS = "SELECT service_name FROM user_activity_logs ORDER BY service_name"
REASONS = "SELECT reason, detail FROM activity_quarantine"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


class Secured:
    """An exporter with TLS, and clients of it."""

    def __init__(self, url: str, folder: Path, authority: Authority, *flags: str) -> None:
        self.folder, self.authority = folder, authority
        self.tokens = folder / "tokens"
        self.write(
            line_for("billing", ("billing",), BILLING),
            line_for("collector", ("*",), COLLECTOR),
            line_for("billing", ("billing",), EXPIRED) + "  expires:2020-01-31",
        )
        self.pair = authority.server()
        self.exporter = Exporter(
            as_role(url, "writer"),
            f"--tls-cert={self.pair.certificate}",
            f"--tls-key={self.pair.key}",
            f"--tokens={self.tokens}",
            *flags,
        )

    def write(self, *lines: str) -> None:
        self.tokens.write_text("# who may send\n" + "\n".join(lines) + "\n", encoding="utf-8")

    def context(self, pair: Pair | None = None, authority: Authority | None = None) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=str((authority or self.authority).certificate))
        if pair is not None:
            made.load_cert_chain(pair.certificate, pair.key)
        return made

    def http(
        self,
        path: str = "/v1/logs",
        body: bytes | None = None,
        token: str | None = None,
        pair: Pair | None = None,
        **headers: str,
    ) -> tuple[int, bytes]:
        named = {"content-type": "application/x-protobuf"} | {k.replace("_", "-"): v for k, v in headers.items()}
        if token is not None:
            named["authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.exporter.http + path, body, named)
        try:
            with urllib.request.urlopen(request, timeout=20, context=self.context(pair)) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def grpc(
        self, body: bytes, token: str | None = None, pair: Pair | None = None, authority: Authority | None = None
    ) -> str:
        credentials = grpc.ssl_channel_credentials(
            (authority or self.authority).certificate.read_bytes(),
            pair.key.read_bytes() if pair else None,
            pair.certificate.read_bytes() if pair else None,
        )
        metadata = (("authorization", f"Bearer {token}"),) if token is not None else ()
        # A pool of its own: channels to the same address share a connection otherwise.
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.secure_channel(self.exporter.grpc, credentials, options=options) as channel:
            try:
                channel.unary_unary(LOGS)(body, timeout=10, metadata=metadata)
            except grpc.RpcError as error:
                return f"{error.code().name}: {error.details()}"
        return "OK"


@pytest.fixture(scope="module")
def shared(
    postgres: TestServer, tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[tuple[str, Any]]:
    url = postgres.create_database()
    secured = Secured(url, tmp_path_factory.mktemp("secured"), authority)
    yield url, secured
    code, said = secured.exporter.stop()
    for stream in (secured.exporter.process.stdout, secured.exporter.process.stderr):
        assert stream is not None
        stream.close()
    postgres.drop_database(url)
    assert code == 0
    assert not [token for token in (BILLING, COLLECTOR, EXPIRED) if token in said or token[8:20] in said]
    assert 1 <= said.count("was answered unauthenticated") <= 4  # however many there were


@pytest.fixture
def secured(shared: tuple[str, Secured], query: Query) -> Secured:
    query("DELETE FROM activity_quarantine RETURNING 1")
    query("DELETE FROM user_activity_logs RETURNING 1")
    return shared[1]


@pytest.mark.parametrize("token", [None, "", "wrong", "billing"])
def test_who_has_no_credential_or_a_wrong_one_is_refused(secured: Secured, token: str | None, query: Query) -> None:
    status, said = secured.http(body=logs(activity()), token=token)
    assert (status, b"a valid credential is needed" in said) == (401, True)
    assert secured.grpc(logs(activity()), token) == "UNAUTHENTICATED: a valid credential is needed"
    assert query(ROWS) == []


def test_a_token_of_ours_that_is_not_in_force_costs_delay_and_no_data(secured: Secured, query: Query) -> None:
    for token in (new_token(), EXPIRED, BILLING[:-1]):
        assert secured.http(body=logs(activity()), token=token)[0] == 503
        assert secured.grpc(logs(activity()), token).startswith("UNAVAILABLE: this credential is not in force")
    assert query(ROWS) == []


def test_a_sender_speaks_for_its_services_and_its_other_records_are_kept_aside(secured: Secured, query: Query) -> None:
    own, other = logs(activity(1), service="billing"), logs(activity(2), service="crm-service")
    assert secured.http(body=own + other, token=BILLING)[0] == 200
    assert secured.grpc(logs(activity(3), service="billing") + other, BILLING) == "OK"
    assert query(ROWS) == [("billing",), ("billing",)]
    assert query(REASONS) == [
        (
            "service_not_allowed",
            "a record of service 'crm-service' came from 'billing' at 127.0.0.1, who may speak for: billing",
        )
    ]


def test_the_span_of_another_service_completes_nothing(secured: Secured, query: Query) -> None:
    waiting = activity(8, **{"prelude.span.duration_ns": None})
    assert secured.http(body=logs(waiting, service="crm-service"), token=COLLECTOR)[0] == 200
    spans = traces(span_of(8, 5_000_000), service="crm-service")
    assert secured.http("/v1/traces", spans, BILLING)[0] == 200
    assert query("SELECT duration_ms FROM user_activity_logs") == [(None,)]
    assert secured.http("/v1/traces", spans, COLLECTOR)[0] == 200
    assert query("SELECT duration_ms FROM user_activity_logs") == [(5,)]


def test_tokens_are_rotated_while_it_runs(secured: Secured) -> None:
    before, after = new_token(), new_token()
    others = [line_for("billing", ("billing",), BILLING), line_for("collector", ("*",), COLLECTOR)]
    body = logs(activity(), service="crm")
    lines = line_for("crm", ("crm",), before), line_for("crm", ("crm",), after)

    def answers(token: str, wanted: int) -> None:
        eventually(lambda: secured.http(body=body, token=token)[0] == wanted, within=5)

    secured.write(*others, lines[0])
    answers(before, 200)
    secured.write(*others, *lines)
    answers(after, 200)
    assert secured.http(body=body, token=before)[0] == 200
    secured.write(*others, lines[1])
    answers(before, 503)
    secured.write("this is no line")  # a mistake: what was there before stays in force
    time.sleep(1.2)
    assert secured.http(body=body, token=after)[0] == 200
    secured.write(*others, line_for("billing", ("billing",), EXPIRED) + "  expires:2020-01-31")


def test_health_is_told_to_everybody_and_the_rest_to_whom_it_knows(secured: Secured) -> None:
    assert secured.http("/healthz")[0] == 200
    assert secured.http("/metrics")[0] == 200  # from this machine
    assert secured.http("/metrics", x_forwarded_for="10.0.0.1")[0] == 401  # by a proxy on it
    assert secured.http("/metrics", token=BILLING, x_forwarded_for="10.0.0.1")[0] == 200
    status, said = secured.http("/readyz", x_forwarded_for="10.0.0.1")
    assert (status, said) == (200, b'{"ready": true, "why_not": null}')


def test_refusals_are_counted(secured: Secured) -> None:
    secured.http(body=b"", token="wrong")
    secured.http(body=b"", token=new_token())
    said = secured.http("/metrics")[1].decode()
    for outcome in ("unauthenticated", "stale_credential"):
        found = re.search(rf'requests_total{{outcome="{outcome}",protocol="http",signal="logs"}} (\d+)', said)
        assert found
        assert int(found[1]) > 0


def test_the_certificate_is_replaced_while_it_runs(secured: Secured, tmp_path: Path) -> None:
    newer = Authority(tmp_path, "newer authority")
    fresh = newer.server()
    old = secured.pair.certificate.read_bytes(), secured.pair.key.read_bytes()
    body = logs(activity(), service="billing")
    try:
        secured.pair.certificate.write_bytes(fresh.certificate.read_bytes())
        time.sleep(1.2)
        assert secured.grpc(body, BILLING) == "OK"  # half of the pair: the old one stays in force
        secured.pair.key.write_bytes(fresh.key.read_bytes())
        eventually(lambda: secured.grpc(body, BILLING, authority=newer) == "OK")
        assert secured.grpc(body, BILLING).startswith("UNAVAILABLE")
        with urllib.request.urlopen(
            secured.exporter.http + "/healthz", context=secured.context(authority=newer), timeout=10
        ) as answer:
            assert answer.status == 200
    finally:
        secured.pair.certificate.write_bytes(old[0])
        secured.pair.key.write_bytes(old[1])
        eventually(lambda: secured.grpc(body, BILLING) == "OK")


def test_without_tls_nobody_is_understood(secured: Secured) -> None:
    with grpc.insecure_channel(secured.exporter.grpc) as channel, pytest.raises(grpc.RpcError):
        channel.unary_unary(LOGS)(b"", timeout=5)
    with pytest.raises(OSError):
        urllib.request.urlopen(secured.exporter.http.replace("https", "http") + "/healthz", timeout=5)


@pytest.fixture(scope="module")
def mutual(
    shared: tuple[str, Any], tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("mutual")
    tokens = folder / "more"
    tokens.write_text(
        "crm-host crm certificate:crm.internal\nbilling-host billing certificate:billing\nmetrics - certificate:metrics\n"
    )
    made = Secured(shared[0], folder, authority, f"--tls-client-ca={authority.certificate}", f"--tokens={tokens}")
    yield made
    assert made.exporter.stop()[0] == 0
    for stream in (made.exporter.process.stdout, made.exporter.process.stderr):
        assert stream is not None
        stream.close()


def test_a_client_certificate_says_who_it_is(
    mutual: Secured, secured: Secured, authority: Authority, query: Query
) -> None:
    by_alternative_name = authority.client("anything", alternative="crm.internal")
    by_common_name = authority.client("billing")
    both = logs(activity(1), service="crm") + logs(activity(2), service="billing")
    assert mutual.http(body=both, pair=by_alternative_name)[0] == 200
    assert query(ROWS) == [("crm",)]
    assert mutual.grpc(both, pair=by_common_name) == "OK"
    assert query(ROWS) == [("billing",), ("crm",)]
    assert sorted(detail.partition(", ")[0] for _, detail in query(REASONS)) == [
        "a record of service 'billing' came from 'crm-host' at 127.0.0.1",
        "a record of service 'crm' came from 'billing-host' at 127.0.0.1",
    ]


def test_a_certificate_of_ours_that_the_file_does_not_name_has_to_wait(mutual: Secured, authority: Authority) -> None:
    unknown = authority.client("somebody")
    assert mutual.http(body=logs(activity()), pair=unknown)[0] == 503
    assert mutual.grpc(logs(activity()), pair=unknown).startswith("UNAVAILABLE: this credential is not in force")


def test_without_a_certificate_or_with_a_foreign_one_nobody_gets_in(
    mutual: Secured, tmp_path: Path, authority: Authority
) -> None:
    foreign = Authority(tmp_path, "foreign authority").client("billing")
    old = authority.client("old", alternative="crm.internal", valid=False)
    assert mutual.http("/healthz")[0] == 200
    assert mutual.http(body=logs(activity()))[0] == 401
    assert mutual.grpc(logs(activity())).startswith("UNAVAILABLE")
    for pair in (foreign, old):
        assert mutual.grpc(logs(activity()), pair=pair).startswith("UNAVAILABLE")
        with pytest.raises(OSError):
            mutual.http(body=logs(activity()), pair=pair)
