"""What a layer costs by the room it has in L2, its operands in given places: known as far as it was asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from archsim.accelerators.choice import Choice


@dataclass(frozen=True)
class Answer:
    """The best row for a room of L2: no other row that fits is cheaper. None fits: then the cost is inf."""

    room_bytes: float
    need_bytes: float
    cost: float
    choice: Choice | None


@dataclass(frozen=True)
class Level:
    """With so many bytes of L2 the layer costs so much: as answered, or (answer None) no less than that."""

    need_bytes: float
    cost: float
    answer: Answer | None


@dataclass
class CostCurve:
    """Cost falls with the room in steps. No row needs less than `need_bytes`, or costs less than `floor`."""

    need_bytes: float
    floor: float
    guess: Level  # of both, until it was asked
    tolerance: float  # what could be less by no more than this share is not told
    answers: list[Answer] = field(default_factory=list)  # by room

    def learn(self, answer: Answer) -> None:
        self.answers = sorted((*self.answers, answer), key=lambda each: each.room_bytes)

    def raise_floor(self, bound: float) -> None:
        self.floor = max(self.floor, bound)

    def with_all_room(self, room_bytes: float) -> float:
        """The least cost with so much room, the most there is; no less than that."""
        known = [a.cost for a in self.answers if a.room_bytes >= room_bytes]
        return min(known, default=self.floor)

    def is_known(self, room_bytes: float) -> bool:
        """Whether it was asked what is best with so much room, or that follows from another answer."""
        return any(a.need_bytes <= room_bytes <= a.room_bytes for a in self.answers) or any(
            a.choice is None and room_bytes <= a.room_bytes for a in self.answers
        )

    def cheapest(self, room_bytes: float) -> Answer | None:
        """The best of the known rows that fit."""
        fitting = [a for a in self.answers if a.need_bytes <= room_bytes]
        return min(fitting, key=lambda a: a.cost, default=None)

    def guesses(self) -> list[Level]:
        """What is known, or else the guess."""
        return [level for level in self.levels() if level.answer is not None] or [self.guess]

    def levels(self) -> Iterator[Level]:
        """What may be worth choosing."""
        tried, least = self.need_bytes - 1, inf  # with this room, no less than that
        for answer in (*self.answers, Answer(inf, inf, self.floor, None)):
            begins = tried + 1
            if answer.cost < least * (1 - self.tolerance) and answer.need_bytes > begins:
                yield Level(begins, answer.cost, None)
            if answer.choice is not None and answer.cost < least:
                yield Level(answer.need_bytes, answer.cost, answer)
                least = answer.cost
            tried = answer.room_bytes
