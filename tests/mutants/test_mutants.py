"""Every mutant still applies; in the long run, every mutant is noticed by the tests named for it.

One mutant that needs no compiler runs in the suite, so that the machinery itself is tested. The others:
`python -m pytest -m soak tests/mutants`, or `python -m tests.soak.run --only mutants`.
"""

from __future__ import annotations

import ast

import pytest

from tests.mutants.table import MUTANTS, WORKER, Mutant
from tests.mutants.tree import applied, hunt, tree

BY_NAME = {m.name: m for m in MUTANTS}
SMOKE = "acknowledges-another-generation"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_a_mutant_applies_and_is_python(mutant: Mutant) -> None:
    ast.parse(applied(mutant))


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(MUTANTS)


def test_a_mutant_is_noticed() -> None:
    verdict = hunt(BY_NAME[SMOKE])
    assert verdict.killed, verdict.words


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_without_a_mutant_the_killers_pass() -> None:
    nodes = sorted({node for m in MUTANTS for node in m.killer})
    with tree(None) as copy:
        copy.build()
        outcome = copy.test(nodes)
    assert not outcome.failures, outcome.text
    assert not outcome.broken, outcome.broken
    assert outcome.tests >= len(nodes)
    assert WORKER in nodes


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_the_mutant_is_noticed(mutant: Mutant) -> None:
    verdict = hunt(mutant)
    assert verdict.killed, f"{mutant.rule}: {verdict.words}"
