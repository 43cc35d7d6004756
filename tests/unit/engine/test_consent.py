"""The dialogue about what a provider needs consent for."""

from __future__ import annotations

from typing import Any

import pytest

from dstream_core.engine.asking import CancelledError, NeedsConsentError, ask_until_decided
from dstream_core.protocol.result import Result
from dstream_core.runtime.values import VerbOutcome


class Provider:
    """Needs one decision after the other."""

    def __init__(self, *needs: str):
        self.needs = needs
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, consent: tuple[str, ...]) -> VerbOutcome:
        self.asked.append(consent)
        missing = tuple(need for need in self.needs if need not in consent)[:1]
        return VerbOutcome(Result(failed=bool(missing), needs=missing, message="because"), {}, 1 if missing else 0)


class Person:
    def __init__(self, *answers: bool):
        self.answers = list(answers)
        self.questions: list[str] = []
        self.interactive = bool(answers)

    def confirm(self, question: str) -> bool:
        self.questions.append(question)
        return self.answers.pop(0)


def decide(provider: Provider, person: Person, *, yes: bool = False) -> VerbOutcome:
    front: Any = person
    return ask_until_decided(front, yes=yes, what="dstream init t", given=(), attempt=provider)


def test_each_need_is_asked_for_once() -> None:
    provider, person = Provider("install", "delete"), Person(True, True)
    assert not decide(provider, person).result.failed
    assert provider.asked == [(), ("install",), ("install", "delete")]
    assert len(person.questions) == 2
    assert "because" in person.questions[0]


def test_yes_answers_everything() -> None:
    provider = Provider("install", "replace")
    assert not decide(provider, Person(), yes=True).result.failed
    assert provider.asked[-1] == ("install", "replace")


def test_nobody_is_there() -> None:
    with pytest.raises(NeedsConsentError) as caught:
        decide(Provider("delete"), Person())
    assert "delete" in caught.value.message
    assert "--yes" in str(caught.value.hint)


def test_no() -> None:
    provider = Provider("delete")
    with pytest.raises(CancelledError):
        decide(provider, Person(False))
    assert provider.asked == [()]


def test_a_provider_that_asks_for_the_same_again_has_failed() -> None:
    def attempt(consent: tuple[str, ...]) -> VerbOutcome:
        return VerbOutcome(Result(failed=True, needs=("delete",)), {}, 1)

    front: Any = Person()
    outcome = ask_until_decided(front, yes=True, what="x", given=(), attempt=attempt)
    assert outcome.result.failed
