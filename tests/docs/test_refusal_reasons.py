"""Every word that the relay refuses a station by is in the one table of them, is told in the docs, and nothing else is."""

from __future__ import annotations

import ast
import ssl

from tests.support.reference import DOCS, ROOT, rows

from nocwatch.proxy.handshake import Flaw
from nocwatch.proxy.proxy_protocol import HeaderFlaw
from nocwatch.proxy.tls import station_reason
from nocwatch.refusal_reasons import REASONS, cause_of, table

WHERE = [*(ROOT / "src/nocwatch/proxy").glob("*.py"), *(ROOT / "src/nocwatch/relay").glob("*.py")]
VERIFY_CODES = range(80)
"""Of X509_V_ERR_*: what a client certificate can be refused for."""


def literals() -> set[str]:
    """Second arguments of ``Failure``, keys of ``refused[…]``, and words of TLS, as they stand in the code."""
    found = set()
    for path in WHERE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Failure" and len(node.args) > 1:
                found |= words(node.args[1])
            elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("refused"):
                found |= words(node.slice)
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("reason", "_REASONS"):
                found |= words(node.value)
            elif isinstance(node, ast.Return) and node.value is not None:
                found |= {word for word in words(node.value) if word.startswith("station_tls")}
    return found


def words(node: ast.AST) -> set[str]:
    if isinstance(node, ast.JoinedStr):
        return set()
    if isinstance(node, ast.Dict):
        return set().union(*(words(each) for each in node.values))
    return {
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value.islower() and " " not in each.value
    }  # fmt: skip


def of_certificates() -> set[str]:
    found = set()
    for code in VERIFY_CODES:
        error = ssl.SSLCertVerificationError()
        error.verify_code = code
        found.add(station_reason(error))
    return found


def test_every_word_of_the_code_is_in_the_table_and_no_other() -> None:
    said = literals() | of_certificates() | {each.value for each in (*Flaw, *HeaderFlaw)}
    assert {
        "no_route",
        "loop",
        "relay_fault",
        "shutting_down",
        "station_tls_left",
    } <= said  # the search does find
    assert said == set(REASONS)


def test_the_page_of_metrics_has_the_table() -> None:
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert table() in page, "write it anew: nocwatch.refusal_reasons.table()"


def test_reasons_of_tls_are_told_to_operators_too() -> None:
    section = (
        (DOCS / "operators.md").read_text(encoding="utf-8").split("## Certificates")[1].split("\n## ")[0]
    )
    for reason in REASONS:
        if reason.startswith("station_tls"):
            end = reason.removeprefix("station_tls_certificate")
            assert f"`{reason}`" in section or f"`…{end}`" in section, reason


def test_answers_of_the_csms_are_the_csmss_and_words_of_tomorrow_nobodys() -> None:
    assert cause_of("answer_418") == cause_of("answer") == "CSMS"
    assert cause_of("word_of_tomorrow") is None
    assert set(rows(table())) == {"answer_<status>", *REASONS}
