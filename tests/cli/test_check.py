"""What a check finds in one look: a configuration that passes it starts, and one that does not is mended in one go."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.certificates import Authority

from nocwatch.cli.checking import (
    folder_problems,
    relay_problems,
    relay_remarks_of,
    rule_remarks,
    watch_address_problems,
)
from nocwatch.config import read_configuration
from nocwatch.errors import ConfigurationError
from nocwatch.tap.gate import Gate
from nocwatch.watch.files import load_operators_files


def told(tmp_path: Path, text: str) -> list[str]:
    """What ``nocwatch check`` prints, with ``nocwatch.yaml`` for the file."""
    file = tmp_path / "nocwatch.yaml"
    file.write_text(text)
    settings, problems = read_configuration(file, {})
    if settings is not None:
        csms_is_told = any(each.key.startswith("relay") for each in problems)
        problems += relay_problems(settings, needs_csms=not csms_is_told)
        problems += watch_address_problems(settings) + folder_problems(settings)
        try:
            load_operators_files(settings, Gate(bytes(32)))
        except ConfigurationError as error:
            problems += error.problems
    return [str(each).replace(str(file), "nocwatch.yaml") for each in problems]


def remarked(tmp_path: Path, text: str) -> list[str]:
    """The remarks of ``nocwatch check``."""
    file = tmp_path / "nocwatch.yaml"
    file.write_text(text)
    settings, problems = read_configuration(file, {})
    assert settings is not None
    assert not problems
    loaded, _ = load_operators_files(settings, Gate(bytes(32)))
    found = [*rule_remarks(settings, loaded), *relay_remarks_of(settings)]
    return [str(each).replace(str(file), "nocwatch.yaml") for each in found]


CSMS = 'relay: {upstreams: [{name: main, url: "ws://csms.example"}]}\n'


def test_a_file_full_of_mistakes_is_mended_in_one_go(tmp_path: Path) -> None:
    """Each of these used to show only after the ones before it were mended."""
    lines = told(
        tmp_path,
        """
relay:
  listen:
    - {address: here}
    - {address: "0.0.0.0:9000", tls: {certificate: /no/cert.pem, key: /no/key.pem}}
  upstreams:
    - {name: main, url: "ws://127.0.0.1:9000"}
    - {name: main, url: "wss://b", macth: {path: x}}
journal:
  segment_size: 1KiB
privacy: {tokens: plain}
rules: /no/rules
alerts:
  receivers:
    noc: {apprise_file: /no/secret}
    two: {apprise: "foo://secret"}
  routes:
    - {receivers: [noc, twoo]}
""",
    )
    wanted = [
        "nocwatch.yaml:4:relay.listen.0.address: 'here' is no address",
        "nocwatch.yaml:8:relay.upstreams.1.macth: there is no such key; did you mean match?",
        "nocwatch.yaml:8:relay.upstreams.1.name: another upstream is called main already",
        "nocwatch.yaml:10:journal.segment_size: this must be at least 64KiB (found 1KiB)",
        "nocwatch.yaml:11:privacy.tokens: this must be 'hash' (found 'plain')",
        "nocwatch.yaml:15:alerts.receivers.noc.apprise_file: /no/secret cannot be read",
        "nocwatch.yaml:18:alerts.routes.0.receivers: there is no receiver 'twoo'; did you mean two?",
        "nocwatch.yaml:7:relay.upstreams.0.url: this is 0.0.0.0:9000, where nocwatch itself listens",
        "nocwatch.yaml:5:relay.listen.1.tls.certificate: /no/cert.pem cannot be read",
        "nocwatch.yaml:5:relay.listen.1.tls.key: /no/key.pem cannot be read",
        "nocwatch.yaml:16:alerts.receivers.two.apprise: address 1 is none that apprise knows",
        "nocwatch.yaml:12:rules: /no/rules: there is no such file or folder",
    ]
    assert len(lines) == len(wanted), "\n".join(lines)
    for line, begin in zip(lines, wanted, strict=True):
        assert line.startswith(begin)
    assert "secret" not in lines[10]


@pytest.mark.parametrize(
    ("upstream", "listen", "is_loop"),
    [
        ("ws://127.0.0.1:9000", "127.0.0.1:9000", True),
        ("ws://localhost:9000/ocpp", "127.0.0.1:9000", True),
        ("ws://localhost:9000", "0.0.0.0:9000", True),
        ("ws://[::1]:9000", "[::]:9000", True),
        ("wss://ocpp.example", "ocpp.example:443", True),
        ("ws://127.0.0.1:9001", "0.0.0.0:9000", False),
        ("ws://csms.example:9000", "0.0.0.0:9000", False),
        ("ws://10.0.0.2:9000", "10.0.0.1:9000", False),
    ],
)
def test_an_upstream_that_is_a_listener_of_ours_is_a_mistake(
    tmp_path: Path, upstream: str, listen: str, is_loop: bool
) -> None:
    text = f'relay:\n  listen: [{{address: "{listen}"}}]\n  upstreams:\n    - {{name: main, url: "{upstream}"}}\n'
    lines = told(tmp_path, text)
    assert bool(lines) is is_loop, lines
    if is_loop:
        assert lines[0].startswith("nocwatch.yaml:4:relay.upstreams.0.url: this is ")


@pytest.mark.parametrize(
    ("text", "told_of"),
    [
        (
            'listen: [{address: "127.0.0.1:9443"}, {address: "127.0.0.1:9443"}]',
            "4:relay.listen.1.address: 127.0.0.1:9443",
        ),
        (
            'listen: [{address: "127.0.0.1:9443"}, {address: "0.0.0.0:9443"}]',
            "4:relay.listen.1.address: 127.0.0.1:9443",
        ),
        ('status: "127.0.0.1:9000"', "4:relay.status: 127.0.0.1:9000"),
        ('status: "127.0.0.1:8480"', "console.listen: 127.0.0.1:8480"),
    ],
)
def test_an_address_that_two_parts_want_is_a_mistake(tmp_path: Path, text: str, told_of: str) -> None:
    """With several workers the kernel deals stations out between a listener with TLS and one without."""
    lines = told(
        tmp_path,
        f"""
