"""The list of guards fits the source; `make mutants` does what takes longer."""

from __future__ import annotations

import ast

import pytest

from tests.conftest import ROOT
from tests.mutants.guards import MUTATIONS, Mutation
from tests.mutants.run import mutated


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.guard)
def test_a_guard_stands_where_the_list_says_and_its_tests_are_there(mutation: Mutation) -> None:
    ast.parse(mutated(mutation))

    assert [test for test in mutation.tests if not (ROOT / test.partition("::")[0]).exists()] == []
