"""The experiments from Python."""

import neuropil as npl
import pytest


def test_an_experiment_runs_and_its_claims_come_back(tmp_path):
    result = npl.reproduce.run("surprise.surprise-vs-error", out=tmp_path / "report")
    assert (result.folder / "index.html").exists()
    assert {claim["experiment"] for claim in result.claims} == {"surprise.surprise-vs-error"}
    assert all(isinstance(claim["holds"], bool) for claim in result.claims)
    assert "claims hold" in repr(result)


def test_an_unknown_experiment_is_refused_with_the_sentence_of_the_program(tmp_path):
    with pytest.raises(npl.NeuropilError, match="surprise"):
        npl.reproduce.run("surprise.nothing", out=tmp_path / "report")
