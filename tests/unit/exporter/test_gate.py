"""The tokens file, and who it lets in."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from prelude_exporter.access import tokens, watched
from prelude_exporter.access.gate import Gate, StaleCredentialError, UnauthenticatedError
from prelude_exporter.access.security import Security
from prelude_exporter.access.tokens import Credentials, line_for, new_token, read_credentials
from prelude_exporter.access.watched import Watched
from prelude_exporter.settings import Address, Settings
from prelude_otel.errors import ConfigurationError

TOKEN = new_token()


def file_of(folder: Path, *lines: str) -> Path:
    path = folder / "tokens"
    path.write_text("\n".join(lines), encoding="utf-8")
    path.chmod(0o644)
    return path


def gate_of(folder: Path, *lines: str) -> Gate:
    path = file_of(folder, *lines)
    return Gate(Watched([path], lambda: read_credentials(path, certificates=True)), certificates=True)


def test_a_token_is_long_random_and_easy_to_find_for_scanners() -> None:
    assert TOKEN.startswith("prelude_")
    assert len(TOKEN) == 51
    assert new_token() != TOKEN


def test_the_line_of_a_token_lets_it_in_and_does_not_hold_it(tmp_path: Path) -> None:
    line = line_for("billing", ("billing", "my crm, new"), TOKEN)
    assert TOKEN not in line
    sender = gate_of(tmp_path, "# comment", "", line).sender("10.0.0.1", f"bearer {TOKEN}")
    assert (sender.name, sender.services) == ("billing", frozenset({"billing", "my crm, new"}))


def test_a_star_is_all_services_and_a_dash_none(tmp_path: Path) -> None:
    other = new_token()
    gate = gate_of(tmp_path, line_for("collector", ("*",), TOKEN), line_for("prometheus", (), other))
    assert gate.sender("", f"Bearer {TOKEN}").services is None
    assert gate.sender("", f"Bearer {other}").services == frozenset()


def test_a_name_may_have_several_tokens_and_each_its_last_day(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    other = new_token()
    gate = gate_of(
        tmp_path,
        line_for("billing", ("*",), TOKEN, today),
        line_for("billing", ("*",), other, today - timedelta(days=1)),
    )
    assert gate.sender("", f"Bearer {TOKEN}").name == "billing"
    with pytest.raises(StaleCredentialError):
        gate.sender("", f"Bearer {other}")


def test_every_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(tokens, "hmac", type("", (), {"compare_digest": staticmethod(compare)}))
    path = file_of(tmp_path, *(line_for("a", ("*",), new_token()) for _ in range(3)), line_for("b", ("*",), TOKEN))
    found = read_credentials(path, certificates=False)
    for token in (TOKEN, "wrong"):
        compared.clear()
        found.of_token(token)
        assert len(compared) == 4
        assert {len(part) for pair in compared for part in pair} == {32}
    assert hmac.compare_digest is not compare


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer \udcff", pytest.param(TOKEN, id="a token without Bearer")],
)
def test_no_credential_or_none_of_ours_is_final(tmp_path: Path, authorization: str | None) -> None:
    gate = gate_of(tmp_path, line_for("billing", ("*",), TOKEN))
    with pytest.raises(UnauthenticatedError, match="a valid credential is needed"):
        gate.sender("10.0.0.1", authorization)


def test_where_a_token_is_given_the_certificate_does_not_help(tmp_path: Path) -> None:
    gate = gate_of(tmp_path, line_for("billing", ("*",), TOKEN), "crm crm certificate:crm.internal")
    assert gate.sender("", None, ("other", "crm.internal")).name == "crm"
    with pytest.raises(UnauthenticatedError):
        gate.sender("", "Bearer wrong", ("crm.internal",))


def test_without_a_file_every_certificate_of_the_authority_may_speak_for_all() -> None:
    gate = Gate(certificates=True)
    assert (gate.sender("", None, ("crm.internal",)).name, gate.sender("", None, ("a",)).services) == (
        "crm.internal",
        None,
    )
    with pytest.raises(UnauthenticatedError):
        gate.sender("", f"Bearer {TOKEN}")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("billing billing", "write NAME SERVICES sha256:HASH"),
        pytest.param(f"billing billing {TOKEN}", "the third word is neither", id="a token in place of its hash"),
        ("billing billing sha256:abc", "the third word is neither"),
        ("billing a,,b sha256:" + "0" * 64, "is no list of services"),
        ("billing a,* sha256:" + "0" * 64, "is no list of services"),
        ("billing * certificate:crm", "nobody is asked for a certificate; give --tls-client-ca"),
        ("billing * sha256:" + "0" * 64 + " expires:tomorrow", "expires:YYYY-MM-DD"),
        ("billing * sha256:" + "0" * 64 + " until:2027-01-01", "expires:YYYY-MM-DD"),
        ("# nothing", "lets nobody in"),
    ],
)
def test_a_wrong_line_is_named_without_what_may_be_secret(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_credentials(file_of(tmp_path, line), certificates=False)
    assert said in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert str(tmp_path / "tokens") in str(caught.value)


def test_a_file_that_others_may_write_to_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = file_of(tmp_path, line_for("a", ("*",), TOKEN))
    path.chmod(0o664)
    with pytest.raises(ConfigurationError, match=f"chmod go-w {path}"):
        read_credentials(path, certificates=False)
    with pytest.raises(ConfigurationError, match="No such file"):
        read_credentials(tmp_path / "absent", certificates=False)


@pytest.mark.parametrize("name", ["", "two words", "a#b"])
def test_a_name_that_would_break_the_line_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="is no name for a credential"):
        line_for(name, (), TOKEN)


def test_a_file_that_turns_wrong_leaves_in_force_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watched, "_LOOK_EVERY", 0.0)
    path = file_of(tmp_path, line_for("a", ("*",), TOKEN))
    found: Watched[Credentials] = Watched([path], lambda: read_credentials(path, certificates=False))
    path.write_text(f"a * {TOKEN}", encoding="utf-8")
    for _ in range(3):
        assert found.current().of_token(TOKEN) is not None
    path.unlink()
    assert found.current().of_token(TOKEN) is not None
    path.write_text(line_for("b", ("*",), new_token()), encoding="utf-8")
    assert found.current().of_token(TOKEN) is None
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR", "WARNING"]
    assert TOKEN not in caplog.text


OPEN, HERE = Address("0.0.0.0", 4328), Address("127.0.0.1", 4327)
FILE = Path("file")


@pytest.mark.parametrize(
    ("security", "said"),
    [
        (
            {},
            "0.0.0.0:4328 can be reached from other machines, and anybody there could write as anybody; give --tokens",
        ),
        ({"tls_cert": FILE, "tls_key": FILE}, "anybody there could write as anybody"),
        ({"tokens": FILE}, "tokens would travel there in the clear; give --tls-cert and --tls-key"),
        ({"tls_cert": FILE}, "give --tls-cert and --tls-key"),
        ({"tls_client_ca": FILE}, "it needs --tls-cert and --tls-key"),
    ],
)
def test_to_be_open_to_a_network_takes_a_credential_and_tls(security: dict[str, Path], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings(database_url="x", http=OPEN, grpc=HERE, security=Security(**security))  # type: ignore[arg-type]
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "security",
    [
        Security(allow_unauthenticated=True),
        Security(tokens=FILE, allow_cleartext=True),
        Security(tokens=FILE, tls_cert=FILE, tls_key=FILE),
        Security(tls_client_ca=FILE, tls_cert=FILE, tls_key=FILE),
    ],
)
def test_what_may_be_open_to_a_network(security: Security) -> None:
    settings = Settings(database_url="postgresql://u:canary@h/d", http=OPEN, grpc=OPEN, security=security)
    assert "canary" not in repr(settings)


def test_a_key_that_everybody_can_read_is_complained_of(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch(0o644)
    security = Security(tls_cert=key, tls_key=key)
    assert security.worries() == [f"everybody on this machine can read the key {key}: chmod o-r {key}"]
    key.chmod(0o640)
    assert security.worries() == []