relay:
  upstreams: [{{name: main, url: "ws://csms.example"}}]
  {text}
""",
    )
    assert len(lines) == 1
    assert f"{told_of} is listened on already" in lines[0]


def test_free_ports_are_each_their_own(tmp_path: Path) -> None:
    assert not told(tmp_path, CSMS + 'console: {listen: "127.0.0.1:0"}\nmetrics: {listen: "127.0.0.1:0"}\n')


def test_a_fallback_may_be_a_loop_too(tmp_path: Path) -> None:
    (line,) = told(
        tmp_path,
        'relay:\n  upstreams:\n    - {name: main, url: "ws://csms", fallbacks: ["ws://b", "ws://127.0.0.1:9000"]}\n',
    )
    assert line.startswith("nocwatch.yaml:3:relay.upstreams.0.fallbacks.1: this is 127.0.0.1:9000")


def test_an_authority_that_is_no_certificate_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no PEM")
    text = f'relay:\n  upstreams:\n    - name: main\n      url: "wss://csms"\n      tls:\n        ca: {tmp_path}/ca.pem\n'
    (line,) = told(tmp_path, text)
    assert line.startswith("nocwatch.yaml:5:relay.upstreams.0.tls: ")
    assert "ca.pem is of no use" in line


def test_rules_and_registry_that_are_named_must_be_there(tmp_path: Path) -> None:
    """Else others run in silence, and nobody notices before the night."""
    lines = told(tmp_path, CSMS + "rules: /no/rules\nregistry: /no/registry\n")
    assert [line.split(" ")[0] for line in lines] == ["nocwatch.yaml:2:rules:", "nocwatch.yaml:3:registry:"]
    assert told(tmp_path, CSMS) == []


def test_a_mistake_is_told_once(tmp_path: Path) -> None:
    assert len(told(tmp_path, CSMS + "alerts: {receivers: {noc: {apprise_file: /no/secret}}}\n")) == 1
    assert (
        len(told(tmp_path, "relay: {listen: [{address: here}], upstreams: [{name: m, url: ws://c}]}\n")) == 1
    )
    (broken,) = told(tmp_path, "relay: [\n")
    assert "no valid YAML" in broken


def test_a_receiver_that_is_wrong_is_no_reason_to_call_it_unknown(tmp_path: Path) -> None:
    text = CSMS + "alerts:\n  receivers: {noc: {file: 7}}\n  routes: [{receivers: [noc]}]\n"
    (line,) = told(tmp_path, text)
    assert line.startswith("nocwatch.yaml:3:alerts.receivers.noc.file: text is wanted")


def test_a_folder_without_rules_is_a_remark_with_what_follows_from_it(tmp_path: Path) -> None:
    """One may want a relay and a console alone; mostly it is the wrong folder, and the night stays quiet."""
    (tmp_path / "rules").mkdir()
    (line,) = remarked(tmp_path, f"{CSMS}rules: {tmp_path}/rules\n")
    assert line.startswith(
        f"nocwatch.yaml:2:rules: there are no rules in {tmp_path}/rules, so nothing will ever be flagged"
    )
    (tmp_path / "rules" / "a.yaml").write_text("rule: a\ndetector: faulted\nenabled: false\n")
    (line,) = remarked(tmp_path, f"{CSMS}rules: {tmp_path}/rules\n")
    assert "every rule is switched off" in line
    (tmp_path / "rules" / "b.yaml").write_text("rule: b\ndetector: faulted\n")
    assert remarked(tmp_path, f"{CSMS}rules: {tmp_path}/rules\n") == []


def test_the_shipped_rules_run_where_none_are_named_and_that_is_no_remark(tmp_path: Path) -> None:
    assert remarked(tmp_path, CSMS) == []


def test_a_listener_without_its_intermediate_certificate_is_a_remark_at_its_line(tmp_path: Path) -> None:
    between = Authority(tmp_path, "Between CA", signed_by=Authority(tmp_path, "Root CA"))
    certificate, key = between.issue("ocpp.example", published=True)
    text = (
        "relay:\n"
        '  upstreams: [{name: main, url: "ws://csms.example"}]\n'
        "  listen:\n"
        '    - address: "0.0.0.0:9443"\n'
        f"      tls: {{certificate: {certificate}, key: {key}}}\n"
    )
    (line,) = remarked(tmp_path, text)
    assert line.startswith(
        f"nocwatch.yaml:5:relay.listen.0.tls.certificate: {certificate}: its chain ends with ocpp.example"
    )
    assert "put the certificate of Between CA below" in line
    certificate.write_bytes(certificate.read_bytes() + between.certificate.read_bytes())
    assert len(remarked(tmp_path, text)) == 1  # Root CA is private: right, if all chargers have it
    assert "right where that is a root authority" in remarked(tmp_path, text)[0]
